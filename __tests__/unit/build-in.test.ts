// How a build on the target is asked for.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Nix } from '../../src/nix/nix';
import { FakeProcesses, fakeRuntime } from './support';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'nix-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const settings = JSON.stringify({ system: { value: 'x86_64-linux' }, store: { value: 'daemon' } });

/** What Nix is called with for a build on the target, after it was asked for its settings. */
async function buildCall(options: [string, string][], knowsConfigShow = true) {
  const processes = new FakeProcesses(({ args }) => {
    if (args[0] === 'build') return {};
    return args[0] === 'config' && !knowsConfigShow ? { code: 1 } : { stdout: settings };
  });
  const nix = new Nix(
    { options, printBuildLogs: false, idleMs: 1000 },
    fakeRuntime({ processes, privateFolder: dir }),
  );
  const { signal } = new AbortController();
  await nix.buildIn('unix:///sock', '/nix/store/x.drv^*', { signal, alsoAlive: () => undefined });
  return processes.calls.at(-1);
}

test('evaluated here, built there, with none of the runner’s settings', async () => {
  const call = await buildCall([]);
  const args = call?.args.join(' ') ?? '';
  expect(args).toContain('--eval-store daemon --store unix:///sock --no-link');
  expect(args).toContain('--option cores 0 --option max-jobs auto');
  expect(args).toMatch(/ \/nix\/store\/x\.drv\^\*$/);
  expect(call?.options.env).toMatchObject({ NIX_CONFIG: '', NIX_USER_CONF_FILES: '' });
});

test('of the user’s settings only those that say how to build go along, and win', async () => {
  const args = (
    await buildCall([
      ['max-jobs', '1'],
      ['sandbox', 'false'],
      ['substituters', 'https://x'],
      ['timeout', '60'],
    ])
  )?.args.join(' ');
  expect(args).toContain('--option max-jobs auto --option max-jobs 1 --option timeout 60');
  expect(args).not.toMatch(/sandbox|substituters/);
});

test('Nix 2.18, which has no config show, is asked as it knows it', async () => {
  expect((await buildCall([], false))?.args).toContain('daemon');
});
