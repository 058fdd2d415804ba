// docs/login.md: other users than root, and agents.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import { runBundle } from '../support/bundle';
import { onMachine } from '../support/carry-out';
import { atEnd, test } from '../support/concurrent';
import { expectShown, expectTroubles } from '../support/documents';
import { installableFlake } from '../support/install';
import { startMachine, withPasswords } from '../support/machine';
import { temporaryFolder, until } from '../support/runtime';
import { shownStep } from '../support/shown-steps';

const page = 'docs/login.md';

function stepFor(heading: string, sshd: Sshd, expressions: Record<string, string>, user = 'root') {
  // sshd reads authorized_keys as the user who logs in
  chmodSync(sshd.dir, 0o755);
  const here = onMachine(sshd, {
    expressions,
    instead: { flake: `${installableFlake('true')}#demo`, 'target-host': `${user}@${sshd.host}` },
    besides: { cache: 'false' },
  });
  return shownStep(page, heading, here);
}

test('a user who becomes root by sudo’s password, and by doas without one; and two who cannot', async () => {
  const heading = 'As a user who is not root';
  const password = 'correct-horse-battery';
  const etc = { ...withPasswords({ guest: password }), sudoers: 'guest ALL=(ALL) ALL\n' };
  const sshd = await startMachine({ etc });
  const secrets = { 'secrets.SUDO_PASSWORD': password };
  const inputs = stepFor(heading, sshd, secrets, 'guest').inputs;
  const run = await runBundle({ inputs });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log.replaceAll('guest@', 'admin@'), 'docs/login.md', 'As a user who is not root');
  const without = await runBundle({ inputs: { ...inputs, 'sudo-password': '' } });
  const wrong = await runBundle({ inputs: { ...inputs, 'sudo-password': 'mistyped-mistyped' } });
  expectTroubles([without.log, wrong.log], page, heading);
  const byDoas = await startMachine({
    hidden: ['sudo'],
    etc: { ...withPasswords({ guest: password, root: password }), 'doas.conf': 'permit nopass guest\n' },
  });
  const doas = await runBundle({
    inputs: { ...stepFor(heading, byDoas, secrets, 'guest').inputs, 'sudo-password': '' },
  });
  expect(doas.code, doas.log).toBe(0);
});

test('an agent that holds the key, and one that does not', async () => {
  const heading = 'By an ssh-agent';
  const sshd = await startMachine();
  const socket = join(temporaryFolder('agent'), 'socket');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  atEnd(() => void agent.kill());
  await until('the agent listens', () => existsSync(socket));
  const step = stepFor(heading, sshd, { 'secrets.CACHE_SIGNING_KEY': '' });
  expect(Object.keys(step.env)).toEqual(['SSH_AUTH_SOCK']);
  const env = { SSH_AUTH_SOCK: socket };
  const { inputs } = step;
  const without = await runBundle({ inputs, env });
  expectTroubles([without.log], page, heading);
  execFileSync('ssh-add', ['-q', sshd.clientKey.path], { env: { ...process.env, ...env } });
  const run = await runBundle({ inputs, env });
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/login.md', 'By an ssh-agent');
});
