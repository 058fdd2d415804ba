// How the machine is reached: through jump hosts, at another address after the kexec, and by IPv6.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import {
  type BundleRun,
  imageThat,
  inputsFor,
  makeDiskoFlake,
  makeFlake,
  runBundle,
} from '../support/bundle';
import { test } from '../support/concurrent';
import { type MachineOptions, script, startMachine, targetOf, withPasswords } from '../support/machine';
import { startNetwork } from '../support/network';
import { temporaryFolder, testRuntime } from '../support/runtime';

const disko = 'echo run >>/run/disko-runs; for i in 1 2 3 4 5 6; do echo "disko: $i of 6"; sleep 0.5; done';

async function outputOf(sshd: Sshd, text: string): Promise<string> {
  return (await targetOf(sshd, testRuntime()).run(script(text), [])).stdout.trim();
}

/** Inputs for a machine behind a jump host, both of which are pinned. */
function behind(bastion: Sshd, sshd: Sshd, flake: string): Record<string, string> {
  return {
    ...inputsFor(sshd, flake),
    'ssh-option': `ProxyJump=root@127.0.0.1:${bastion.port}`,
    'jump-ssh-private-key': bastion.clientKey.private,
    'known-hosts': [bastion, sshd].map((each) => each.hostKeyLine('ed25519')).join('\n'),
    'allow-lockout': 'true',
    plan: 'false',
  };
}

const install = (inputs: Record<string, string>, onLine: (line: string) => void): Promise<BundleRun> =>
  runBundle({ inputs, env: { NIX_REMOTE: `local?root=${temporaryFolder('store')}` }, onLine });

describe('through a jump host', () => {
  test('an install that goes on when the jump host is lost in the middle of disko', async () => {
    const [bastion, sshd] = await Promise.all([startMachine(), startMachine({ installer: true })]);
    const inputs = { ...behind(bastion, sshd, `${makeDiskoFlake(disko)}#demo`), phases: 'disko' };
    const run = await install(inputs, (line) => {
      if (line.includes('disko: 3 of 6')) void bastion.restart();
    });
    expect(run.code, run.log).toBe(0);
    expect(run.log).toContain(`The jump host root@127.0.0.1:${bastion.port}: host key`);
    expect(run.log).toContain('disko: 6 of 6');
    expect(run.result.plan?.online?.target).toBe(
      `root@127.0.0.1:${sshd.port} through root@127.0.0.1:${bastion.port}`,
    );
    expect(await outputOf(sshd, 'wc -l </run/disko-runs')).toBe('1');
    expect(bastion.log().match(/Accepted publickey/g)).toHaveLength(2);
    // whatever reached the machine came through it
    expect(run.warnings.join('\n')).toMatch(/the connection to root@127\.0\.0\.1:\d+ was lost/);
  });
});

describe('an installer elsewhere', () => {
  const elsewhere = '127.0.0.7';
  const sudo = {
    ...withPasswords({ guest: 'unused', root: 'unused' }),
    sudoers: 'Defaults !env_reset\nroot ALL=(ALL) ALL\nguest ALL=(ALL) NOPASSWD: ALL\n',
  };

  /** sshd reads authorized_keys as the user who logs in. */
  const letInGuest = (sshd: Sshd) => chmodSync(sshd.dir, 0o755);

  /** A machine that comes back from its kexec as an installer, at another address. */
  async function jumping(options: MachineOptions, more: Record<string, string>) {
    const isInstaller = join(temporaryFolder('flag'), 'installer');
    const [bastion, sshd] = await Promise.all([
      startMachine(),
      startMachine({ installer: isInstaller, ...options }),
    ]);
    letInGuest(sshd);
    const inputs = {
      ...behind(bastion, sshd, `${makeDiskoFlake(disko)}#demo`),
      kexec: imageThat('echo jumping'),
      'post-kexec-ssh-host': elsewhere,
      ...more,
    };
    const run = await install(inputs, (line) => {
      if (line !== 'target> jumping') return;
      writeFileSync(isInstaller, '');
      setTimeout(() => void sshd.moveTo(sshd.port, elsewhere), 500);
    });
    return { run, sshd, bastion };
  }

  test('another address and another user, through the same jump host', async () => {
    const { run, sshd, bastion } = await jumping(
      { etc: sudo },
      { phases: 'kexec,disko', 'post-kexec-ssh-user': 'guest' },
    );
    expect(run.code, run.log).toBe(0);
    expect(run.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'partitioned' });
    expect(sshd.log()).toContain('Accepted publickey for guest');
    expect(await outputOf(sshd, 'wc -l </run/disko-runs')).toBe('1');
    expect(bastion.log().match(/Accepted publickey/g)).toHaveLength(1);
  });

  test('a user who cannot become root there: said so, with the machine left in the installer', async () => {
    const { run } = await jumping(
      { etc: { sudoers: 'root ALL=(ALL) ALL\n' } },
      { phases: 'kexec', 'post-kexec-ssh-user': 'guest' },
    );
    expect(run.code, run.log).toBe(1);
    expect(run.errors[0]).toContain('the installer lets in guest, who is not root and cannot become root');
    expect(run.errors[0]).toContain('leave out post-kexec-ssh-user');
    expect(run.outputs['target-state']).toBe('installer');
  });

  test('an earlier run was cut off after its kexec: its installer is found there', async () => {
    const sshd = await startMachine({ installer: true, etc: sudo });
    letInGuest(sshd);
    const known = sshd.hostKeyLine('ed25519');
    await sshd.moveTo(sshd.port, elsewhere);
    const run = await runBundle({
      inputs: {
        ...inputsFor(sshd, `${makeFlake()}#demo`),
        'target-host': 'root@127.0.0.1',
        'known-hosts': known,
        'post-kexec-ssh-host': elsewhere,
        'post-kexec-ssh-user': 'guest',
        'connect-timeout': '2s',
      },
    });
    expect(run.code, run.log).toBe(0);
    expect(run.log).toContain(
      `but the installer of an earlier run answers at guest@${elsewhere}:${sshd.port}`,
    );
    expect(run.result.plan?.online).toMatchObject({ isInstaller: true });
  });
});

