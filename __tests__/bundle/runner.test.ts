// What the bundle says of the runner that it was started on, before anything else.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';

const smokeFlake = fileURLToPath(new URL('../../testbed/smoke', import.meta.url));

/** Has node say that it runs on Windows, from the moment on when the bundle is loaded. */
function onWindows(): Record<string, string> {
  const hook = join(temporaryFolder('hook'), 'hook.cjs');
  // os first: with it come line ends, and the files that answer the runner are read here as on Linux
  writeFileSync(hook, `require('node:os'); Object.defineProperty(process, 'platform', { value: 'win32' });`);
  return { NODE_OPTIONS: `--require ${hook}` };
}

test('a Windows runner is refused before inputs are looked at', async () => {
  const run = await runBundle({ inputs: { flake: 'no name' }, env: onWindows() });
  expect(run.code).toBe(1);
  expect(run.errors).toHaveLength(1);
  expect(run.errors[0]).toMatch(/^this runner runs Windows, .*WSL2/);
  expect(run.errors[0]).not.toContain('input ');
  expect(run.result).toMatchObject({ targetState: 'untouched', failure: { kind: 'guard', phase: null } });
});

test('deprecated names are annotations, in a run that contacts no machine too', async () => {
  // the flake with which CI tries other runners
  const inputs = { flake: `path:${smokeFlake}#demo`, plan: 'offline', 'no-reboot': 'true', tty: 'true' };
  const run = await runBundle({ inputs });
  expect(run.code, run.log).toBe(0);
  expect(run.warnings).toContain('input no-reboot: is deprecated; write phases: kexec,disko,install instead');
  expect(run.warnings).toContainEqual(expect.stringContaining('input tty: is deprecated'));
  expect(run.warnings).toHaveLength(2);
});
