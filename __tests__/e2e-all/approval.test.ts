import type { ChildProcess } from 'node:child_process';
import { beforeAll, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { runScenario, whoAreYou } from '../e2e/support';

beforeAll(() => ensureImages());

it('an approved install that was killed in disko is completed with the same approval, and with no other', async () => {
  const machine = await Machine.start({ name: 'approval', snapshot: 'target' });
  try {
    const pinned = await machine.hostKeys();
    let child: ChildProcess | undefined;
    let killAt: RegExp | undefined;
    const run = (inputs: Record<string, string>, hostName = 'host-approval') =>
      runScenario({
        name: 'approval',
        machine,
        configuration: 'slow',
        hostName,
        inputs: { 'known-hosts': pinned, ...inputs },
        onStart: (started) => {
          child = started;
        },
        onLine: (line) => {
          if (killAt?.test(line)) child?.kill('SIGKILL');
        },
      });
    const plan = await run({ plan: 'true' });
    expect(plan.code, plan.log).toBe(0);
    const approved = plan.outputs['plan-digest'] ?? '';

    killAt = /^disko> .*\b3\b/;
    expect((await run({ 'approved-plan': approved })).signal).toBe('SIGKILL');
    killAt = undefined;

    const other = await run({ 'approved-plan': approved }, 'other-host');
    expect(other.code).toBe(1);
    expect(other.log).toContain('; the configuration gives another system');
    expect(other.log).not.toContain('::group::build');

    const result = await run({ 'approved-plan': approved });
    expect(result.code, result.log).toBe(0);
    expect(result.log).toContain('the machine is in the installer of an earlier run with this approval');
    expect(result.outputs).toMatchObject({ outcome: 'installed', 'target-state': 'booted' });
    expect(result.outputs['plan-digest']).not.toBe(approved);
    expect((await whoAreYou(machine)).hostName).toBe('host-approval');
  } finally {
    await machine.stop();
  }
});
