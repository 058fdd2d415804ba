import type { Secret } from '../secrets';
import type { HostKey } from '../ssh/host-keys';
import type { KnownHost } from '../ssh/known-hosts';
import type { OwnerName, Ownership } from './chown';
import type { FlakeReference } from './flake-reference';
import type { BuildHostsSettings, FleetResultsSettings, ListSettings } from './fleet-settings';
import type { Hook } from './hooks';
import type { SshOptions } from './ssh-option-table';
import type { InputName } from './table';

/** Where a value comes from; a flake may describe its hosts itself. */
export type Source = 'input' | 'environment' | 'flake' | 'default';

/** A value that remembers its source. */
export interface Setting<T> {
  readonly value: T;
  readonly source: Source;
  /** The attribute of the flake, where that is the source. */
  readonly place?: string;
}

/** The phases that a user can choose from, in their order. */
export const selectablePhases = ['kexec', 'disko', 'install', 'reboot'] as const;
export type SelectablePhase = (typeof selectablePhases)[number];

export const onInstalledChoices = ['fail', 'skip', 'update', 'reinstall', 'converge'] as const;
export type OnInstalled = (typeof onInstalledChoices)[number];

export const verifyChoices = ['auto', 'system', 'host-key', 'off'] as const;
export type VerifyChoice = (typeof verifyChoices)[number];

export const diskoModes = ['disko', 'format', 'mount'] as const;
export type DiskoMode = (typeof diskoModes)[number];

/** Where it is built: on the runner, on the machine, or on the runner where that can. */
export const buildChoices = ['auto', 'local', 'remote'] as const;
export type BuildChoice = (typeof buildChoices)[number];

/** The programs of the installer that say what a machine is made of. */
export const hardwareBackends = ['nixos-facter', 'nixos-generate-config'] as const;
export type HardwareBackend = (typeof hardwareBackends)[number];

/** A file on the runner, for the machine to describe itself in. */
export interface HardwareConfig {
  readonly backend: HardwareBackend;
  readonly path: string;
}

/** `offline`: what the configuration alone decides, without a connection. */
export const planChoices = ['false', 'true', 'offline'] as const;

/** Disks that may be lost, as the user names them: a path, a by-id name, a serial number or a WWN; or all of them. */
export type WipeAllowance = 'any' | readonly string[];

/** Where the kexec image comes from; `default` is chosen by the target's architecture. */
export type KexecImage =
  | { readonly kind: 'default' }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'path'; readonly path: string };

/** The installer that the machine is taken over with. */
export interface KexecSettings {
  readonly image: Setting<KexecImage>;
  /** Of the file as it is fetched, 64 hexadecimal digits. */
  readonly sha256: Setting<string | undefined>;
  /** Words for the kexec program. */
  readonly extraFlags: Setting<readonly string[]>;
  /** Also where an installer runs already. */
  readonly force: Setting<boolean>;
}

/** What the target's Nix may know while closures are copied to it. */
export interface CopySettings {
  readonly noMachineSubstituters: Setting<boolean>;
  readonly noSubstitutes: Setting<boolean>;
  readonly netrc: Secret | undefined;
  /** Names of settings that were given though they have no effect. */
  readonly idleStoreSettings: Setting<readonly string[]>;
}

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
  /** From the beginning of the build to the end of the test. */
  readonly vmTest: Setting<number>;
}

/** Store paths that exist on the runner already, told apart by what they are; at least one. */
export interface StorePaths {
  readonly system: string | undefined;
  readonly diskoScript: string | undefined;
  /** What must be fetched before it can be told what it is. */
  readonly absent: readonly string[];
}

/** A Nix file, and the attributes in it that lead to a configuration or to what one builds. */
export interface FileReference {
  /** A path, or a path in NIX_PATH as `<nixpkgs/nixos>`. */
  readonly file: string;
  readonly path: readonly string[];
}

/** What modules get beside `config`, `lib` and the rest. */
export type SpecialArgs = Readonly<Record<string, unknown>>;

