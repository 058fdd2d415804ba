// docs/network.md: jump hosts, VPNs, IPv6 alone, and addresses that change with the kexec, as the page says to write them. Addresses
// of loopback stand in for those of a VPN, and for those that change; no VPN is there, and nothing reboots.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import { type BundleRun, imageThat, runBundle } from '../support/bundle';
import { onMachine } from '../support/carry-out';
import { atEnd, test } from '../support/concurrent';
import { blockOf, expectShown, expectTroubles } from '../support/documents';
import { installableFlake } from '../support/install';
import { startMachine } from '../support/machine';
import { startNetwork } from '../support/network';
import { temporaryFolder } from '../support/runtime';
import { shownStep } from '../support/shown-steps';

// several runs each
vi.setConfig({ testTimeout: 120_000 });

const page = 'docs/network.md';

interface Way {
  readonly heading: string;
  readonly sshd: Sshd;
  readonly bastion?: Sshd;
  readonly instead: Record<string, string>;
  readonly besides?: Record<string, string>;
}

function inputsOf({ heading, sshd, bastion, instead, besides }: Way): Record<string, string> {
  const known = [sshd, ...(bastion === undefined ? [] : [bastion])].map((each) =>
    each.hostKeyLine('ed25519'),
  );
  const here = onMachine(sshd, {
    expressions: {
      'secrets.JUMP_SSH_PRIVATE_KEY': bastion?.clientKey.private ?? '',
      'vars.KNOWN_HOSTS': known.join('\n'),
    },
    instead: { flake: `${installableFlake('true')}#demo`, ...instead },
    ...(besides === undefined ? {} : { besides }),
  });
  return shownStep(page, heading, here).inputs;
}

/** Once the image has started the machine comes back as an installer, after this. */
interface Jump {
  readonly sshd: Sshd;
  readonly jump: (
    inputs: Record<string, string>,
    comeBack: () => void,
    launcher?: readonly string[],
  ) => Promise<BundleRun>;
}

async function machineThatJumps(options: Parameters<typeof startMachine>[0] = {}): Promise<Jump> {
  const isInstaller = join(temporaryFolder('flag'), 'installer');
  const sshd = await startMachine({ installer: isInstaller, ...options });
  return {
    sshd,
    jump: (inputs, comeBack, launcher) =>
      runBundle({
        inputs: { kexec: imageThat('echo jumping'), phases: 'kexec', ...inputs },
        onLine: (line) => {
          if (line !== 'target> jumping') return;
          writeFileSync(isInstaller, '');
          setTimeout(comeBack, 500);
        },
        ...(launcher === undefined ? {} : { launcher }),
      }),
  };
}

test('a jump host with a key of its own, both pinned; and one that lets nobody in or forwards nothing', async () => {
  const heading = 'Behind a jump host';
  const [sshd, bastion] = await Promise.all([startMachine(), startMachine()]);
  const instead = {
    'target-host': `root@${sshd.host}`,
    'ssh-option': `ProxyJump=root@127.0.0.1:${bastion.port}`,
  };
  const inputs = inputsOf({ heading, sshd, bastion, instead, besides: { plan: 'true' } });
  const letsIn = async (line: string) => {
    writeFileSync(join(bastion.dir, 'authorized_keys'), line);
    return runBundle({ inputs });
  };
  const shown = blockOf(page, heading, 'authorized_keys')
    .replace('10.0.0.7:22', `127.0.0.1:${sshd.port}`)
    .replace('ssh-ed25519 AAAA…', bastion.clientKey.public.split(' ').slice(0, 2).join(' '));
  const run = await letsIn(shown);
  expect(run.code, run.log).toBe(0);
  expectShown(run.log, 'docs/network.md', 'Behind a jump host');
  const refused = await letsIn('');
  const restricted = await letsIn(`restrict ${bastion.clientKey.public}\n`);
  expect(refused.log).not.toContain('The target: host key');
  expectTroubles([refused.log, restricted.log], page, heading);
});

