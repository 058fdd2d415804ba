// Ways to log in and to become root other than a key and NOPASSWD.
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { privateKey, runScenario, type Scenario, whoAreYou } from '../e2e/support';
import { expectNoLeak } from '../support/leak';

const password = 'pass word, "Übung" & $HOME %s';
const setPassword = `echo 'debian:${password}' | chpasswd`;
const sudoAsks = 'rm /etc/sudoers.d/debian';
const noKeys = 'rm -r /home/debian/.ssh /root/.ssh';

describe('a user with a password', () => {
  beforeAll(() => ensureImages());

  async function withMachine(
    prepare: readonly string[],
    work: (
      machine: Machine,
      run: (inputs: Scenario['inputs']) => ReturnType<typeof runScenario>,
    ) => Promise<void>,
  ): Promise<void> {
    const machine = await Machine.start({ name: 'password', snapshot: 'target' });
    try {
      const pinned = await machine.hostKeys();
      const { code, stderr } = await machine.ssh([setPassword, ...prepare].join(' && '));
      expect(code, stderr).toBe(0);
      await work(machine, async (inputs) => {
        const result = await runScenario({
          name: 'password',
          machine,
          inputs: { 'target-host': 'debian@127.0.0.1', 'known-hosts': pinned, ...inputs },
        });
        expectNoLeak(result, [password]);
        return result;
      });
    } finally {
      await machine.stop();
    }
  }

  it('logs in by key and becomes root with the password; with a wrong one nothing is done', async () => {
    await withMachine([sudoAsks], async (machine, run) => {
      const before = await machine.bootId();
      const wrong = await run({ 'sudo-password': 'not this one', phases: 'kexec' });
      expect(wrong.code).toBe(1);
      expect(wrong.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'untouched' });
      expect(await machine.bootId()).toBe(before);
      const result = await run({ 'sudo-password': password, phases: 'kexec' });
      expect(result.code, result.log).toBe(0);
      expect(result.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
    });
  });

  it('logs in with the password, becomes root with it, and the machine is installed without a key of ours', async () => {
    await withMachine([sudoAsks, noKeys], async (machine, run) => {
      const result = await run({
        'ssh-private-key': '',
        'ssh-password': password,
        'post-install-ssh-private-key': privateKey(),
      });
      expect(result.code, result.log).toBe(0);
      expect(result.outputs).toMatchObject({
        outcome: 'installed',
        'target-state': 'booted',
        verified: 'system',
      });
      expect((await whoAreYou(machine)).hostName).toBe('host-password');
    });
  });
});
