// The phases from disko on, without a virtual machine: on a stand-in for an installer whose disko and nixos-install are
// slow, print what they do, and write into a folder of memory.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { FaultProxy } from '../../testbed/proxy.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import { type BundleRun, configuration, imageThat, inputsFor, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { script, startMachine, startProxy, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';

const disko = `#!/bin/sh
echo run >>/run/disko-runs
for i in 1 2 3 4 5 6 7 8; do echo "disko: waiting, $i of 8"; sleep 0.5; done
`;

/** A flake whose system takes some seconds to copy over a slow line. */
function slowFlake(): string {
  const folder = temporaryFolder('flake');
  mkdirSync(join(folder, 'tools'));
  copyFileSync('/bin/busybox', join(folder, 'tools/busybox'));
  writeFileSync(join(folder, 'disko.sh'), disko);
  const run = (commands: string) =>
    `derivation { inherit name; system = "x86_64-linux"; builder = busybox; args = [ "sh" "-euc" "${commands}" ]; }`;
  const builds = `let
    busybox = builtins.path { name = "tools"; path = ./tools; } + "/busybox";
    diskoText = builtins.readFile ./disko.sh;
    script = name: ${run(`\${busybox} cat \${builtins.toFile "text" diskoText} >$out; \${busybox} chmod 755 $out`)};
    folder = name: ${run(`\${busybox} mkdir $out; \${busybox} head -c 15000000 /dev/urandom >$out/ballast`)};
  in { toplevel = folder "nixos-system-demo"; diskoScript = script "disko"; }`;
  const text = configuration.replace(
    /system\.build = [\s\S]*? in \{[\s\S]*?\};/,
    () => `system.build = ${builds};`,
  );
  writeFileSync(join(folder, 'flake.nix'), `{ outputs = _: { nixosConfigurations.demo = ${text}; }; }\n`);
  return folder;
}

interface Machine {
  readonly sshd: Sshd;
  readonly proxy: FaultProxy;
  /** Where all runs keep their store: what is built is built once. */
  readonly store: string;
  readonly flake: string;
}

async function startInstaller(): Promise<Machine> {
  const sshd = await startMachine({ installer: true });
  const store = temporaryFolder('store');
  return { sshd, proxy: await startProxy(sshd, 25), store, flake: slowFlake() };
}

function install(
  { sshd, proxy, store, flake }: Machine,
  onLine: (line: string) => void = () => undefined,
  signal?: AbortSignal,
): Promise<BundleRun> {
  const port = String(proxy.port);
  return runBundle({
    inputs: {
      ...inputsFor(sshd, `${flake}#demo`),
      'ssh-port': port,
      'post-kexec-ssh-port': port,
      'known-hosts': sshd.hostKeyLine('ed25519').replace(`:${sshd.port}`, `:${port}`),
      plan: 'false',
      phases: 'disko,install',
      'wipe-disks': 'any',
      'allow-lockout': 'true',
    },
    env: { NIX_REMOTE: `local?root=${store}` },
    onLine,
    ...(signal === undefined ? {} : { signal }),
  });
}

async function outputOf(sshd: Sshd, text: string): Promise<string> {
  const target = targetOf(sshd, testRuntime());
  return (await target.run(script(text), [])).stdout.trim();
}

/** Where a run is cancelled: the line that shows it, and what must be true and said then. */
interface Moment {
  readonly at: RegExp;
  readonly phase: string;
  readonly state: string;
  readonly says: string;
}

async function cancelAt({ at, phase, state, says }: Moment, machine: Machine): Promise<void> {
  const controller = new AbortController();
  let cancelled = 0;
  const onLine = (line: string) => {
    if (cancelled > 0 || !at.test(line)) return;
    cancelled = Date.now();
    controller.abort();
  };
  const run = await install(machine, onLine, controller.signal);
  expect(cancelled, run.log).toBeGreaterThan(0);
  // before the runner's second signal
  expect(Date.now() - cancelled).toBeLessThan(7000);
  expect(run.code, run.log).toBe(1);
  expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': state });
  expect(run.result.failure).toMatchObject({
    kind: 'cancelled',
    phase,
    resume: expect.stringContaining(says),
  });
  expect(run.warnings.filter((text) => text.includes('could not be removed'))).toEqual([]);
  expect(await outputOf(machine.sshd, 'tail -n 1 /run/nixos-anywhere/lease')).toBe('released=yes');
  expect(run.summary).toContain(`In phase ${phase}`);
}

