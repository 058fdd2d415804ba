import { existsSync } from 'node:fs';
import { NixError } from '../errors';
import type { FlakeReference } from '../inputs/flake-reference';
import type { DiskoMode } from '../inputs/settings';
import expression from '../nix/evaluation.nix';
import { type Nix, nixString } from '../nix/nix';

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
  readonly substituters: readonly string[];
  readonly trustedPublicKeys: readonly string[];
  /** Empty where they are not known. */
  readonly groups: readonly ConfiguredGroup[];
  /** Empty when sshd is off, or where they are not known. */
  readonly hostKeys: readonly ConfiguredHostKey[];
}

/** Everything that one evaluation of the configuration tells. */
export interface FlakeEvaluation extends WhatIsInstalled {
  readonly source: 'flake';
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

/** What finished store paths tell: hardly anything, and never which disks the script wipes or who may log in. */
export interface StorePathsEvaluation extends WhatIsInstalled {
  readonly source: 'store-paths';
  /** Undefined with a disko script alone, like the system itself. */
  readonly system: string | undefined;
  readonly buildSystem: undefined;
  readonly toplevel: Derivation | undefined;
  readonly disks: undefined;
  readonly sshd: undefined;
  readonly logins: undefined;
  readonly bootLoader: undefined;
  readonly initrdSsh: undefined;
}

export type Evaluation = FlakeEvaluation | StorePathsEvaluation;

/** The system; inputs without one are refused where a phase needs it. */
export function systemOf({ toplevel }: Evaluation): Derivation {
  if (toplevel === undefined) throw new Error('this needs a system, which the inputs should have given');
  return toplevel;
}

export function systemPathOf(evaluation: Evaluation): string {
  return systemOf(evaluation).outPath;
}

/**
 * @param disko which disko script is needed, if any
 * @throws NixError; an unknown configuration is answered with the names that exist
 */
export async function evaluate(
  nix: Nix,
  flake: FlakeReference,
  disko: DiskoMode | undefined,
  signal: AbortSignal,
): Promise<FlakeEvaluation> {
  const script = disko === undefined ? null : `${disko}Script`;
  const request = JSON.stringify({ name: flake.name, path: flake.path, disko: script });
  const apply = `(${expression}) (builtins.fromJSON ${nixString(request)})`;
  const answer = await nix
    .evaluate(`${localUri(flake.uri)}#nixosConfigurations`, apply, signal)
    .catch((error: unknown) => {
      throw explainEvaluation(error, flake);
    });
  return readEvaluation(answer, flake, script ?? '');
}

/** A folder that is named without `./` would be looked up in the registry. */
function localUri(uri: string): string {
  return /^[A-Za-z0-9_]/.test(uri) && !uri.includes(':') && existsSync(`${uri}/flake.nix`) ? `./${uri}` : uri;
}

function explainEvaluation(error: unknown, flake: FlakeReference): unknown {
  if (!(error instanceof NixError)) return error;
  const { lastLines } = error;
  if (!/does not provide attribute/.test(error.message)) {
    const hint =
      'see whether it evaluates elsewhere: nix eval FLAKE#nixosConfigurations.NAME.config.system.build.toplevel';
    return new NixError(error.message, { cause: error, lastLines, hint });
  }
  return new NixError(`the flake ${flake.uri} has no nixosConfigurations`, {
    cause: error,
    lastLines,
    hint: 'check the flake input: its part before the # must lead to a flake with an output nixosConfigurations',
  });
}

function readEvaluation(answer: unknown, flake: FlakeReference, script: string): FlakeEvaluation {
  const value = asRecord(answer);
  if (Array.isArray(value.unknown)) {
    throw new NixError(
      `the flake ${flake.uri} has no nixosConfigurations."${flake.name}"; it has ${value.unknown.join(', ') || 'none'}`,
      {
        hint: `write ${flake.uri}#NAME with one of these names`,
      },
    );
  }
  if (typeof value.missing === 'string') {
    throw new NixError(
      `nixosConfigurations."${flake.name}" has no attribute ${value.missing} (of ${flake.path.join('.')})`,
    );
  }
  if (Array.isArray(value.missingKeyFiles)) {
    throw new NixError(
      `nixosConfigurations."${flake.name}" names files with authorized keys that do not exist: ${value.missingKeyFiles.join(', ')}`,
      {
        hint: 'a flake sees only files that git knows: git add them, or correct users.users.*.openssh.authorizedKeys.keyFiles',
      },
    );
  }
  const found = asRecord(value.found);
  if (found.diskoScript === 'missing') {
    throw new NixError(`nixosConfigurations."${flake.name}" has no config.system.build.${script}`, {
      hint: 'import the disko module and a disk layout, or leave disko out of phases',
    });
  }
  const sshd = asRecord(found.sshd);
  const bootLoader = asRecord(found.bootLoader);
  const initrdSsh = asRecord(found.initrdSsh);
  return {
    source: 'flake',
    system: String(found.system),
    buildSystem: String(found.buildSystem),
    hostName: String(found.hostName),
    toplevel: asDerivation(found.toplevel),
    diskoScript: found.diskoScript === null ? undefined : asDerivation(found.diskoScript),
    disks: asRecords(found.disks).map(({ device, destroy }) => ({
      device: String(device),
      destroy: destroy !== false,
    })),
    groups: asRecords(found.groups).map(({ kind, name }) => ({
      kind: kind === 'lvm_vg' || kind === 'mdadm' ? kind : 'zpool',
      name: String(name),
    })),
    substituters: asStrings(found.substituters),
    trustedPublicKeys: asStrings(found.trustedPublicKeys),
    hostKeys: asRecords(found.hostKeys).map(({ type, path, bits }) => ({
      type: String(type),
      path: String(path),
      bits: String(bits),
    })),
    sshd: {
      enabled: sshd.enabled === true,
      ports: asStrings(sshd.ports).map(Number),
      rootLogin: String(sshd.rootLogin),
      otherKeys: sshd.otherKeys === true,
    },
    logins: asRecords(found.logins).map(({ name, keys, password }) => ({
      name: String(name),
      password: password === true,
      keys: asStrings(keys).flatMap((text) => text.split('\n').filter((line) => line.trim() !== '')),
    })),
    bootLoader: {
      kind: asBootLoader(bootLoader.kind),
      grubDevices: asStrings(bootLoader.grubDevices),
      grubEfi: bootLoader.grubEfi === true,
      efiMountPoint: String(bootLoader.efiMountPoint),
      entriesMountPoint: String(bootLoader.entriesMountPoint),
      grubBoots: asRecords(bootLoader.grubBoots).map(({ path, efi }) => ({
        path: String(path),
        efiMountPoint: String(efi),
      })),
    },
    initrdSsh: {
      enabled: initrdSsh.enabled === true,
      port: Number(initrdSsh.port),
      hostKeys: asStrings(initrdSsh.hostKeys),
    },
  };
}

function asBootLoader(value: unknown): ConfiguredBootLoader['kind'] {
  return value === 'systemd-boot' || value === 'grub' ? value : 'other';
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null)
    throw new NixError('the evaluation gave another answer than was asked for');
  return { ...value };
}

function asRecords(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(asRecord) : [];
}

function asStrings(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function asDerivation(value: unknown): Derivation {
  const { drv, out } = asRecord(value);
  return { drvPath: String(drv), outPath: String(out) };
}