test('IPv6 alone: through a jump host, and the kexec image is fetched here; without the jump host its own message', async () => {
  const heading = 'A machine that has IPv6 alone';
  const hosts = join(temporaryFolder('hosts'), 'hosts');
  writeFileSync(hosts, '127.0.0.1 localhost github.com\n');
  const network = await startNetwork(
    `ip link add lan type veth peer name other; ip link set lan up; ip link set other up
     ip addr add 192.0.2.2/24 dev lan; ip addr add 2001:db8::2/64 dev lan nodad; ip -6 route add default via 2001:db8::1
     mount --bind ${hosts} /etc/hosts`,
  );
  const within = { within: network };
  const [bastion, { sshd, jump }] = await Promise.all([
    startMachine(within),
    machineThatJumps({ ...within, config: ['ListenAddress 2001:db8::2'] }),
  ]);
  const instead = {
    'target-host': 'root@2001:db8::2',
    'ssh-option': `ProxyJump=root@127.0.0.1:${bastion.port}`,
  };
  const inputs = inputsOf({ heading, sshd, bastion, instead });
  const knownHosts = `${bastion.hostKeyLine('ed25519')}
${sshd.hostKeyLine('ed25519').replace('127.0.0.1', '2001:db8::2')}`;
  const way = { 'jump-ssh-private-key': bastion.clientKey.private, 'known-hosts': knownHosts };
  const kexec = await serveAsGithub(network, imageThat('echo jumping'));
  const run = await jump({ ...inputs, ...way, kexec }, () => void sshd.restart(), network);
  expect(run.outputs, run.log).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
  expectShown(run.log, 'docs/network.md', 'A machine that has IPv6 alone');
  const direct = await runBundle({
    inputs: { ...inputs, 'known-hosts': knownHosts, 'ssh-option': '' },
    launcher: await startNetwork(''),
  });
  expectTroubles([direct.log], page, heading);
});

/** Serves a file by HTTP in a network where github.com is this computer; returns its URL. */
async function serveAsGithub(network: readonly string[], file: string): Promise<string> {
  const text = `require('http').createServer((_, response) => response.end(require('fs').readFileSync(process.argv[1])))
    .listen(0, '127.0.0.1', function () { console.log(this.address().port); })`;
  const [command, ...args] = [...network, process.execPath, '-e', text, file];
  const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  atEnd(() => void server.kill());
  const port = await new Promise<string>((resolve) =>
    server.stdout.once('data', (data) => resolve(String(data).trim())),
  );
  return `http://github.com:${port}/image.tar`;
}

test('a VPN that ends with the kexec: the installer is met elsewhere, and where it is not found the log says so', async () => {
  const heading = 'Through a VPN';
  const elsewhere = '127.0.0.7';
  const instead = {
    'target-host': 'root@127.0.0.1',
    'post-kexec-ssh-host': elsewhere,
    'post-install-ssh-host': elsewhere,
  };
  const { sshd, jump } = await machineThatJumps();
  const run = await jump(inputsOf({ heading, sshd, instead }), () => void sshd.moveTo(sshd.port, elsewhere));
  expect(run.outputs, run.log).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
  const shown = [...[elsewhere, '127.0.0.1'].entries()].reduce(
    (log, [index, address]) => log.replaceAll(address, ['192.168.1.7', '100.64.0.7'][index] ?? ''),
    run.log,
  );
  expectShown(shown, 'docs/network.md', 'Through a VPN');
  const other = await machineThatJumps();
  const besides = { 'kexec-timeout': '8s' };
  const inputs = inputsOf({ heading, sshd: other.sshd, instead, besides });
  const lost = await other.jump(inputs, () => void other.sshd.moveTo(other.sshd.port, '127.0.0.8'));
  expectTroubles([lost.log], page, heading);
  await other.sshd.moveTo(other.sshd.port, elsewhere);
  const next = await runBundle({ inputs: { ...inputs, plan: 'true' } });
  expect(next.result.plan?.online?.isInstaller, next.log).toBe(true);
});

test('another address after the kexec and after the reboot; somebody else who answers there gets nothing', async () => {
  const heading = 'When address or port change';
  const { sshd, jump } = await machineThatJumps();
  const instead = {
    'target-host': `root@${sshd.host}`,
    'ssh-port': String(sshd.port),
    'post-kexec-ssh-host': '127.0.0.9',
    'post-install-ssh-host': 'web-1.example.org',
  };
  const run = await jump(
    inputsOf({ heading, sshd, instead }),
    () => void sshd.moveTo(sshd.port, '127.0.0.9'),
  );
  expect(run.outputs, run.log).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
  const shown = run.log.replaceAll('127.0.0.9', '203.0.113.99').replaceAll('127.0.0.1', '203.0.113.7');
  expectShown(shown, 'docs/network.md', 'When address or port change');
  const [other, stranger] = await Promise.all([machineThatJumps(), startMachine({ installer: true })]);
  const there = { 'post-kexec-ssh-host': stranger.host };
  const inputs = inputsOf({
    heading,
    sshd: other.sshd,
    instead: { ...instead, ...there, 'ssh-port': String(other.sshd.port) },
  });
  const met = await other.jump(
    { ...inputs, 'post-kexec-ssh-port': String(stranger.port) },
    () => void other.sshd.stop(),
  );
  expectTroubles([met.log], page, heading);
  expect(stranger.log()).not.toContain('Accepted');
});
