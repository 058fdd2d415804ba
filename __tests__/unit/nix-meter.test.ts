// How far a Nix command is, by its own log: the lines are those of Nix 2.26.
import { describe, expect, test } from 'vitest';
import { readBuild, readCopy } from '../../src/nix/describe-meter';
import { parseNixLog } from '../../src/nix/log';
import { type MeterOptions, NixMeter } from '../../src/nix/meter';
import { nameOfPath } from '../../src/nix/store-path';

const hash = 'djvnygh7rjsi6mz4ijp93brxps0f2pqi';
const socket = 'unix:///run/x/store.sock';

/** A meter that hears Nix, and a clock for it. */
function listening(options: MeterOptions = {}) {
  let now = 0;
  const meter = new NixMeter(() => now, options);
  const say = (...records: object[]) => {
    for (const record of records) meter.add(parseNixLog(`@nix ${JSON.stringify(record)}`));
  };
  const pass = (seconds: number) => {
    now += seconds * 1000;
  };
  return { meter, say, pass };
}

const start = (id: number, type: number, fields: unknown[] = [], text = '') => ({
  action: 'start',
  id,
  type,
  text,
  fields,
});
const stop = (id: number) => ({ action: 'stop', id });
const progress = (id: number, ...fields: number[]) => ({ action: 'result', id, type: 105, fields });
const expected = (id: number, type: number, amount: number) => ({
  action: 'result',
  id,
  type: 106,
  fields: [type, amount],
});
const build = (id: number, name: string) => start(id, 105, [`/nix/store/${hash}-${name}.drv`, '', 1, 1]);

describe('a build', () => {
  test('n of m, and what is built now, the longest first', () => {
    const { meter, say, pass } = listening();
    expect(readBuild(meter)).toEqual({ done: '', bytes: undefined, now: '' });
    say(start(1, 102), start(2, 104), start(3, 103));
    say(build(10, 'linux-6.12.30'), progress(2, 0, 400, 1, 0));
    pass(20);
    say(build(11, 'a'), build(12, 'b'), build(13, 'c'), build(14, 'd'), stop(11), progress(2, 1, 400, 4, 0));
    pass(5);
    expect(readBuild(meter)).toEqual({
      done: '1 of 400 derivations built',
      bytes: undefined,
      now: 'now linux-6.12.30 (25 s), b (5 s), c (5 s) and 1 more',
    });
  });

  test('what was asked for is not built for ever, though Nix says nothing of its end', () => {
    const { meter, say, pass } = listening({ wanted: [`/nix/store/${hash}-disko.drv`] });
    say(start(2, 104), build(10, 'disko'), progress(2, 0, 3, 1, 0));
    pass(5);
    expect(readBuild(meter).now).toBe('now disko (5 s)');
    say(progress(2, 1, 3, 0, 0));
    expect(readBuild(meter).now).toBe('');
    say(build(11, 'linux'), progress(2, 1, 3, 1, 0));
    pass(60);
    expect(readBuild(meter).now).toBe('now linux (60 s)');
  });

  test('what is fetched, in bytes of the network where Nix tells them', () => {
    const { meter, say } = listening();
    say(start(1, 102), start(3, 103), progress(3, 1, 3, 1, 0));
    say(expected(1, 101, 3_000_000), expected(1, 100, 9_000_000));
    say(
      start(20, 100, [`/nix/store/${hash}-x`, 'https://cache', 'local']),
      progress(20, 2_000_000, 6_000_000),
    );
    expect(readBuild(meter)).toMatchObject({ done: '1 of 3 paths fetched (2.0 MB of 9.0 MB)', bytes: 2e6 });
    say(start(21, 101, ['https://cache/nar/1']), progress(21, 700_000, 1_000_000), stop(20));
    expect(readBuild(meter)).toMatchObject({ done: '1 of 3 paths fetched (700.0 kB of 3.0 MB)', bytes: 7e5 });
    // what has ended counts on
    say(stop(21), start(22, 101), progress(22, 100_000, 2_000_000));
    expect(readBuild(meter).bytes).toBe(8e5);
    say(progress(3, 3, 3, 0, 0), stop(3));
    expect(readBuild(meter)).toMatchObject({
      done: expect.stringMatching(/^3 of 3 paths/),
      bytes: undefined,
    });
  });

  test('an evaluation tells what it fetches', () => {
    const { meter, say } = listening();
    say(start(1, 101, ['https://example.org/flake.tar.gz?token=x']), progress(1, 12_300_000, 0));
    expect(readBuild(meter)).toEqual({ done: '12.3 MB fetched', bytes: 12_300_000, now: '' });
  });
});

describe('a copy to the machine', () => {
  test('what is sent is told apart from what the machine fetches itself', () => {
    const { meter, say } = listening({ destination: socket });
    say(start(1, 102), start(2, 104), start(3, 103), progress(3, 12, 310, 1, 0));
    say(start(4, 100, ['/nix/store/x', 'https://cache', 'local']), progress(4, 5_000_000, 6_000_000));
    expect(readCopy(meter, 30_000)).toEqual({
      done: '30.0 kB sent, the machine fetches 12 of 310 paths itself (5.0 MB)',
      bytes: 5_030_000,
      now: '',
    });
    say(progress(3, 310, 310, 0, 0), stop(4), stop(3), stop(2), stop(1));
    say(start(5, 103, [], 'copying 1201 paths'), expected(5, 100, 456_700_000), progress(5, 312, 1201, 1, 0));
    say(start(6, 100, ['/nix/store/y', 'local', socket]), progress(6, 1000, 2000));
    expect(readCopy(meter, 123_400_000)).toMatchObject({
      done: '312 of 1201 paths sent, 123.4 MB of 456.7 MB, the machine has fetched 310 paths itself (5.0 MB)',
      bytes: 128_400_000,
    });
    say(stop(6), progress(5, 1200, 1201, 1, 0), stop(5));
    expect(readCopy(meter, 470_000_000).done).toMatch(/^1201 of 1201 paths sent, 470.0 MB, /);
  });

  test('a build there: what is sent for it has no number of paths to wait for', () => {
    const { meter, say, pass } = listening({ destination: socket });
    say(start(2, 104), build(9, 'second'), progress(2, 1, 2, 1, 0));
    pass(61);
    expect(readCopy(meter, 2_000_000)).toEqual({
      done: '1 of 2 derivations built, 2.0 MB sent',
      bytes: undefined,
      now: 'now second (61 s)',
    });
  });
});

test('a name has nothing in it that no name can have', () => {
  expect(nameOfPath(`/nix/store/${hash}-a-1.0.drv`)).toBe('a-1.0');
  expect(nameOfPath(`/nix/store/${hash}-a\nverify: done ::error::\u001b[1m.drv`)).toBe('averifydoneerror1m');
});
