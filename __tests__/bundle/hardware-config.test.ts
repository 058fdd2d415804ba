// A machine that describes itself in a file of the checkout before it is installed: on a stand-in for an installer, with
// the stand-ins of the testbed for nixos-facter and nixos-generate-config.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import { type BundleRun, configurationThatBuilds, imageThat, inputsFor, runBundle } from '../support/bundle';
import { test, testEach } from '../support/concurrent';
import { expectShown, expectTroubles } from '../support/documents';
import { script, startMachine, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';

interface Checkout {
  /** Nix text: what the configuration makes of the file. */
  readonly hardware?: string;
  /** Nix text of `disko.devices.disk`. */
  readonly disks?: string;
}

/** A repository with a flake whose system contains what it knows of the hardware. */
function makeCheckout({ hardware, disks = '{ }' }: Checkout = {}): string {
  const folder = temporaryFolder('checkout');
  mkdirSync(join(folder, 'tools'));
  copyFileSync('/bin/busybox', join(folder, 'tools/busybox'));
  const run = (commands: string) =>
    `derivation { inherit name; system = "x86_64-linux"; builder = busybox; args = [ "sh" "-euc" "bb=\${busybox}\\n${commands}" ]; }`;
  const builds = `let
    busybox = builtins.path { name = "tools"; path = ./tools; } + "/busybox";
    text = builtins.toFile "hardware" (builtins.toJSON hardware);
    script = name: ${run("echo '#!/bin/sh\necho run >>/run/disko-runs' >$out; $bb chmod 755 $out")};
    system = name: ${run(`$bb mkdir $out; $bb cp \${text} $out/hardware`)};
  in { toplevel = system "nixos-system-demo"; diskoScript = script "disko"; }`;
  const demo = configurationThatBuilds(builds).replace(
    'disko.devices.disk = { }',
    `disko.devices.disk = ${disks}`,
  );
  const read = hardware ?? '(builtins.fromJSON (builtins.readFile ./hosts/facter.json))';
  writeFileSync(
    join(folder, 'flake.nix'),
    `{ outputs = _: { nixosConfigurations.demo = let hardware = ${read}; in ${demo}; }; }\n`,
  );
  git(folder, 'init', '--quiet');
  git(folder, 'add', '--all');
  return folder;
}

function git(folder: string, ...args: string[]): string {
  return execFileSync('git', ['-C', folder, ...args], { encoding: 'utf8' });
}

/** A file of the checkout, as an earlier run has made it and somebody has committed it. */
function addFile(checkout: string, name: string, text: string, mode: number): string {
  const path = join(checkout, name);
  mkdirSync(dirname(path));
  writeFileSync(path, text, { mode });
  git(checkout, 'add', '--all');
  return path;
}

function install(
  sshd: Sshd,
  checkout: string,
  inputs: Record<string, string> = {},
  path = join(checkout, 'hosts/facter.json'),
): Promise<BundleRun> {
  return runBundle({
    inputs: {
      ...inputsFor(sshd, `${checkout}#demo`),
      plan: 'false',
      phases: 'disko,install',
      'allow-lockout': 'true',
      'generate-hardware-config': `nixos-facter ${path}`,
      ...inputs,
    },
  });
}

async function outputOf(sshd: Sshd, text: string): Promise<string> {
  return (await targetOf(sshd, testRuntime()).run(script(text), [])).stdout.trim();
}

/** Has the machine's nixos-facter do this. */
function replaceFacter(sshd: Sshd, does: string): Promise<string> {
  return outputOf(sshd, `printf '#!/bin/sh\\n%s\\n' '${does}' >/run/current-system/sw/bin/nixos-facter`);
}

const installedHardware = (sshd: Sshd) =>
  outputOf(sshd, 'cat "/mnt$(readlink /mnt/nix/var/nix/profiles/system)/hardware"');
const phasesOf = (run: BundleRun) => run.result.phases.map(({ name }) => name);
/** With the path of the page in place of this one. */
const asOnThePage = (run: BundleRun, path: string) => run.log.replaceAll(path, 'hosts/web-1/facter.json');
const plansIn = (run: BundleRun) => run.log.match(/^Plan: /gm)?.length;

test('the first run: the file is made, git knows it, and what is installed contains it', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout();
  const run = await install(sshd, checkout);
  expect(run.code, run.log).toBe(0);
  const path = join(checkout, 'hosts/facter.json');
  const report = JSON.parse(readFileSync(path, 'utf8'));
  expect(report).toMatchObject({ version: 1, system: 'x86_64-linux', virtualisation: 'qemu' });
  expect(JSON.parse(await installedHardware(sshd))).toEqual(report);
  expect(run.outputs).toMatchObject({ outcome: 'installed', 'hardware-config': path });
  expect(phasesOf(run)).toEqual(['preflight', 'build', 'hardware-config', 'disko', 'install']);
  expect(run.result.plan?.offline.toplevel).toBe(run.outputs['system-path']);
  expect(plansIn(run)).toBe(2);
  expectShown(asOnThePage(run, path), 'docs/configuration.md', 'Hardware that describes itself');
  expect(git(checkout, 'status', '--porcelain')).toContain(' A hosts/facter.json\n');
  // a file like any other, and nothing beside it
  expect(statSync(path).mode & 0o777).toBe(0o666 & ~process.umask());
  expect(execFileSync('ls', ['-A', dirname(path)], { encoding: 'utf8' })).toBe('facter.json\n');
});

