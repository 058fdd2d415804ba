import { expect, test } from 'vitest';
import { ConnectionError } from '../../src/errors';
import { CleanUp } from '../../src/phases/clean-up';
import type { PhaseContext } from '../../src/phases/context';
import { kexec } from '../../src/phases/kexec';
import { Progress } from '../../src/report/result';
import { machineSettings } from '../support/settings';
import { debian } from '../support/situation';
import { fakeRuntime, makeTestKey } from './support';

/** What was run on a machine that takes a key along, and whose kexec ends like this. */
async function jump(follow: () => Promise<unknown>): Promise<string[]> {
  const ran: string[] = [];
  const seen = new Error('far enough');
  const target = {
    run: async ({ name }: { name: string }) => {
      ran.push(name);
      return name === 'detached-follow.sh' ? follow() : { code: 0, stdout: '', errorLines: [] };
    },
    isStillIn: async () => false,
    waitUntilGone: () => Promise.reject(seen),
  };
  const context = {
    settings: machineSettings({ flake: '.#x', 'target-host': 'root@x', 'ssh-private-key': makeTestKey() }),
    runtime: fakeRuntime(),
    target,
    plan: { authorizeKey: true },
    facts: debian,
    progress: new Progress(),
    cleanUp: new CleanUp(),
    lease: { end: () => undefined },
    stagedImage: '/root/image',
  };
  await expect(kexec(context as unknown as PhaseContext)).rejects.toBe(seen);
  return ran;
}

test('the key that was added is withdrawn before the jump', async () => {
  const ended = async () => ({ code: 0, stdout: '', errorLines: ['ended 0'] });
  expect(await jump(ended)).toEqual([
    'authorize.sh',
    'detached-start.sh',
    'detached-follow.sh',
    'deauthorize.sh',
  ]);
});

test('after a jump that came at once it is not: the installer may answer, which lets nobody else in', async () => {
  const dropped = () => Promise.reject(new ConnectionError('dropped', 'the connection was lost'));
  expect(await jump(dropped)).not.toContain('deauthorize.sh');
});