/** What is installed: a configuration that is evaluated and built, or what was built elsewhere. */
export type Configuration =
  | { readonly kind: 'flake'; readonly flake: FlakeReference }
  | { readonly kind: 'nix-file'; readonly reference: FileReference }
  | { readonly kind: 'store-paths'; readonly paths: StorePaths };

/** What is built here and nowhere else, kept from run to run. */
export interface CacheSettings {
  readonly enabled: Setting<boolean>;
  /** What the keys of all entries begin with. */
  readonly keyPrefix: Setting<string>;
  /** Undefined where it is derived from the key that logs in, or there is none. */
  readonly signingKey: Secret | undefined;
}

/** How Nix is used on the runner. */
export interface NixUse {
  readonly nixOptions: Setting<readonly (readonly [string, string])[]>;
  readonly printBuildLogs: Setting<boolean>;
  readonly showTrace: Setting<boolean>;
  /** The URI of a store that has what the runner lacks. */
  readonly from: Setting<string | undefined>;
  readonly debug: Setting<boolean>;
  readonly deadlines: Deadlines;
}

/** What a run is told of how to evaluate and to build, whatever that is. */
export interface BuildChoices extends NixUse {
  readonly specialArgs: Setting<SpecialArgs | undefined>;
  readonly phases: Setting<readonly SelectablePhase[]>;
  readonly diskoMode: Setting<DiskoMode>;
  /** The disko script without its tools: the installer's are used. */
  readonly noDiskoDeps: Setting<boolean>;
  readonly installId: Setting<string | undefined>;
  readonly buildOn: Setting<BuildChoice>;
  readonly hardwareConfig: Setting<HardwareConfig | undefined>;
  readonly cache: CacheSettings;
}

/** What every run for one configuration is told: enough to evaluate and to build. */
export interface BuildSettings extends BuildChoices {
  readonly configuration: Setting<Configuration>;
}

/** How the installed system is reached; what is not given follows from the configuration and from target-host. */
export interface PostInstallSettings {
  readonly host: Setting<string | undefined>;
  readonly port: Setting<number | undefined>;
  readonly user: Setting<string | undefined>;
  readonly privateKey: Secret | undefined;
  readonly publicKey: HostKey | undefined;
  readonly knownHosts: Setting<readonly KnownHost[] | undefined>;
}

/** A key that disko finds as a file in the installer. */
export interface DiskEncryptionKey {
  readonly remotePath: string;
  readonly contents: Secret;
}

/** A file of the new system that only a secret can fill. */
export interface SecretFile {
  /** In the new system. */
  readonly path: string;
  /** Octal, as chmod takes it. */
  readonly mode: string;
  /** Undefined: root. */
  readonly owner: OwnerName | undefined;
  readonly contents: Secret;
}

/** What is put on the new disks beside the system, and how that is installed. */
export interface NewSystemSettings {
  /** A folder on the runner. */
  readonly extraFiles: Setting<string | undefined>;
  readonly secretFiles: Setting<readonly SecretFile[]>;
  readonly chown: Setting<readonly Ownership[]>;
  /** Undefined: in an install, not in an update. */
  readonly installBootloader: Setting<boolean | undefined>;
  /** The NIXOS_NO_CHECK of this step, for the checks before a switch; undefined if it is not set. */
  readonly noCheck: Setting<string | undefined>;
}

/** How one logs in to the machine until its new system runs. */
export interface LoginSettings {
  /** The key that the installer lets in. */
  readonly privateKey: Secret;
  readonly publicKey: HostKey;
  /** Otherwise the key was made for this run, and the machine and its new system know nothing of it. */
  readonly keyIsGiven: boolean;
  /** Undefined where there is another way. */
  readonly agentSocket: string | undefined;
  readonly password: Secret | undefined;
  /** For sudo, where it asks; the same as `password` if no other was given. */
  readonly sudoPassword: Secret | undefined;
}

