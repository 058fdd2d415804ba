// A git checkout with a flake of many hosts, which can be changed one by one.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './runtime';

export function git(folder: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.org'];
  return execFileSync('git', ['-C', folder, ...identity, ...args], { encoding: 'utf8' });
}

/** What differs from host to host. */
export interface FleetHost {
  /** In the system. */
  text?: string;
  /** In the disko script. */
  disk?: string;
  /** What nixosAnywhere.NAME has, beside what all have. */
  data?: Record<string, unknown>;
  /** Nix, instead of the configuration; null: there is none. */
  configuration?: string | null | undefined;
}

export interface Fleet {
  folder: string;
  /** Changes what is checked out, and commits nothing. */
  change: (host: string, to: FleetHost) => void;
  /** As change does. */
  remove: (host: string) => void;
}

/**
 * `web-0`, `web-1`, …: those with an even number have the tag even, the first one also canary.
 *
 * @param options `configuration`: Nix for a function that makes a configuration of `{ name, text, disk }`
 */
export function makeFleet({
  count,
  hosts = {},
}: {
  count: number;
  hosts?: Record<string, FleetHost>;
}): Fleet {
  const folder = temporaryFolder('fleet');
  const all = new Map<string, FleetHost>();
  for (let index = 0; index < count; index++) {
    const name = `web-${index}`;
    const tags = [...(index % 2 === 0 ? ['even'] : []), ...(index === 0 ? ['canary'] : [])];
    const data = { 'target-host': `root@192.0.2.${index + 1}`, tags, ...hosts[name]?.data };
    all.set(name, { ...hosts[name], data });
  }
  const write = () => {
    writeFileSync(join(folder, 'flake.nix'), flake(all));
    writeFileSync(join(folder, 'hosts.json'), JSON.stringify(Object.fromEntries(all), undefined, 2));
  };
  write();
  git(folder, 'init', '-q', '-b', 'main');
  git(folder, 'add', '.');
  git(folder, 'commit', '-qm', 'first');
  return {
    folder,
    change: (host, to) => {
      const before = all.get(host);
      all.set(host, { ...before, ...to, data: { ...before?.data, ...to.data } });
      write();
    },
    remove: (host) => {
      all.delete(host);
      write();
    },
  };
}

function flake(hosts: ReadonlyMap<string, FleetHost>): string {
  const own = [...hosts].flatMap(([name, { configuration }]) =>
    typeof configuration === 'string' ? [`"${name}" = ${configuration};`] : [],
  );
  const without = [...hosts].flatMap(([name, { configuration }]) =>
    configuration === null ? [`"${name}"`] : [],
  );
  return `{
  outputs = { self }:
    let
      hosts = builtins.fromJSON (builtins.readFile ./hosts.json);
      drv = name: text: derivation {
        inherit name text;
        system = "x86_64-linux";
        builder = "/bin/sh";
        args = [ "-c" "printf %s \\"$text\\" >$out" ];
      };
      configuration = name: host: {
        pkgs.system = "x86_64-linux";
        config = {
          networking.hostName = name;
          system.build.toplevel = drv "nixos-system-\${name}" (name + (host.text or ""));
          system.build.diskoScript = drv "disko" (name + (host.disk or ""));
        };
      };
    in
    {
      nixosConfigurations = removeAttrs (builtins.mapAttrs configuration hosts // { ${own.join(' ')} }) [ ${without.join(' ')} ];
      nixosAnywhere = builtins.mapAttrs (_: host: host.data) hosts;
    };
}
`;
}
