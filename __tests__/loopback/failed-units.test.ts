// Asking a system that is coming up which of its units failed. systemctl is a stand-in; a real one answers in e2e.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { reportFailedUnits } from '../../src/phases/failed-units';
import { test } from '../support/concurrent';
import { contextOf } from '../support/context';
import { script, startMachine, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';

/** Asks a machine whose systemctl is this shell text; time passes at once. */
async function asked(systemctl: string | undefined) {
  const bin = temporaryFolder('bin');
  if (systemctl !== undefined)
    writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\n${systemctl}\n`, { mode: 0o755 });
  const sshd = await startMachine({ environment: { PATH: `${bin}:/usr/bin:/bin` } });
  let now = 0;
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime);
  if (systemctl !== undefined) await target.run(script('mkdir -p /run/systemd/system'), []);
  const context = await contextOf(sshd, target, runtime);
  await reportFailedUnits({ ...context, runtime: { ...runtime, clock } });
  return { failedUnits: context.progress.failedUnits, log: runtime.log.text, seconds: now / 1000 };
}

const units = 'echo one.service loaded failed failed x; echo two.mount loaded failed failed y';

test('failed units are a warning', async () => {
  const { failedUnits, log, seconds } = await asked(`case $1 in is-*) echo degraded ;; *) ${units} ;; esac`);
  expect(failedUnits).toEqual(['one.service', 'two.mount']);
  expect(log).toMatch(/^warning: Units of the new system failed: one\.service, two\.mount\./m);
  expect(seconds).toBe(0);
});

test('a system that is starting is waited for', async () => {
  const state =
    'echo x >>/run/asked; if [ $(wc -l </run/asked) -lt 4 ]; then echo starting; else echo degraded; fi';
  const { failedUnits, seconds } = await asked(`case $1 in is-*) ${state} ;; *) ${units} ;; esac`);
  expect(failedUnits).toEqual(['one.service', 'two.mount']);
  expect(seconds).toBe(6);
});

test('one that never comes to its end is waited for a minute', async () => {
  const { failedUnits, log, seconds } = await asked('case $1 in is-*) echo starting ;; esac');
  expect(failedUnits).toEqual([]);
  expect(log).toContain('still starting units');
  expect(log).not.toContain('warning:');
  expect(seconds).toBe(60);
});

test('a machine without systemd has nothing to say', async () => {
  expect(await asked(undefined)).toMatchObject({
    failedUnits: null,
    log: expect.not.stringContaining('warning'),
  });
});

test('one that does not answer is a warning, no failure', async () => {
  const { failedUnits, log } = await asked('kill -9 $PPID');
  expect(failedUnits).toBeNull();
  expect(log).toMatch(/^warning: The new system could not be asked for failed units/m);
});
