// docs/log.md against what the log says.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readBuild, readCopy } from '../../src/nix/describe-meter';
import { parseNixLog } from '../../src/nix/log';
import { NixMeter } from '../../src/nix/meter';
import { bytesOf, type Reading, withProgressLines } from '../../src/progress-lines';
import { blocksOf } from '../support/documents';
import { FakeClock, RecordingLog } from './support';

const page = 'docs/log.md';

test('whoever prints through us is in the table', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const origins = sources.flatMap((file) =>
    [...readFileSync(join('src', file), 'utf8').matchAll(/\bforeign\('([^']+)'/g)].map(
      ([, origin]) => origin,
    ),
  );
  expect(new Set(origins).size).toBeGreaterThan(8);
  const text = readFileSync(page, 'utf8');
  for (const origin of origins) expect(text).toContain(`\`${origin}>\``);
});

/** The last line that is said in so many seconds, of work that is as far as `read` says at a time. */
async function lineAfter(seconds: number, what: string, read: (seconds: number) => Reading): Promise<string> {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const end = Promise.withResolvers<void>();
  const work = withProgressLines(
    { log, clock },
    what,
    () => read(clock.now() / 1000),
    () => end.promise,
  );
  for (let second = 0; second < seconds; second++) {
    clock.advance(1000);
    await turn();
  }
  end.resolve();
  await work;
  return (log.lines.at(-1) ?? '').replace(/^info: /, '');
}

const hash = 'djvnygh7rjsi6mz4ijp93brxps0f2pqi';
const socket = 'unix:///run/store.sock';

/** What Nix has said until then, and how far that is. */
function meterOf(now: number, ...records: object[]): NixMeter {
  let time = 0;
  const meter = new NixMeter(() => time, { destination: socket });
  for (const record of records) {
    if ('at' in record) time = Number(record.at) * 1000;
    meter.add(parseNixLog(`@nix ${JSON.stringify(record)}`));
  }
  time = now * 1000;
  return meter;
}
const start = (at: number, id: number, type: number, fields: unknown[] = [], text = '') => ({
  at,
  action: 'start',
  id,
  type,
  fields,
  text,
});
const result = (id: number, type: number, ...fields: number[]) => ({ action: 'result', id, type, fields });
const build = (at: number, id: number, name: string) =>
  start(at, id, 105, [`/nix/store/${hash}-${name}.drv`, '', 1, 1]);

test('lines of the page are as they come from Nix’s own log', async () => {
  const shown = blocksOf(page, 'While it takes long').flatMap(({ text }) => text.split('\n'));
  const building = await lineAfter(120, 'building', (now) =>
    readBuild(
      meterOf(
        now,
        ...[start(0, 1, 102), start(0, 2, 104), start(0, 3, 103)],
        ...[result(2, 105, 112, 402, 4, 0), result(3, 105, 38, 210, 1, 0), result(1, 106, 101, 456_700_000)],
        ...[start(0, 9, 101, ['https://cache']), result(9, 105, now < 120 ? 57_400_000 : 123_400_000, 0)],
        ...[
          build(25, 4, 'linux-6.12.30'),
          build(108, 5, 'firefox-140.0'),
          build(110, 6, 'mesa-25.1'),
          build(110, 7, 'b'),
        ],
      ),
    ),
  );
  expect(shown).toContain(building);
  const copying = await lineAfter(60, 'copying nixos-system-web-1-25.11', (now) =>
    readCopy(
      meterOf(
        now,
        ...[start(0, 3, 103), result(3, 105, 310, 310, 0, 0)],
        ...[start(0, 4, 100, ['/nix/store/x', 'https://cache', 'local']), result(4, 105, 205_100_000, 0)],
        ...[start(0, 5, 103, [], 'copying 1201 paths'), result(5, 106, 100, 456_700_000)],
        result(5, 105, 312, 1201, 1, 0),
      ),
      now < 60 ? 33_400_000 : 123_400_000,
    ),
  );
  expect(shown).toContain(copying);
  const sending = await lineAfter(30, 'sending the kexec image', (now) => {
    const bytes = now < 30 ? 3_900_000 : 12_300_000;
    return { done: bytesOf(bytes, 352_100_000), bytes };
  });
  expect(shown).toContain(sending);
});