describe('by IPv6', () => {
  test('a machine that has nothing else, from a runner without: its own message, at once', async () => {
    const launcher = await startNetwork('');
    const run = await runBundle({
      launcher,
      inputs: {
        flake: `${makeFlake()}#demo`,
        'target-host': 'root@2001:db8::7',
        'ssh-private-key': (await startMachine()).clientKey.private,
        plan: 'true',
      },
    });
    expect(run.code, run.log).toBe(1);
    expect(run.errors[0]).toContain(
      'root@[2001:db8::7]:22 is an IPv6 address, and this runner has no IPv6 (ENETUNREACH)',
    );
    expect(run.errors[0]).toMatch(/What to do: .*IPv4 address.*ProxyJump=user@host.*self-hosted/);
    expect(run.log).not.toContain('trying for');
  });

  test('an address of the link, with its zone', async () => {
    const network = await startNetwork('ip addr add fe80::7/64 dev lo nodad');
    const sshd = await startMachine({ within: network, config: ['ListenAddress fe80::7%lo'] });
    const known = sshd.hostKeyLine('ed25519').replace('127.0.0.1', 'fe80::7%lo');
    const inputs = { ...inputsFor(sshd, `${makeFlake()}#demo`), 'known-hosts': known };
    const run = await runBundle({
      launcher: network,
      inputs: { ...inputs, 'target-host': 'root@[fe80::7%lo]' },
    });
    expect(run.code, run.log).toBe(0);
    expect(run.result.target).toBe(`root@[fe80::7%lo]:${sshd.port}`);
  });

  test('a name whose IPv6 address is dead, and whose IPv4 address is not', async () => {
    const hosts = join(temporaryFolder('hosts'), 'hosts');
    writeFileSync(hosts, '2001:db8::9 both.test\n127.0.0.1 both.test\n2001:db8::9 six.test\n');
    const network = await startNetwork(
      `ip link add out type veth peer name nowhere
       ip link set out up; ip link set nowhere up
       ip addr add 2001:db8::1/64 dev out nodad
       mount --bind ${hosts} /etc/hosts`,
    );
    const sshd = await startMachine({ within: network });
    const known = sshd.hostKeyLine('ed25519').replace('127.0.0.1', 'both.test');
    const inputs = { ...inputsFor(sshd, `${makeFlake()}#demo`), 'known-hosts': known };
    const run = await runBundle({
      launcher: network,
      inputs: { ...inputs, 'target-host': 'root@both.test' },
    });
    expect(run.code, run.log).toBe(0);
    const dead = await runBundle({
      launcher: network,
      inputs: {
        ...inputs,
        'known-hosts': '',
        'target-host': 'root@six.test',
        'connect-timeout': '6s',
        // both addresses count, the name with only one has no other
        'ssh-option': 'ConnectTimeout=5',
      },
    });
    expect(dead.errors[0]).toContain(
      'has only IPv6 addresses, to which this runner finds no way (EHOSTUNREACH)',
    );
  });
});