test('a file that says it already is left alone, and nothing is done twice', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout();
  const text = await outputOf(sshd, 'nixos-facter');
  const path = addFile(checkout, 'hosts/facter.json', `${text}\n`, 0o640);
  const before = statSync(path);
  const run = await install(sshd, checkout);
  expect(run.code, run.log).toBe(0);
  expect(statSync(path)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
  expectTroubles([asOnThePage(run, path)], 'docs/configuration.md', 'Hardware that describes itself');
  expect(plansIn(run)).toBe(1);
  expect(run.outputs['hardware-config']).toBe(path);
});

test('another file is replaced, with its mode, and a module may have blanks in its path', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout({ hardware: '{ text = builtins.readFile (./. + "/my hosts/hw.nix"); }' });
  const path = addFile(checkout, 'my hosts/hw.nix', '{ }\n', 0o600);
  const run = await install(sshd, checkout, {
    'generate-hardware-config': `nixos-generate-config  ${path} `,
  });
  expect(run.code, run.log).toBe(0);
  expect(readFileSync(path, 'utf8')).toContain('# Do not modify this file! (testbed)');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await installedHardware(sshd)).toContain('nixpkgs.hostPlatform');
});

testEach<string, string>([
  ['a prompt around the report (upstream #494)', 'echo "Password: {}"'],
  ['half a report', 'printf %s "{\\"version\\":1,"; exit 0'],
  ['nothing', 'exit 0'],
  ['a report of something else', 'echo "{\\"disks\\":[]}"'],
  ['an error in the middle', 'echo "{\\"version\\":1,"; echo "cannot read /dev/mem" >&2; exit 3'],
])('upstream: the file is truncated before success; here it is left as it was: %s', async (_, does) => {
  const sshd = await startMachine({ installer: true });
  await replaceFacter(sshd, does);
  const checkout = makeCheckout();
  const path = addFile(checkout, 'hosts/facter.json', '{"version":1,"hand":"made"}\n', 0o644);
  const run = await install(sshd, checkout);
  expect(run.code, run.log).toBe(1);
  expect(run.result.failure).toMatchObject({ phase: 'hardware-config', hint: expect.any(String) });
  expect(readFileSync(path, 'utf8')).toBe('{"version":1,"hand":"made"}\n');
  expect(run.outputs).toMatchObject({ 'target-state': 'installer', 'hardware-config': '' });
  expect(await outputOf(sshd, 'ls /run/disko-runs 2>/dev/null || echo none')).toBe('none');
});

