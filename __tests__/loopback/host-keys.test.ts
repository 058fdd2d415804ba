// Which host keys the new system has before it boots, decided by the inputs.
import { expect } from 'vitest';
import { prepareHostKeys } from '../../src/phases/host-keys';
import { test } from '../support/concurrent';
import { contextOf } from '../support/context';
import { script, startMachine, targetOf } from '../support/machine';
import { testRuntime } from '../support/runtime';

const key = '/etc/ssh/ssh_host_ed25519_key';
/** A key that only this machine has, whatever this computer has in /etc/ssh. */
const makeKey = `mount -t tmpfs tmpfs /etc/ssh && ssh-keygen -q -t ed25519 -N '' -C '' -f ${key} && cut -d' ' -f2 ${key}.pub`;

test('are given to the new system only when that is asked for', async () => {
  for (const asked of ['true', 'false']) {
    const sshd = await startMachine();
    const runtime = testRuntime();
    const target = targetOf(sshd, runtime);
    const old = (await target.run(script(makeKey), [])).stdout.trim();
    const context = await contextOf(sshd, target, runtime, { 'copy-host-keys': asked });
    const hostKeys = [{ type: 'ed25519', path: key, bits: '' }];
    await prepareHostKeys({ ...context, evaluation: { ...context.evaluation, hostKeys } });
    const there = (await target.run(script(`cut -d' ' -f2 /mnt${key}.pub`), [])).stdout.trim();
    expect(there).toMatch(/^AAAA/);
    expect(there === old).toBe(asked === 'true');
  }
});