/** What every run that contacts a machine is told. */
export interface MachineSettings extends BuildSettings {
  readonly targetHost: Setting<TargetHost>;
  readonly sshPort: Setting<number>;
  readonly postKexecSshPort: Setting<number>;
  /** Undefined where the installer answers at the address that the machine has now. */
  readonly postKexecSshHost: Setting<string | undefined>;
  readonly postKexecSshUser: Setting<string>;
  readonly login: LoginSettings;
  /** Logs in to jump hosts; undefined where the machine's own key does. */
  readonly jumpPrivateKey: Secret | undefined;
  /** Undefined when none were given: then the first key seen is held. */
  readonly knownHosts: Setting<readonly KnownHost[] | undefined>;
  readonly sshOptions: Setting<SshOptions>;
  readonly diskEncryptionKeys: Setting<readonly DiskEncryptionKey[]>;
  readonly kexec: KexecSettings;
  readonly copy: CopySettings;
  readonly onInstalled: Setting<OnInstalled>;
  /** Undefined when none was given: then only the disks that the configuration names may be lost. */
  readonly wipeDisks: Setting<WipeAllowance | undefined>;
  readonly expectMachine: Setting<string | undefined>;
  readonly allowLockout: Setting<boolean>;
  readonly copyHostKeys: Setting<boolean>;
  readonly newSystem: NewSystemSettings;
  readonly hooks: Setting<readonly Hook[]>;
  readonly verify: Setting<VerifyChoice>;
  readonly postInstall: PostInstallSettings;
  /** The digest of the only plan that may be carried out. */
  readonly approvedPlan: Setting<string | undefined>;
}

/** A run for one configuration; only the first kind changes anything on a machine, and only the first two contact one. */
export type HostSettings =
  | ({ readonly kind: 'install' } & MachineSettings)
  | ({ readonly kind: 'plan' } & MachineSettings)
  | ({ readonly kind: 'offline-plan' } & BuildSettings)
  | ({ readonly kind: 'build-only' } & BuildSettings)
  | ({ readonly kind: 'vm-test' } & BuildSettings);

export type Settings = HostSettings | ListSettings | BuildHostsSettings | FleetResultsSettings;

/** For what is read again: a part of it is known now, and that it is a run for one host does not change. */
export function hostSettings(settings: Settings): HostSettings {
  const { kind } = settings;
  if (kind === 'list-hosts' || kind === 'build-hosts' || kind === 'fleet-results')
    throw new Error(`the inputs described a run for one host, and now ${kind}`);
  return settings;
}

/** The settings of a run that contacts a machine. */
export type OnMachine = Extract<HostSettings, MachineSettings>;

/**
 * The inputs whose secrets a run sends to the target, which must be known to be the right one then. The private keys are
 * not among them: they stay on the runner.
 */
export function secretsToSend(settings: MachineSettings, kind: 'plan' | 'install'): readonly InputName[] {
  const { password, sudoPassword } = settings.login;
  const installs = kind === 'install';
  return [
    ...(password === undefined ? [] : (['ssh-password'] as const)),
    ...(sudoPassword === undefined || sudoPassword === password ? [] : (['sudo-password'] as const)),
    ...(installs && settings.diskEncryptionKeys.value.length > 0 ? (['disk-encryption-keys'] as const) : []),
    ...(installs && settings.copy.netrc !== undefined ? (['netrc'] as const) : []),
    ...(installs && settings.newSystem.secretFiles.value.length > 0 ? (['secret-files'] as const) : []),
    // whatever is in them
    ...(installs && settings.newSystem.extraFiles.value !== undefined ? (['extra-files'] as const) : []),
  ];
}

/** Under which name and port known_hosts lines are looked up for the machine. */
export function knownHostsPlace(settings: MachineSettings): { readonly host: string; readonly port: number } {
  const { hostKeyAlias } = settings.sshOptions.value;
  return hostKeyAlias === undefined
    ? { host: settings.targetHost.value.host, port: settings.sshPort.value }
    : { host: hostKeyAlias, port: 22 };
}

/** The name of the configuration in its flake; empty where there is none. */
export function hostOf({ configuration }: BuildSettings): string {
  return configuration.value.kind === 'flake' ? configuration.value.flake.name : '';
}
