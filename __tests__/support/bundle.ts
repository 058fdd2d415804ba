// The bundle as a runner starts it, against a loopback machine, and its log as a runner reads it.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from '../../src/report/result';
import { type ActionOptions, type ActionResult, runAction } from '../../testbed/action.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import { distinctLines, expectNoLeak } from './leak';
import { temporaryFolder } from './runtime';

export interface RunnerCommand {
  name: string;
  properties: string;
  message: string;
}

/** What actions/runner takes for commands (ActionCommand.cs): `##[` anywhere in a line, `::` after leading blanks. */
export function commandsOf(log: string): RunnerCommand[] {
  return log.split('\n').flatMap((line) => {
    const old = /##\[([^\s\]]+)([^\]]*)\](.*)/.exec(line);
    const match = old ?? /^\s*::([^\s:]+)(.*?)::(.*)$/.exec(line);
    if (match === null) return [];
    const [, name = '', properties = '', message = ''] = match;
    return [{ name, properties: properties.trim(), message: unescaped(message) }];
  });
}

function unescaped(message: string): string {
  return message.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}

/** The commands that the action gives itself. */
export const ownCommands = new Set(['add-mask', 'debug', 'group', 'endgroup', 'warning', 'error']);

export interface BundleRun extends ActionResult {
  /** The messages of the error and warning annotations. */
  errors: string[];
  warnings: string[];
  /** The file that the output `result-file` names. */
  result: Result;
}

/** Inputs with which the action can look at a machine. Never one with which it would change it: `plan` is set. */
export function inputsFor(sshd: Sshd, flake: string): Record<string, string> {
  return {
    flake,
    'target-host': `${sshd.user}@${sshd.host}`,
    'ssh-port': String(sshd.port),
    // else a refused login is followed by a look at port 22, which is this computer's own
    'post-kexec-ssh-port': String(sshd.port),
    'ssh-private-key': sshd.clientKey.private,
    'known-hosts': sshd.hostKeyLine('ed25519'),
    'connect-timeout': '10s',
    // the configurations here name no disk, and the machine is this computer
    'wipe-disks': 'any',
    plan: 'true',
  };
}

/** Runs the bundle with folders of its own for whatever it or Nix may write. */
export async function runBundle(options: Partial<ActionOptions> = {}): Promise<BundleRun> {
  const dir = options.dir ?? temporaryFolder('bundle');
  const folders = {
    TMPDIR: join(dir, 'tmpdir'),
    XDG_CACHE_HOME: join(dir, 'cache'),
    HOME: join(dir, 'home'),
  };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  const env = { ...nixEnvironment(), ...folders, ...privateStore(dir), ...options.env };
  const run = await runAction({ inputs: {}, ...options, dir, env });
  // of every run in the suite; a test that hands over an action of its own looks itself
  if (options.action === undefined) expectNoLeak(run, keyLines(options.inputs));
  const messages = (name: string) =>
    commandsOf(run.log).flatMap((command) => (command.name === name ? [command.message] : []));
  const file = run.outputs['result-file'];
  if (file === undefined) throw new Error(`the action has set no result-file:\n${run.log}`);
  return {
    ...run,
    errors: messages('error'),
    warnings: messages('warning'),
    result: JSON.parse(readFileSync(file, 'utf8')) as Result,
  };
}

function keyLines(inputs: Record<string, string> = {}): string[] {
  const keys = [inputs['ssh-private-key'] ?? '', inputs['post-install-ssh-private-key'] ?? ''];
  return keys.filter((key) => key.startsWith('-----BEGIN')).flatMap(distinctLines);
}

/** Evaluations write derivations: into a store that goes with the run. */
function privateStore(dir: string): Record<string, string> {
  return { NIX_REMOTE: `local?root=${join(dir, 'store')}` };
}

/** What a flake's outputs may be made of in these tests. */
export const configuration = `{
  pkgs.system = "x86_64-linux";
  config = {
    networking.hostName = "demo";
    services.openssh = { enable = true; hostKeys = [ { type = "ed25519"; path = "/etc/ssh/ssh_host_ed25519_key"; } ]; };
    users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAA test" ];
    disko.devices.disk = { };
    nix.settings = { substituters = [ ]; trusted-public-keys = [ ]; };
    system.build = let drv = name: derivation { inherit name; system = "x86_64-linux"; builder = "/bin/sh"; }; in {
      toplevel = drv "nixos-system-demo";
      diskoScript = drv "disko";
    };
  };
}`;

/** The same with derivations that can be built; each gives a file with its own name. */
export const buildable = configuration.replace(
  'builder = "/bin/sh";',
  'builder = "/bin/sh"; args = [ "-c" "echo $name >$out" ];',
);

/** Such a configuration with this, of Nix, as its `system.build`. */
export const configurationThatBuilds = (build: string) =>
  configuration.replace(/system\.build = [\s\S]*? in \{[\s\S]*?\};/, () => `system.build = ${build};`);

/** Nix: a script whose text is NAME.sh of the flake's folder. */
export const scriptNamed = (name: string) => `derivation {
    name = "${name}";
    system = "x86_64-linux";
    builder = "/bin/sh";
    text = builtins.readFile ./${name}.sh;
    args = [ "-c" "printf '%s' \\"$text\\" >$out; chmod 755 $out" ];
  }`;

/** A flake whose disko script is this shell text, for a machine that looks like an installer; returns its path. */
export function makeDiskoFlake(script: string): string {
  const text = configuration.replace('drv "disko"', () => scriptNamed('disko'));
  const folder = makeFlake(`{ nixosConfigurations.demo = ${text}; }`);
  writeFileSync(join(folder, 'disko.sh'), `#!/bin/sh\n${script}\n`);
  return folder;
}

/** A folder with a flake; returns its path. */
export function makeFlake(outputs = `{ nixosConfigurations.demo = ${configuration}; }`, inputs = ''): string {
  const folder = temporaryFolder('flake');
  writeFileSync(join(folder, 'flake.nix'), `{ ${inputs} outputs = { self, ... }: ${outputs}; }\n`);
  return folder;
}

/** A kexec image that does this when it is started. */
export function imageThat(does: string, ballast = 0): string {
  const folder = temporaryFolder('image');
  mkdirSync(join(folder, 'kexec'));
  for (const name of ['kexec', 'ip', 'bzImage']) writeFileSync(join(folder, 'kexec', name), name);
  writeFileSync(join(folder, 'kexec/initrd'), Buffer.alloc(ballast));
  writeFileSync(join(folder, 'kexec/run'), `#!/bin/sh\n${does}\n`);
  chmodSync(join(folder, 'kexec/run'), 0o755);
  const path = join(folder, 'image.tar');
  execFileSync('tar', ['-cf', path, '-C', folder, 'kexec']);
  return path;
}
