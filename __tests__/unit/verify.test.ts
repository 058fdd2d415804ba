import type { AddressInfo } from 'node:net';
import { Server, utils } from 'ssh2';
import { expect, onTestFinished, test } from 'vitest';
import type { PhaseContext } from '../../src/phases/context';
import { verify } from '../../src/phases/verify';
import { Progress } from '../../src/report/result';
import { systemClock } from '../../src/runtime';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import type { HostKey } from '../../src/ssh/host-keys';
import { Target } from '../../src/ssh/target';
import { configured } from '../support/evaluation';
import { machineSettings } from '../support/settings';
import { installer } from '../support/situation';
import { fakeRuntime, makeTestKey } from './support';

/** An SSH server that lets only root in and tells every script the same boot id, once `away` connections were closed. */
async function startInstaller(hostKey: string, bootId: string, away: number): Promise<number> {
  let connections = 0;
  const server = new Server({ hostKeys: [hostKey] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (attempt) => {
      if (attempt.username === 'root' && attempt.method === 'publickey') attempt.accept();
      else attempt.reject(['publickey']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (acceptExec) => {
        const channel = acceptExec();
        channel.once('data', (script: Buffer) => {
          const [, marker] = /printf '\\n%s\\n' '([^']+)'/.exec(script.toString()) ?? [];
          channel.write(`\n${marker}\n${bootId}\n`);
          channel.exit(0);
          channel.end();
        });
      });
    });
    connections += 1;
    if (connections <= away) client.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test('the refusal of an installer that was only out of reach for a moment proves nothing', async () => {
  const [hostKey, loginKey] = [makeTestKey(), makeTestKey()];
  const port = await startInstaller(hostKey, installer.bootId, 1);
  const parsed = utils.parseKey(hostKey);
  if (parsed instanceof Error) throw parsed;
  const key: HostKey = { type: parsed.type, base64: parsed.getPublicSSH().toString('base64') };
  const settings = machineSettings({
    flake: '.#test',
    'target-host': 'root@127.0.0.1',
    'ssh-port': String(port),
    'post-kexec-ssh-port': String(port),
    'ssh-private-key': loginKey,
    'copy-host-keys': 'true',
    'post-install-ssh-user': 'admin',
    'reboot-timeout': '7',
  });
  const runtime = fakeRuntime({ clock: systemClock });
  const target = new Target(
    {
      endpoint: { host: '127.0.0.1', port, user: 'root' },
      login: { privateKey: loginKey },
      trust: HostKeyTrust.pinned([key]),
      connectMs: 5000,
      idleMs: 5000,
    },
    runtime,
  );
  onTestFinished(() => target.close());
  const progress = new Progress();
  progress.targetState = 'installed';
  progress.expectedHostKeys = [key];
  const plan = { action: 'install', phases: ['install', 'reboot', 'verify'] };
  const context = { settings, evaluation: configured, progress, runtime, target, plan, facts: installer };
  await expect(verify(context as unknown as PhaseContext)).rejects.toThrow(
    /did not finish within \d.\d s; last seen: still the old boot/,
  );
  expect(progress).toMatchObject({ verified: 'none', targetState: 'installed' });
});
