import { RemoteCommandError } from '../errors';
import { type HostKey, parsePublicKeys } from '../ssh/host-keys';
import type { Privilege } from '../ssh/remote-command';
import * as scripts from '../ssh/scripts';
import type { Target } from '../ssh/target';

/** What the target says about itself; gathered again after every boot. */
export interface Facts {
  readonly os: string;
  readonly architecture: string;
  readonly kernel: string;
  readonly distribution: string;
  readonly isNixos: boolean;
  readonly isInstaller: boolean;
  /** `none`, or the kind of container. */
  readonly container: string;
  readonly isRoot: boolean;
  /** Undefined when the user who logged in cannot become root without a password. */
  readonly privilege: Privilege | undefined;
  readonly sudoInstalled: boolean;
  readonly missingTools: readonly string[];
  readonly memoryKiB: number;
  readonly bootId: string;
  readonly uefi: boolean;
  readonly kexecDisabled: boolean;
  /** The kernel's lockdown mode: `none`, `integrity`, `confidentiality`, or empty where it does not say. */
  readonly lockdown: string;
  /** /etc/machine-id; empty if there is none. The kexec image keeps it. */
  readonly machineId: string;
  /** The install-id with which an earlier run installed this system; empty if none is recorded. */
  readonly installId: string;
  /** The machine's addresses with their prefix lengths. */
  readonly addresses: readonly string[];
  /** It has a way out by IPv6 and none by IPv4. */
  readonly ipv6Only: boolean;
  /** It is connected by wireless alone, which no installer knows how to join. */
  readonly wirelessOnly: boolean;
  /** Where `/run/current-system` leads; empty if it is not there. */
  readonly systemPath: string;
  /** The system that boots next: where the system profile leads; empty if there is none. */
  readonly profilePath: string;
  /** On an installer: an earlier run has begun to install the machine, and did not finish. */
  readonly earlierRun: boolean;
}

/** @throws RemoteCommandError naming what is missing when the answer is not complete */
export async function gatherFacts(target: Target): Promise<Facts> {
  const { stdout } = await target.run(scripts.facts, []);
  return parseFacts(stdout);
}

export function parseFacts(text: string): Facts {
  const fields = parseFields(text);
  const field = (name: string): string => {
    const value = fields.find(([key]) => key === name)?.[1];
    if (value === undefined) {
      throw new RemoteCommandError(`the target did not say its ${name}`, {
        ran: 'facts.sh',
        lastLines: text.split('\n').slice(-20),
      });
    }
    return value;
  };
  const yes = (name: string) => field(name) === 'yes';
  return {
    os: field('os'),
    architecture: field('architecture'),
    kernel: field('kernel'),
    distribution: field('distribution'),
    isNixos: yes('nixos'),
    isInstaller: yes('installer'),
    container: field('container'),
    isRoot: yes('root'),
    privilege: yes('root') ? 'none' : yes('sudo') ? 'sudo' : yes('doas') ? 'doas' : undefined,
    sudoInstalled: yes('sudoInstalled'),
    missingTools: fields.filter(([key]) => key === 'missingTool').map(([, value]) => value),
    memoryKiB: Number(field('memoryKiB')),
    bootId: field('bootId'),
    uefi: yes('uefi'),
    kexecDisabled: field('kexecDisabled') === '1',
    lockdown: field('lockdown'),
    machineId: field('machineId'),
    installId: field('installId'),
    addresses: fields.filter(([key]) => key === 'address').map(([, value]) => value),
    ipv6Only: yes('ipv6Only'),
    wirelessOnly: yes('wirelessOnly'),
    systemPath: field('systemPath'),
    profilePath: field('profilePath'),
    earlierRun: yes('earlierRun'),
  };
}

/** `name=value` lines; a name may come more than once. */
export function parseFields(text: string): (readonly [string, string])[] {
  return text.split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at > 0 ? [[line.slice(0, at), line.slice(at + 1).trim()] as const] : [];
  });
}

/** What the kexec image will take along from the running system. */
export interface CarriedAccess {
  /** Whether our key is in a file from which the image's authorized keys are made. */
  readonly keyIsCarried: boolean;
  readonly hostKeys: readonly HostKey[];
}

/** Tells the key that a run adds to root's authorized_keys for a while; letters that mean nothing to grep. */
export const addedKeyComment = 'nixos-anywhere-action (added for this installation)';

export async function readCarriedAccess(
  target: Target,
  publicKey: HostKey,
  { isInstaller }: Pick<Facts, 'isInstaller'>,
): Promise<CarriedAccess> {
  const args = [publicKey.base64, addedKeyComment];
  const { stdout } = await target.run(scripts.access, args, { privileged: true });
  const fields = parseFields(stdout);
  // what was left by a run that was killed is to go again; in an installer it is the way in
  const carried = isInstaller ? ['yes', 'left'] : ['yes'];
  return {
    keyIsCarried: fields.some(([name, value]) => name === 'authorized' && carried.includes(value)),
    hostKeys: parsePublicKeys(
      fields
        .filter(([name]) => name === 'hostKey')
        .map(([, value]) => value)
        .join('\n'),
    ),
  };
}
