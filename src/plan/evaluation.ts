/** Something that is built, or was built elsewhere: then no derivation is known. */
export interface Derivation {
  readonly drvPath: string | undefined;
  readonly outPath: string;
}

/** How Nix is asked to build it; what was built elsewhere is only kept from being collected. */
export function installable({ drvPath, outPath }: Derivation): string {
  return drvPath === undefined ? outPath : `${drvPath}^*`;
}

/** An SSH host key that the configuration's sshd uses. */
export interface ConfiguredHostKey {
  readonly type: string;
  readonly path: string;
  /** Empty for the type's default. */
  readonly bits: string;
}

/** A disk of `disko.devices.disk`. */
export interface ConfiguredDisk {
  readonly device: string;
  /** Whether disko's mode `disko` wipes it; if not it only adds what is missing. */
  readonly destroy: boolean;
}

/** What disko makes over one or several disks. */
export interface ConfiguredGroup {
  readonly kind: 'lvm_vg' | 'mdadm' | 'zpool';
  readonly name: string;
}

export interface ConfiguredSshd {
  readonly enabled: boolean;
  readonly ports: readonly number[];
  /** sshd's PermitRootLogin. */
  readonly rootLogin: string;
  /** Whether keys may be accepted that the configuration does not name. */
  readonly otherKeys: boolean;
}

/** A user whom sshd may let in. */
export interface ConfiguredLogin {
  readonly name: string;
  /** Lines as authorized_keys files hold them. */
  readonly keys: readonly string[];
  /** Whether the user has a password, and sshd takes passwords. */
  readonly password: boolean;
}

export interface ConfiguredBootLoader {
  readonly kind: 'systemd-boot' | 'grub' | 'other';
  readonly grubDevices: readonly string[];
  readonly grubEfi: boolean;
  readonly efiMountPoint: string;
  /** Where systemd-boot's entries lie: the ESP, or a partition of their own (XBOOTLDR). */
  readonly entriesMountPoint: string;
  /** The folders above `grub/grub.cfg`, each with the mount point of the EFI partition that belongs to it. */
  readonly grubBoots: readonly { readonly path: string; readonly efiMountPoint: string }[];
}

/** The SSH server of the initrd, in which a disk's passphrase can be entered. */
export interface ConfiguredInitrdSsh {
  readonly enabled: boolean;
  readonly port: number;
  /** Private key files, as the configuration names them. */
  readonly hostKeys: readonly string[];
}

interface WhatIsInstalled {
  /** Empty where it is not known. */
  readonly hostName: string;
  /** Undefined when no disko script was asked for. */
  readonly diskoScript: Derivation | undefined;
  /** The VM test; undefined when it was not asked for. */
  readonly installTest: Derivation | undefined;
  readonly substituters: readonly string[];
  readonly trustedPublicKeys: readonly string[];
  /** Empty where they are not known. */
  readonly groups: readonly ConfiguredGroup[];
  /** Empty when sshd is off, or where they are not known. */
  readonly hostKeys: readonly ConfiguredHostKey[];
}

/** Everything that one evaluation of the configuration tells. */
export interface ConfigurationEvaluation extends WhatIsInstalled {
  readonly source: 'configuration';
  /** `x86_64-linux` */
  readonly system: string;
  /** The system that its derivations are built on; another one where it is cross-compiled. */
  readonly buildSystem: string;
  readonly toplevel: Derivation;
  readonly disks: readonly ConfiguredDisk[];
  readonly sshd: ConfiguredSshd;
  readonly logins: readonly ConfiguredLogin[];
  readonly bootLoader: ConfiguredBootLoader;
  readonly initrdSsh: ConfiguredInitrdSsh;
}

/**
 * What finished store paths tell, or derivations without their configuration: hardly anything, and never which disks the
 * script wipes or who may log in.
 */
export interface OutputsEvaluation extends WhatIsInstalled {
  readonly source: 'outputs';
  /** Undefined with a disko script alone, like the system itself. */
  readonly system: string | undefined;
  /** Undefined where it is built already. */
  readonly buildSystem: string | undefined;
  readonly toplevel: Derivation | undefined;
  readonly disks: undefined;
  readonly sshd: undefined;
  readonly logins: undefined;
  readonly bootLoader: undefined;
  readonly initrdSsh: undefined;
}

/** Of a configuration that cannot be evaluated before the machine has described itself. */
export interface ProvisionalEvaluation extends Omit<OutputsEvaluation, 'source' | 'buildSystem'> {
  readonly source: 'provisional';
  /** What the machine is: as long as nothing else is known, its configuration is taken to be for it. */
  readonly buildSystem: string;
}

export type Evaluation = ConfigurationEvaluation | OutputsEvaluation | ProvisionalEvaluation;

export function provisionalEvaluation(machineSystem: string): ProvisionalEvaluation {
  return {
    ...unknownOfOutputs,
    source: 'provisional',
    system: undefined,
    buildSystem: machineSystem,
    toplevel: undefined,
    diskoScript: undefined,
    installTest: undefined,
  };
}

/** What is not known of outputs alone. */
export const unknownOfOutputs = {
  hostName: '',
  substituters: [],
  trustedPublicKeys: [],
  groups: [],
  hostKeys: [],
  disks: undefined,
  sshd: undefined,
  logins: undefined,
  bootLoader: undefined,
  initrdSsh: undefined,
} as const;

/** The system; inputs without one are refused where a phase needs it. */
export function systemOf({ toplevel }: Evaluation): Derivation {
  if (toplevel === undefined) throw new Error('this needs a system, which the inputs should have given');
  return toplevel;
}

export function systemPathOf(evaluation: Evaluation): string {
  return systemOf(evaluation).outPath;
}

/** The system that builds it; empty where that is not known. */
export function buildSystemOf({ buildSystem, system }: Evaluation): string {
  return buildSystem ?? system ?? '';
}
