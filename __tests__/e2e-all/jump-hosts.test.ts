// A machine that is reached through two others.
import { beforeAll, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { Sshd } from '../../testbed/sshd.mts';
import { runScenario, whoAreYou } from '../e2e/support';

beforeAll(() => ensureImages());

it('a machine behind two jump hosts is installed through them', async () => {
  const first = await Sshd.start();
  // neither lets the machine's key in
  const second = await Sshd.start({ authorizedKeys: [first.clientKey.public] });
  const machine = await Machine.start({ name: 'jump-hosts', snapshot: 'target' });
  try {
    const hop = (sshd: Sshd) => `${sshd.user}@${sshd.host}:${sshd.port}`;
    const result = await runScenario({
      name: 'jump-hosts',
      machine,
      inputs: {
        'ssh-option': `ProxyJump=${hop(first)},${hop(second)}`,
        'jump-ssh-private-key': first.clientKey.private,
        'known-hosts': [
          first.hostKeyLine('ed25519'),
          second.hostKeyLine('ed25519'),
          await machine.hostKeys(),
        ].join('\n'),
      },
    });
    expect(result.code, result.log).toBe(0);
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    expect((await whoAreYou(machine)).hostName).toBe('host-jump-hosts');
    for (const sshd of [first, second]) expect(sshd.log()).toContain('Accepted publickey');
  } finally {
    await machine.stop();
    await first.stop();
    await second.stop();
  }
});
