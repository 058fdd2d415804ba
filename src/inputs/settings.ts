import type { Secret } from '../secrets';
import type { HostKey } from '../ssh/host-keys';
import type { KnownHost } from '../ssh/known-hosts';
import type { FlakeReference } from './flake-reference';

/** Where a value comes from; a fleet's hosts will be described in part by the flake itself. */
export type Source = 'input' | 'flake' | 'default';

/** A value that remembers its source. */
export interface Setting<T> {
  readonly value: T;
  readonly source: Source;
}

/** The phases that a user can choose from, in their order. */
export const selectablePhases = ['kexec', 'disko', 'install', 'reboot'] as const;
export type SelectablePhase = (typeof selectablePhases)[number];

export const onInstalledChoices = ['fail', 'reinstall'] as const;
export type OnInstalled = (typeof onInstalledChoices)[number];

export const verifyChoices = ['auto', 'system', 'host-key', 'off'] as const;
export type VerifyChoice = (typeof verifyChoices)[number];

/** Where the kexec image comes from; `default` is chosen by the target's architecture. */
export type KexecImage =
  | { readonly kind: 'default' }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'path'; readonly path: string };

export interface TargetHost {
  readonly user: string;
  readonly host: string;
}

/** All in milliseconds. */
export interface Deadlines {
  readonly connect: Setting<number>;
  readonly kexec: Setting<number>;
  readonly reboot: Setting<number>;
  readonly idle: Setting<number>;
  readonly diskoIdle: Setting<number>;
}

/** What every run that contacts a machine is told. */
export interface MachineSettings {
  readonly flake: Setting<FlakeReference>;
  readonly targetHost: Setting<TargetHost>;
  readonly sshPort: Setting<number>;
  readonly postKexecSshPort: Setting<number>;
  readonly privateKey: Secret;
  readonly publicKey: HostKey;
  /** Undefined when none were given: then the first key seen is held. */
  readonly knownHosts: Setting<readonly KnownHost[] | undefined>;
  readonly kexec: Setting<KexecImage>;
  readonly phases: Setting<readonly SelectablePhase[]>;
  readonly onInstalled: Setting<OnInstalled>;
  readonly copyHostKeys: Setting<boolean>;
  readonly verify: Setting<VerifyChoice>;
  readonly nixOptions: Setting<readonly (readonly [string, string])[]>;
  readonly printBuildLogs: Setting<boolean>;
  readonly debug: Setting<boolean>;
  readonly deadlines: Deadlines;
}

/** The kinds of run. */
export type Settings =
  | ({ readonly kind: 'install' } & MachineSettings)
  | ({ readonly kind: 'plan' } & MachineSettings);

/** Each value with its source, a line each; secrets print as `***`. */
export function describeSettings(settings: Settings): string {
  const { deadlines, ...rest } = settings;
  return Object.entries({ ...rest, ...deadlines })
    .map(([name, setting]) => `${name} = ${JSON.stringify(setting)}`)
    .join('\n');
}
