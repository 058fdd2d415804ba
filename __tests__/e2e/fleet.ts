// Three machines of one flake, each behind a proxy that counts who calls.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { commitSettings, type FlakeHost, type FlakeSettings, flakeCopy } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { kexecImage } from '../../testbed/paths.mts';
import { FaultProxy } from '../../testbed/proxy.mts';
import type { Snapshot } from '../../testbed/snapshot.mts';

/** What a machine of the fleet says of itself. */
export interface HostState {
  readonly bootId: string;
  readonly system: string;
  readonly hostName: string;
  readonly installId: string;
  /** The public half of its ed25519 host key. */
  readonly hostKey: string;
}

export interface FleetMachine {
  readonly machine: Machine;
  readonly proxy: FaultProxy;
}

/** Changes of one host from commit to commit. */
export type HostChange = Partial<FlakeHost>;

export class Fleet {
  /** A git repository with the flake. */
  readonly checkout: string;
  readonly #machines: ReadonlyMap<string, FleetMachine>;
  #settings: FlakeSettings;

  private constructor(
    checkout: string,
    machines: ReadonlyMap<string, FleetMachine>,
    hosts: Record<string, FlakeHost>,
  ) {
    this.checkout = checkout;
    this.#machines = machines;
    this.#settings = { hostName: 'demo', hosts };
    flakeCopy(checkout, this.#settings, { git: true });
  }

  /** Starts a machine for each host, none of which is installed yet. */
  static async start(
    folder: string,
    hosts: Record<string, { snapshot: Snapshot; data: FlakeHost['data'] }>,
  ): Promise<Fleet> {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const machines = new Map<string, FleetMachine>();
    const described: Record<string, FlakeHost> = {};
    try {
      for (const [name, { snapshot, data }] of Object.entries(hosts)) {
        const machine = await Machine.start({ name: `fleet-${name}`, snapshot });
        const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: machine.port });
        machines.set(name, { machine, proxy });
        await ownIdentity(machine);
        described[name] = { system: {}, data: { ...accessTo(proxy, await machine.hostKeys()), ...data } };
      }
    } catch (error) {
      await stopAll(machines);
      throw error;
    }
    return new Fleet(join(folder, 'checkout'), machines, described);
  }

  stop(): Promise<void> {
    return stopAll(this.#machines);
  }

  get(name: string): FleetMachine {
    const found = this.#machines.get(name);
    if (found === undefined) throw new Error(`no host ${name}`);
    return found;
  }

  /** The commit that is checked out. */
  get head(): string {
    return execFileSync('git', ['-C', this.checkout, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  }

  /** Commits changes of hosts. @returns the commit */
  commit(changes: Record<string, HostChange>): string {
    this.#settings = changed(this.#settings, changes);
    return commitSettings(this.checkout, this.#settings);
  }

  /** Somebody else's clone, with changes that are nowhere else. */
  clone(folder: string, changes: Record<string, HostChange>): string {
    execFileSync('git', ['clone', '--quiet', this.checkout, folder]);
    commitSettings(folder, changed(this.#settings, changes));
    return folder;
  }

  async state(name: string): Promise<HostState> {
    const questions = [
      'cat /proc/sys/kernel/random/boot_id',
      'readlink -f /run/current-system || echo none',
      'hostname',
      'cat /nix/var/nixos-anywhere/install-id 2>/dev/null || echo none',
      'cut -d" " -f1,2 /etc/ssh/ssh_host_ed25519_key.pub',
    ];
    const { code, stdout, stderr } = await this.get(name).machine.ssh(questions.join('; '));
    if (code !== 0) throw new Error(`${name} does not say who it is: ${stderr}`);
    const [bootId = '', system = '', hostName = '', installId = '', hostKey = ''] = stdout.split('\n');
    return { bootId, system, hostName, installId, hostKey };
  }

  /** How often anybody has connected to each machine by the address that the flake gives. */
  calls(): Record<string, number> {
    return Object.fromEntries([...this.#machines].map(([name, { proxy }]) => [name, proxy.accepted]));
  }
}

function changed(settings: FlakeSettings, changes: Record<string, HostChange>): FlakeSettings {
  const hosts = { ...settings.hosts };
  for (const [name, { system, data }] of Object.entries(changes)) {
    const before = hosts[name] ?? { system: {}, data: {} };
    hosts[name] = { system: { ...before.system, ...system }, data: { ...before.data, ...data } };
  }
  return { ...settings, hosts };
}

async function stopAll(machines: ReadonlyMap<string, FleetMachine>): Promise<void> {
  for (const { machine, proxy } of machines.values()) {
    await proxy.close();
    await machine.stop();
  }
}

/** Machines from one snapshot are the same one to whoever looks at host key or machine ID. */
async function ownIdentity(machine: Machine): Promise<void> {
  const steps = [
    'rm -f /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub',
    'ssh-keygen -q -A',
    'tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id',
    // the oldest is the one that listens
    'pkill -HUP -o -x sshd',
  ];
  const { code, stderr } = await machine.ssh(steps.join(' && '));
  if (code !== 0) throw new Error(`no identity of its own: ${stderr}`);
  await machine.waitForSsh(60);
}

function accessTo(proxy: FaultProxy, hostKey: string): FlakeHost['data'] {
  return {
    'target-host': 'root@127.0.0.1',
    'ssh-port': proxy.port,
    'post-kexec-ssh-port': proxy.port,
    'known-hosts': hostKey.replace(/^\S+/, `[127.0.0.1]:${proxy.port}`),
    'copy-host-keys': true,
    'wipe-disks': ['/dev/vda'],
    'connect-timeout': '45s',
    kexec: kexecImage,
  };
}
