// What the phase kexec leaves in the installer, on a target that answers as one would.
import { expect, test } from 'vitest';
import { noCache } from '../../src/cache/run-cache';
import type { Nix } from '../../src/nix/nix';
import { CleanUp } from '../../src/phases/clean-up';
import type { PhaseContext } from '../../src/phases/context';
import { kexec } from '../../src/phases/kexec';
import { Lease } from '../../src/phases/lease';
import type { PhaseName, Plan } from '../../src/plan/plan';
import { Progress } from '../../src/report/result';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import type { Script } from '../../src/ssh/remote-command';
import type { RemoteResult } from '../../src/ssh/running-script';
import { Target } from '../../src/ssh/target';
import { configured } from '../support/evaluation';
import { machineSettings } from '../support/settings';
import { debian } from '../support/situation';
import { fakeRuntime, makeTestKey } from './support';

const installerFacts = `os=Linux
architecture=x86_64
kernel=6.12
distribution=NixOS
nixos=yes
installer=yes
container=none
root=yes
home=/root
sudo=no
doas=no
sudoInstalled=no
memoryKiB=4000000
bootId=new
uefi=yes
kexecDisabled=0
lockdown=
machineId=
installId=
systemPath=
profilePath=
ipv6Only=no
wirelessOnly=no
earlierRun=no
`;
const answers: Record<string, Partial<RemoteResult>> = {
  'facts.sh': { stdout: installerFacts },
  'lease.sh': { stdout: 'state=taken\n' },
  'detached-follow.sh': { errorLines: ['ended 0'] },
};

/** Jumps when it is told to, and keeps which scripts it ran. */
class JumpingTarget extends Target {
  readonly ran: string[] = [];
  override async run(script: Script, args: readonly string[]): Promise<RemoteResult> {
    this.ran.push([script.name, ...args].join(' '));
    return { code: 0, stdout: '', errorLines: [], ...answers[script.name] };
  }
  override async waitUntilGone(): Promise<void> {}
  override async waitForBoot(): Promise<string> {
    return 'new';
  }
}

/** What the phase leaves of its context, and what it ran. */
async function jump(phases: readonly PhaseName[], inputs: Record<string, string> = {}) {
  const runtime = fakeRuntime();
  const endpoint = { host: 'example.org', port: 22, user: 'root' };
  const privateKey = makeTestKey();
  const target = new JumpingTarget(
    { endpoint, login: { privateKey }, trust: HostKeyTrust.firstSeen(), connectMs: 1, idleMs: 1 },
    runtime,
  );
  const cleanUp = new CleanUp();
  const lease = new Lease({ target, runtime, cleanUp, identity: { run: '', attempt: 1, job: '' } });
  target.privilege = 'sudo';
  const context: PhaseContext = {
    settings: machineSettings({
      flake: '.#demo',
      'target-host': 'debian@example.org',
      'ssh-private-key': privateKey,
      ...inputs,
    }),
    runtime,
    nix: {} as Nix,
    cache: noCache,
    target,
    evaluation: configured,
    plan: { phases, authorizeKey: false, online: null } as unknown as Plan,
    progress: new Progress(),
    cleanUp,
    lease,
    facts: debian,
    stagedImage: '/image',
    extraFiles: undefined,
    hardwareFile: undefined,
  };
  await kexec(context);
  lease.end();
  return { target, context };
}

async function marksAfter(phases: readonly PhaseName[]): Promise<string[]> {
  const { target } = await jump(phases);
  return target.ran.filter((line) => line.startsWith('installing.sh'));
}

test('only a run that goes on to the disks marks the installer for the next to complete', async () => {
  expect(await marksAfter(['preflight', 'build', 'kexec', 'disko', 'install'])).toEqual([
    'installing.sh yes',
  ]);
  // else a later run with on-installed: converge would wipe a NixOS that is still there
  expect(await marksAfter(['preflight', 'build', 'kexec'])).toEqual([]);
});

test('upstream: post-kexec-ssh-port is ignored unless ssh-port is given', async () => {
  for (const inputs of [{}, { 'ssh-port': '2200' }]) {
    const { target } = await jump(['kexec'], { ...inputs, 'post-kexec-ssh-port': '2222' });
    expect(target.endpoint).toEqual({ host: 'example.org', port: 2222, user: 'root' });
  }
});

test('upstream lesson: sudo and facts are gathered again after kexec', async () => {
  const { target, context } = await jump(['kexec']);
  expect(target.privilege).toBe('none');
  expect(debian).toMatchObject({ isInstaller: false });
  expect(context.facts).toMatchObject({ isInstaller: true, bootId: 'new' });
});

test('a key that was made for this run is said to end with it; one that was given is not', async () => {
  const isLost = async (inputs: Record<string, string>) =>
    (await jump(['kexec'], inputs)).context.progress.keyIsLost;
  expect(await isLost({})).toBe(false);
  expect(await isLost({ 'ssh-private-key': '', 'ssh-password': 'secret', 'known-hosts': '' })).toBe(true);
});
