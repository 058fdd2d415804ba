// What the tests of the cache have in common: a configuration that can be built and changed, and runs with an empty store.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ActionOptions } from '../../testbed/action.mts';
import type { CacheRequest, CacheService } from '../../testbed/cache-service.mts';
import { type BundleRun, makeFlake, runBundle } from './bundle';
import { temporaryFolder } from './runtime';

/** What `flakeOf` has to build: a tool, a package that needs it, another one, the system and the disko script. */
export const derivationsOfFlake = 5;

/** A configuration that builds what these definitions say, with `build = name: text:` for a derivation of shell text. */
const configurationOf = (name: string, definitions: string, system: string, script: string) => `{
  pkgs.system = "x86_64-linux";
  config = {
    networking.hostName = "${name}";
    services.openssh = { enable = true; hostKeys = [ ]; };
    users.users = { };
    disko.devices.disk = { };
    nix.settings = { substituters = [ ]; trusted-public-keys = [ ]; };
    system.build = let
      build = name: text: derivation {
        inherit name; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" text ]; allowSubstitutes = false;
      };
      ${definitions}
    in {
      toplevel = build "nixos-system-${name}" "echo ${system} >$out";
      diskoScript = build "${script}" "echo disko >$out";
    };
  };
}`;

/** A configuration of which one package can be changed; the package needs a tool that only its build uses. */
export function flakeOf(version: string): string {
  const definitions = `tool = build "tool" "echo tool >$out";
    package = build "package" "read x <\${tool}; echo ${version} >$out";
    other = build "other" "echo other >$out";`;
  const demo = configurationOf('demo', definitions, `\${package} \${other}`, 'disko');
  return makeFlake(`{ nixosConfigurations.demo = ${demo}; }`);
}

/**
 * Configurations by name, each with what its system is made of: names and shell text of packages.
 *
 * @param data what the flake says of hosts besides, by name: Nix
 */
export function flakeWith(
  hosts: Record<string, Record<string, string>>,
  data: Record<string, string> = {},
): string {
  const all = Object.entries(hosts).map(([name, packages]) => {
    const each = Object.entries(packages).map(([of, text]) => `(build "${of}" "${text}")`);
    const definitions = `packages = [ ${each.join(' ')} ];`;
    return `${name} = ${configurationOf(name, definitions, `\${toString packages}`, `disko-${name}`)};`;
  });
  const described = [...new Set([...Object.keys(hosts), ...Object.keys(data)])].map(
    (name) => `${name} = ${data[name] ?? '{ }'};`,
  );
  return makeFlake(
    `{ nixosConfigurations = { ${all.join('\n')} }; nixosAnywhere = { ${described.join('\n')} }; }`,
  );
}

export interface BuildRun extends BundleRun {
  /** How many derivations Nix said that it builds. */
  readonly built: number;
  /** What this run asked of the service. */
  readonly requests: readonly CacheRequest[];
  /** Bytes. */
  readonly uploaded: number;
  /** The lines of the log that are the cache's. */
  readonly said: readonly string[];
}

/** Builds a flake on a runner whose store is empty. */
export async function buildRun(
  service: CacheService,
  flake: string,
  inputs: Record<string, string> = {},
  options: Partial<Omit<ActionOptions, 'inputs'>> = {},
): Promise<BuildRun> {
  const dir = options.dir ?? temporaryFolder('run');
  mkdirSync(join(dir, 'store'), { recursive: true });
  const before = service.requests.length;
  const run = await runBundle({
    ...options,
    dir,
    inputs: { flake: `${flake}#demo`, 'build-only': 'true', ...inputs },
    env: { ...service.environment, ...options.env },
  });
  const lines = run.log.split('\n');
  const requests = service.requests.slice(before);
  return {
    ...run,
    built: lines.filter((line) => line.startsWith('::debug::building ')).length,
    requests,
    uploaded: requests.reduce((sum, { what, bytes }) => sum + (what === 'upload' ? bytes : 0), 0),
    said: lines.filter((line) => line.startsWith('cache: ')),
  };
}
