import { NixError } from '../errors';
import {
  type ConfigurationEvaluation,
  type ConfiguredBootLoader,
  type Derivation,
  type Evaluation,
  unknownOfOutputs,
} from './evaluation';

/** How messages name what was asked. */
export interface Asked {
  /** As the user wrote it: `.#demo`, `./default.nix demo`. */
  readonly what: string;
  /** The attributes, the first first. */
  readonly path: readonly string[];
  /** What has these attributes: `the flake .`, `./default.nix`. */
  readonly root: string;
  /** What to write to name one of several, with NAME in it. */
  readonly toName: string;
  /** The disko script, as configurations name it; undefined where none is asked for. */
  readonly script: string | undefined;
}

/**
 * Reads what evaluation.nix answers.
 *
 * @throws NixError where what was asked for is not there; names those that are
 */
export function readEvaluation(answer: unknown, asked: Asked): Evaluation {
  const value = asRecord(answer);
  throwWhatIsMissing(value, asked);
  if (value.outputs === undefined) return readConfiguration(asRecord(value.found), asked);
  const outputs = asRecord(value.outputs);
  return {
    ...unknownOfOutputs,
    source: 'outputs',
    system: String(outputs.system),
    buildSystem: String(outputs.system),
    toplevel: outputs.toplevel === null ? undefined : asDerivation(outputs.toplevel),
    ...readWanted(outputs, asked),
  };
}

function throwWhatIsMissing(value: Record<string, unknown>, { what, path, root, toName }: Asked): void {
  const hint = `write ${toName} with one of these names`;
  if (typeof value.missing === 'string') {
    const above = path.slice(0, Number(value.depth)).join('.');
    throw new NixError(
      `${above === '' ? root : `${above} of ${root}`} has no ${value.missing}; it has ${listed(value.names)}`,
      { hint },
    );
  }
  if (value.nothing !== undefined) {
    throw new NixError(`${what} is no NixOS configuration; it has ${listed(value.nothing)}`, { hint });
  }
  if (value.cannotExtend === true) {
    throw new NixError(`${what} takes no special-args: it has no extendModules`, {
      hint: 'special-args need what nixpkgs.lib.nixosSystem or eval-config.nix return, or a module; else import the values in the configuration itself',
    });
  }
  if (Array.isArray(value.missingKeyFiles)) {
    throw new NixError(
      `${what} names files with authorized keys that do not exist: ${value.missingKeyFiles.join(', ')}`,
      {
        hint: 'a flake sees only files that git knows: git add them, or correct users.users.*.openssh.authorizedKeys.keyFiles',
      },
    );
  }
}

const mostNames = 40;

function listed(names: unknown): string {
  const all = asStrings(names);
  const more = all.length > mostNames ? ` and ${all.length - mostNames} more` : '';
  return all.length === 0 ? 'none' : `${all.slice(0, mostNames).join(', ')}${more}`;
}

/** What was asked for beside the system. */
function readWanted(
  found: Record<string, unknown>,
  { what, script }: Asked,
): Pick<Evaluation, 'diskoScript' | 'installTest'> {
  if (found.diskoScript === 'missing') {
    throw new NixError(`${what} has no config.system.build.${script}`, {
      hint: 'import the disko module and a disk layout, or leave disko out of phases',
    });
  }
  if (found.installTest === 'missing') {
    throw new NixError(`${what} has no config.system.build.installTest`, {
      hint: 'import the disko module, which brings the VM test along',
    });
  }
  return {
    diskoScript: found.diskoScript === null ? undefined : asDerivation(found.diskoScript),
    installTest: found.installTest === null ? undefined : asDerivation(found.installTest),
  };
}

function readConfiguration(found: Record<string, unknown>, asked: Asked): ConfigurationEvaluation {
  const sshd = asRecord(found.sshd);
  const bootLoader = asRecord(found.bootLoader);
  const initrdSsh = asRecord(found.initrdSsh);
  return {
    source: 'configuration',
    ...readWanted(found, asked),
    system: String(found.system),
    buildSystem: String(found.buildSystem),
    hostName: String(found.hostName),
    toplevel: asDerivation(found.toplevel),
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

/** @throws NixError */
export function asRecord(value: unknown): Record<string, unknown> {
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

/** As evaluation.nix and hosts.nix give one. @throws NixError */
export function asDerivation(value: unknown): Derivation {
  const { drv, out } = asRecord(value);
  return { drvPath: String(drv), outPath: String(out) };
}
