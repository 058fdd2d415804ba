import { formatOwner } from '../inputs/chown';
import type { Hook } from '../inputs/hooks';
import type { MachineSettings } from '../inputs/settings';
import type { Action } from './decide';
import { digestOfFiles, type ExtraFiles } from './extra-files';
import type { PhaseName } from './plan';

/** What is put on the new disks beside the system, and how both are made. No contents of secrets, in no form. */
export interface NewSystemPlan {
  /** Where disko finds the disk encryption keys in the installer. */
  readonly diskKeys: readonly string[];
  /** Null without extra files; the digest is over names, modes and contents. */
  readonly extraFiles: { readonly files: number; readonly bytes: number; readonly digest: string } | null;
  readonly secretFiles: readonly { readonly path: string; readonly mode: string; readonly owner: string }[];
  readonly chown: readonly { readonly path: string; readonly owner: string }[];
  /** Whether it gets the SSH host keys that the machine has now. */
  readonly copyHostKeys: boolean;
  readonly installBootloader: boolean;
  /** The NIXOS_NO_CHECK for the checks before a switch; null if it is not set. */
  readonly noCheck: string | null;
}

/** A hook that will run. */
export interface HookPlan {
  /** `after-disko`. */
  readonly when: string;
  readonly where: Hook['where'];
  readonly path: string;
  readonly sha256: string;
}

const nothingNew = { extraFiles: null, secretFiles: [], chown: [], copyHostKeys: false };

/** An update brings the system, and nothing else. */
export function newSystemPlan(
  { newSystem, diskEncryptionKeys, copyHostKeys }: MachineSettings,
  action: Action,
  phases: readonly PhaseName[],
  extraFiles: ExtraFiles | undefined,
): NewSystemPlan {
  const { secretFiles, chown, installBootloader, noCheck } = newSystem;
  const installs = phases.includes('install');
  const updates = action === 'update';
  const how = {
    diskKeys: phases.includes('disko') ? diskEncryptionKeys.value.map(({ remotePath }) => remotePath) : [],
    installBootloader: installs
      ? installBootloader.value !== false
      : updates && installBootloader.value === true,
    noCheck: installs || updates ? (noCheck.value ?? null) : null,
  };
  if (!installs) return { ...nothingNew, ...how };
  return {
    extraFiles: extraFiles === undefined ? null : describeFiles(extraFiles),
    secretFiles: secretFiles.value.map(({ path, mode, owner }) => ({
      path,
      mode,
      owner: owner === undefined ? 'root' : formatOwner(owner),
    })),
    chown: chown.value.map(({ path, owner }) => ({ path, owner: formatOwner(owner) })),
    copyHostKeys: copyHostKeys.value,
    ...how,
  };
}

function describeFiles(extraFiles: ExtraFiles): NewSystemPlan['extraFiles'] {
  const files = extraFiles.entries.filter(({ kind }) => kind !== 'folder');
  return {
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    digest: digestOfFiles(extraFiles),
  };
}

/** Those of phases that do not run are left out. */
export function plannedHooks({ hooks }: MachineSettings, phases: readonly PhaseName[]): HookPlan[] {
  return hooks.value
    .filter(({ phase }) => phases.includes(phase))
    .map(({ when, phase, where, path, sha256 }) => ({ when: `${when}-${phase}`, where, path, sha256 }));
}