test('upstream: the file is polluted by prompts; messages of program and login shell are not in it', async () => {
  const sshd = await startMachine({ installer: true });
  const report = '{\\"version\\":1,\\"system\\":\\"x86_64-linux\\",\\"hardware\\":{}}';
  await replaceFacter(sshd, `echo "asking for a password" >&2; echo "${report}"`);
  await outputOf(sshd, 'echo "echo Password: " >/root/.bashrc');
  const checkout = makeCheckout();
  const run = await install(sshd, checkout);
  expect(run.code, run.log).toBe(0);
  expect(run.log).toContain('nixos-facter> asking for a password');
  expect(readFileSync(join(checkout, 'hosts/facter.json'), 'utf8')).toBe(
    '{"version":1,"system":"x86_64-linux","hardware":{}}\n',
  );
});

const namedByReport = '{ main.device = (builtins.head hardware.hardware.disk).unix_device_name; }';

test('a provisional plan: what the disks are is learned, and checked, in the installer', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout({ disks: namedByReport });
  const run = await install(sshd, checkout, { 'wipe-disks': '/dev/no-such-disk' });
  expect(run.code, run.log).toBe(1);
  expect(run.warnings.join('\n')).toContain('The plan is provisional');
  expect(run.result.failure).toMatchObject({ kind: 'guard', phase: 'hardware-config' });
  expect(await outputOf(sshd, 'ls /run/disko-runs 2>/dev/null || echo none')).toBe('none');
});

test('a file that a hook has made meanwhile is installed, whatever was planned without it', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout();
  const path = join(checkout, 'hosts/facter.json');
  const report = join(temporaryFolder('report'), 'facter.json');
  writeFileSync(report, `${await outputOf(sshd, 'nixos-facter')}\n`);
  const hook = join(checkout, 'hook');
  writeFileSync(hook, `#!/bin/sh\nmkdir ${dirname(path)}\ncp ${report} ${path}\n`, { mode: 0o755 });
  const run = await install(sshd, checkout, { hooks: `before-hardware-config runner ${hook}` });
  expect(run.code, run.log).toBe(0);
  expect(run.log).toContain('says already what nixos-facter says of the machine');
  expect(JSON.parse(await installedHardware(sshd))).toEqual(JSON.parse(readFileSync(report, 'utf8')));
});

test('a provisional plan gives each warning once', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout({ disks: namedByReport });
  const run = await install(sshd, checkout, {
    'ssh-store-setting': 'compress true',
    'install-bootloader': 'false',
  });
  expect(run.code, run.log).toBe(0);
  const about = (text: string) => run.warnings.filter((warning) => warning.startsWith(text)).length;
  expect(about('ssh-store-setting')).toBe(1);
  expect(about('The plan is provisional')).toBe(1);
});

test('a machine that is left as it is may lack the file', async () => {
  const sshd = await startMachine();
  await outputOf(sshd, "printf 'ID=nixos\\n' >/run/os-release; mount --bind /run/os-release /etc/os-release");
  const checkout = makeCheckout({ disks: namedByReport });
  const run = await install(sshd, checkout, { phases: '', 'on-installed': 'skip' });
  expect(run.code, run.log).toBe(0);
  expect(run.outputs).toMatchObject({ outcome: 'unchanged', 'target-state': 'untouched' });
});

test('a provisional plan can only be approved with the disks that may be lost', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout({ disks: namedByReport });
  const plan = await install(sshd, checkout, { plan: 'true' });
  expect(plan.code, plan.log).toBe(0);
  expect(plan.result.plan).toMatchObject({ offline: { provisional: true, toplevel: null }, mayWipe: 'any' });
  expect(plan.summary).toContain('not known before the machine has described itself');
  expect(existsSync(join(checkout, 'hosts'))).toBe(false);
  const approved = { 'approved-plan': plan.outputs['plan-digest'] ?? '' };
  const refused = await install(sshd, checkout, approved);
  expect(refused.result.failure).toMatchObject({
    kind: 'guard',
    message: expect.stringMatching(/provisional and says nothing of disks/),
  });
});