/** @param diskoRuns how often disko has begun in all runs so far, this one included */
async function expectCompletion(machine: Machine, leftBehind: string, diskoRuns: number): Promise<void> {
  const run = await install(machine);
  expect(run.outputs).toMatchObject({ outcome: 'installed', 'target-state': 'installed' });
  expect(run.code).toBe(0);
  expect(await outputOf(machine.sshd, 'wc -l </run/disko-runs')).toBe(String(diskoRuns));
  // what a cancelled run left behind came to its own end
  const exitCodes = `cat /run/nixos-anywhere/tasks/${leftBehind}-*/exit`;
  expect(await outputOf(machine.sshd, exitCodes)).toBe('0\n0');
}

test('cancelled before and in the middle of disko: the truth each time, and the next run goes on', async () => {
  const machine = await startInstaller();
  const before = { at: /^::group::disko/, state: 'installer', says: 'nothing on its disks was changed' };
  await cancelAt({ phase: 'disko', ...before }, machine);
  const within = { at: /^disko> .*\b3\b/, state: 'partitioned', says: 'disko goes on on the machine until' };
  await cancelAt({ phase: 'disko', ...within }, machine);
  await expectCompletion(machine, 'disko', 2);
});

test('cancelled in the copy and in nixos-install: the same', async () => {
  const machine = await startInstaller();
  const copy = { at: /^::group::install/, state: 'partitioned', says: 'the old data is gone' };
  await cancelAt({ phase: 'install', ...copy }, machine);
  const within = {
    at: /^nixos-install> .*\b3\b/,
    state: 'partitioned',
    says: 'nixos-install goes on on the',
  };
  await cancelAt({ phase: 'install', ...within }, machine);
  await expectCompletion(machine, 'nixos-install', 3);
});

test('a connection that is cut whenever a phase begins costs nothing but time', async () => {
  const machine = await startInstaller();
  const cuts: string[] = [];
  const run = await install(machine, (line) => {
    const [, phase] = /^::group::(\w+)$/.exec(line) ?? [];
    if (phase === undefined) return;
    cuts.push(phase);
    machine.proxy.cut();
  });
  expect(run.code, run.log).toBe(0);
  expect(cuts).toEqual(['preflight', 'build', 'disko', 'install']);
  expect(run.outputs).toMatchObject({ outcome: 'installed', 'target-state': 'installed' });
  expect(await outputOf(machine.sshd, 'wc -l </run/disko-runs')).toBe('1');
});

test('two runs across the kexec, when nobody has the lease: exactly one goes on', async () => {
  const isInstaller = join(temporaryFolder('flag'), 'installer');
  const sshd = await startMachine({ installer: isInstaller });
  const store = temporaryFolder('store');
  const inputs = {
    ...inputsFor(sshd, `${slowFlake()}#demo`),
    plan: 'false',
    phases: 'kexec,disko,install',
    kexec: imageThat('echo jumping'),
    'wipe-disks': 'any',
    'allow-lockout': 'true',
  };
  const run = (id: string, onLine: (line: string) => void = () => undefined) =>
    runBundle({ inputs, env: { NIX_REMOTE: `local?root=${store}`, GITHUB_RUN_ID: id }, onLine });
  let second: Promise<BundleRun> | undefined;
  const first = await run('1', (line) => {
    if (line !== 'target> jumping') return;
    second = run('2');
    writeFileSync(isInstaller, '');
    setTimeout(() => void sshd.restart(), 500);
  });
  const results = [first, await second];
  const codes = results.map((result) => result?.code).toSorted((a, b) => Number(a) - Number(b));
  expect(codes, results.map((result) => result?.log).join('\n\n')).toEqual([0, 1]);
  const [done, refused] = first.code === 0 ? results : results.toReversed();
  expect(done?.outputs).toMatchObject({ outcome: 'installed', 'target-state': 'installed' });
  expect(refused?.result.failure?.message).toMatch(
    /another run works on this machine|the machine was rebooted while this run was at work/,
  );
  expect(await outputOf(sshd, 'wc -l </run/disko-runs')).toBe('1');
});

test('a machine that is out of reach from the middle of disko on: what goes on there, and how to go on', async () => {
  const machine = await startInstaller();
  const run = await install(machine, (line) => {
    if (/^disko> .*\b3\b/.test(line)) void machine.proxy.close();
  });
  expect(run.code, run.log).toBe(1);
  expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'partitioned' });
  expect(run.result.failure).toMatchObject({ kind: 'connection', phase: 'disko' });
  expect(run.errors[0]).toContain('disko goes on on the machine until it ends');
  expect(await outputOf(machine.sshd, 'cat /run/nixos-anywhere/tasks/disko-*/log')).toContain('8 of 8');
});
