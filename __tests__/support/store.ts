// A real store on this computer as the runner's, and what a machine's store holds.
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Nix } from '../../src/nix/nix';
import type { Runtime } from '../../src/runtime';
import type { Target } from '../../src/ssh/target';
import { nixEnvironment } from '../../testbed/paths.mts';
import { atEnd } from './concurrent';
import { script } from './machine';
import { temporaryFolder } from './runtime';

export const features = ['--extra-experimental-features', 'nix-command flakes'];

/** Runs a Nix program of the runner; returns its standard output without the last line end. */
export function nix(
  program: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): string {
  const env = { ...process.env, ...nixEnvironment(), ...environment };
  return execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd();
}

/**
 * Makes a closure that no store has yet: `small` paths of one line, `large` ones of a MiB each, and a built path that
 * refers to all of them. Its paths leave the store at the end of the test.
 */
export function makeClosure(sizes: { small: number; large: number }): { path: string; count: number } {
  const folder = join(temporaryFolder('closure'), 'large');
  mkdirSync(folder);
  const names = Array.from({ length: sizes.large }, (_, n) => `large-${n}`);
  for (const name of names) writeFileSync(join(folder, name), randomBytes(1 << 20));
  const expression = `
    let
      small = n: builtins.toFile "small-\${toString n}" "${randomUUID()} \${toString n}";
      large = n: builtins.path { path = ${folder}/large-\${toString n}; name = "large-\${toString n}"; };
    in derivation {
      name = "closure";
      system = "x86_64-linux";
      builder = "/bin/sh";
      paths = builtins.genList small ${sizes.small} ++ builtins.genList large ${sizes.large};
      args = [ "-c" "echo $paths >$out" ];
    }`;
  const build = ['build', ...features, '--impure', '--no-link', '--print-out-paths', '--expr', expression];
  const path = nix('nix', build);
  const paths = nix('nix-store', ['--query', '--requisites', path]).split('\n');
  const derivations = nix('nix-store', ['--query', '--deriver', path]).split('\n');
  atEnd(() => {
    nix('nix-store', ['--delete', '--ignore-liveness', ...derivations, ...paths]);
  });
  return { path, count: paths.length };
}

/**
 * Puts a system into the runner's store whose switch-to-configuration is this shell text; without text it has none.
 *
 * @returns its store path, which leaves the store at the end of the test
 */
export function makeSystem(text: string, ballastMiB = 0): string {
  const folder = join(temporaryFolder('system'), 'nixos-system');
  mkdirSync(join(folder, 'bin'), { recursive: true });
  if (text !== '') {
    const program = join(folder, 'bin', 'switch-to-configuration');
    writeFileSync(program, `#!/bin/sh\nset -eu\n[ "$*" = switch ]\n${text}\n`);
    chmodSync(program, 0o755);
  }
  // what one system has, another has not
  writeFileSync(join(folder, 'name'), folder);
  execFileSync('dd', ['if=/dev/urandom', `of=${join(folder, 'ballast')}`, 'bs=1M', `count=${ballastMiB}`], {
    stdio: 'ignore',
  });
  const path = nix('nix-store', ['--add', folder]);
  atEnd(() => void nix('nix-store', ['--delete', path]));
  return path;
}

export function nixOf(runtime: Runtime): Nix {
  return new Nix({ options: [], printBuildLogs: false, idleMs: 50_000 }, runtime);
}

/** The store that the new system will have, as the machine names it. */
export const newStore = 'local?root=/mnt';

/** How many valid paths the machine's new store has; fails unless every one has the contents that it was signed for. */
export async function verifiedPaths(target: Target): Promise<number> {
  const text = `
    nix ${features[0]} nix-command store verify --store '${newStore}' --all --no-trust >&2
    nix ${features[0]} nix-command path-info --store '${newStore}' --all`;
  const { stdout } = await target.run(script(`set -e${text}`), []);
  return stdout.trim().split('\n').length;
}

/** The store daemons that run on the machine, by number. */
export async function daemons(target: Target): Promise<string[]> {
  const text = `for dir in /proc/[0-9]*; do
    case $(tr '\\0' ' ' <$dir/cmdline 2>/dev/null) in nix-daemon*) echo "\${dir#/proc/}" ;; esac
  done`;
  const { stdout } = await target.run(script(text), []);
  return stdout.split('\n').filter((pid) => pid !== '');
}

/** @param expression Nix, in which `busybox` is that program. @returns the derivation that it gives */
export function instantiate(expression: string): string {
  const tools = join(temporaryFolder('tools'), 'tools');
  mkdirSync(tools);
  copyFileSync('/bin/busybox', join(tools, 'busybox'));
  const busybox = `builtins.path { path = ${tools}; name = "tools"; } + "/busybox"`;
  const text = `let busybox = ${busybox}; in ${expression}`;
  return nix('nix-instantiate', ['--expr', text]).split('\n').at(-1) ?? '';
}

/**
 * A derivation in the runner's store that nobody has built, and that gives a file; it needs another one, which is built
 * before it. Both leave the store at the end of the test.
 *
 * @param does shell text of the builder, in which there is busybox
 */
export function makeDerivation(does: string): { drvPath: string; outPath: string } {
  const drvPath = instantiate(`
    let
      build = name: text: derivation {
        inherit name;
        system = "x86_64-linux";
        builder = busybox;
        salt = "${randomUUID()}";
        args = [ "sh" "-euc" ("bb=\${busybox}\\n" + text) ];
      };
      first = build "first" "$bb echo first >$out";
    in build "second" ("first=\${first}\\n" + builtins.fromJSON ${JSON.stringify(JSON.stringify(does))})`);
  const outPath = nix('nix-store', ['--query', '--outputs', drvPath]);
  const derivations = nix('nix-store', ['--query', '--requisites', drvPath]).split('\n');
  atEnd(() => {
    nix('nix-store', [
      '--delete',
      '--ignore-liveness',
      ...derivations.filter((path) => path.endsWith('.drv')),
    ]);
  });
  return { drvPath, outPath };
}