test('a provisional plan that was approved with its disks is carried out', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout({ disks: namedByReport });
  const { unix_device_name: device } = JSON.parse(await outputOf(sshd, 'nixos-facter')).hardware.disk[0];
  const named = { 'wipe-disks': device };
  const planned = await install(sshd, checkout, { ...named, plan: 'true' });
  const digest = { 'approved-plan': planned.outputs['plan-digest'] ?? '' };
  const run = await install(sshd, checkout, { ...named, ...digest });
  expect(run.code, run.log).toBe(0);
  expect(run.result.plan).toMatchObject({
    offline: { provisional: false, disks: [{ device, destroy: true }] },
    mayWipe: null,
  });
  // a provisional plan has nothing to build before
  expect(run.log).toContain('what is to be built is known when the machine has described itself');
});

test('without disko and install the file is all that is made', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout();
  const run = await install(sshd, checkout, { phases: 'kexec' });
  expect(run.code, run.log).toBe(0);
  expect(phasesOf(run)).toEqual(['preflight', 'build', 'hardware-config']);
  expect(run.outputs.outcome).toBe('prepared');
  expect(plansIn(run)).toBe(1);
  expect(readFileSync(join(checkout, 'hosts/facter.json'), 'utf8')).toContain('"version":1');
});

test('an installer without nixos-facter takes that of nixpkgs; without that too the run stops with advice', async () => {
  const sshd = await startMachine({ installer: true });
  await outputOf(
    sshd,
    `cd /run/current-system/sw/bin
    mv nixos-facter /run/facter
    printf '#!/bin/sh\n[ "$*" = "--extra-experimental-features nix-command flakes shell nixpkgs#nixos-facter -c nixos-facter" ] && exec /run/facter\n' >/run/nix-stand-in
    chmod 755 /run/nix-stand-in
    mount --bind /run/nix-stand-in "$(command -v nix)"`,
  );
  const run = await install(sshd, makeCheckout(), { phases: 'kexec' });
  expect(run.code, run.log).toBe(0);
  expect(run.log).toContain('nixos-facter> the installer has no nixos-facter: taking that of nixpkgs');
  await outputOf(sshd, 'rm /run/facter');
  const failed = await install(sshd, makeCheckout(), { phases: 'kexec' });
  expect(failed.result.failure).toMatchObject({
    phase: 'hardware-config',
    hint: expect.stringMatching(/use an installer that has nixos-facter/),
  });
});

test('a configuration in a Nix file is evaluated where it is', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout();
  const text = readFileSync(join(checkout, 'flake.nix'), 'utf8');
  writeFileSync(join(checkout, 'machines.nix'), `(${text}).outputs { }`);
  const run = await install(sshd, checkout, {
    flake: '',
    'nix-file': join(checkout, 'machines.nix'),
    'nix-attribute': 'nixosConfigurations.demo',
  });
  expect(run.code, run.log).toBe(0);
  expect(run.warnings.join('\n')).toContain('The plan is provisional');
  expect(JSON.parse(await installedHardware(sshd))).toMatchObject({ virtualisation: 'qemu' });
});

/** The shell text of the documented workflow that opens a pull request. */
function pullRequestStep(): string {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const [, indented = ''] = /^ {8}run: \|\n((?: {10}.*\n)*? {10}gh pr create.*\n)/m.exec(page) ?? [];
  return indented.replace(/^ {10}/gm, '');
}

test('the documented pull request has the new file, and only when there is news', async () => {
  const checkout = makeCheckout();
  const remote = temporaryFolder('remote');
  git(remote, 'init', '--quiet', '--bare');
  git(
    checkout,
    '-c',
    'user.name=t',
    '-c',
    'user.email=t@example.org',
    'commit',
    '--quiet',
    '--message',
    'first',
  );
  git(checkout, 'remote', 'add', 'origin', remote);
  const tools = temporaryFolder('tools');
  const note = join(tools, 'note');
  writeFileSync(join(tools, 'gh'), `#!/bin/sh\necho "$*" >>${note}\n`, { mode: 0o755 });
  const step = (id: string) =>
    execFileSync('bash', ['-e', '-c', pullRequestStep()], {
      cwd: checkout,
      env: {
        PATH: `${tools}:${process.env.PATH}`,
        HOME: tools,
        FILE: 'hosts/facter.json',
        GITHUB_RUN_ID: id,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  mkdirSync(join(checkout, 'hosts'));
  writeFileSync(join(checkout, 'hosts/facter.json'), '{}\n');
  git(checkout, 'add', '--intent-to-add', '--force', 'hosts/facter.json');
  step('1');
  expect(git(remote, 'show', '--stat', '--format=%s', 'hardware-1')).toMatch(
    /^Hardware of web-1\n\n hosts\/facter\.json/,
  );
  expect(readFileSync(note, 'utf8')).toBe('pr create --fill\n');
  step('2');
  expect(git(remote, 'branch').trim()).toBe('hardware-1');
});

test('a plan that would cost more with the file than was shown stops before disko', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout({
    disks: 'if hardware.virtualisation == "none" then { } else { main.device = "/dev/other"; }',
  });
  const run = await install(sshd, checkout);
  expect(run.code, run.log).toBe(1);
  expect(run.result.failure).toMatchObject({ kind: 'guard', phase: 'hardware-config' });
  expect(run.outputs).toMatchObject({ 'target-state': 'installer' });
  expect(await outputOf(sshd, 'ls /run/disko-runs 2>/dev/null || echo none')).toBe('none');
});

test('built on the machine, where both stores are', async () => {
  const sshd = await startMachine({ installer: true });
  const checkout = makeCheckout();
  const run = await install(sshd, checkout, { 'build-on': 'remote' });
  expect(run.code, run.log).toBe(0);
  expect(JSON.parse(await installedHardware(sshd))).toMatchObject({ virtualisation: 'qemu' });
  expect(existsSync(join(run.dir, 'store', run.outputs['system-path'] ?? '?'))).toBe(false);
  expect(run.log).toContain('is built on the machine itself, later');
  expect(run.log.match(/^built there: /gm)).toHaveLength(2);
});

test('without a machine: an offline plan says that it is provisional, and build-only has nothing to build', async () => {
  const checkout = makeCheckout({ disks: namedByReport });
  const path = join(checkout, 'hosts/facter.json');
  const inputs = { flake: `${checkout}#demo`, 'generate-hardware-config': `nixos-facter ${path}` };
  const offline = await runBundle({ inputs: { ...inputs, plan: 'offline' } });
  expect(offline.code, offline.log).toBe(0);
  expect(offline.result.plan?.offline).toMatchObject({ provisional: true, hardwareConfig: { path } });
  expect(offline.warnings.join('\n')).toContain('The plan is provisional');
  expect(offline.summary).toContain('is written by nixos-facter of the installer');
  const run = await runBundle({ inputs: { ...inputs, 'build-only': 'true' } });
  expect(run.code).toBe(1);
  expect(run.errors[0]).toContain('nothing can be built before the machine has described itself');
});

test('across the kexec: the phase comes after the jump, and what was built before it was built anew', async () => {
  const isInstaller = join(temporaryFolder('flag'), 'installer');
  const sshd = await startMachine({ installer: isInstaller });
  const checkout = makeCheckout();
  const run = await runBundle({
    inputs: {
      ...inputsFor(sshd, `${checkout}#demo`),
      plan: 'false',
      phases: 'kexec,disko,install',
      kexec: imageThat('echo jumping'),
      'allow-lockout': 'true',
      'generate-hardware-config': `nixos-facter ${join(checkout, 'hosts/facter.json')}`,
    },
    onLine: (line) => {
      if (line !== 'target> jumping') return;
      writeFileSync(isInstaller, '');
      setTimeout(() => void sshd.restart(), 500);
    },
  });
  expect(run.code, run.log).toBe(0);
  expect(phasesOf(run)).toEqual(['preflight', 'build', 'kexec', 'hardware-config', 'disko', 'install']);
  expect(run.log.match(/^built \/nix\/store\//gm)).toHaveLength(2);
  expect(JSON.parse(await installedHardware(sshd))).toMatchObject({ virtualisation: 'qemu' });
});
