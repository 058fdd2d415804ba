import { createHash } from 'node:crypto';
import type { BuildSettings, DiskoMode, MachineSettings, SelectablePhase } from '../inputs/settings';
import { nameOf } from '../ssh/connection';
import { fingerprint } from '../ssh/host-keys';
import type { Target } from '../ssh/target';
import { checkMachine } from './checks';
import { type Action, decide } from './decide';
import type { ConfiguredDisk, Evaluation } from './evaluation';
import type { CarriedAccess, Disk, Disks, Facts } from './facts';
import type { Work } from './work';

export const phaseNames = [
  'preflight',
  'build',
  'kexec',
  'disko',
  'install',
  'update',
  'reboot',
  'verify',
] as const;
export type PhaseName = (typeof phaseNames)[number];

/** What the configuration alone decides: needs no secret and no connection. */
export interface OfflinePlan {
  readonly configuration: string;
  /** `x86_64-linux`; null with a disko script alone. */
  readonly system: string | null;
  readonly hostName: string;
  readonly toplevel: string | null;
  readonly diskoScript: string | null;
  /** Null with store-paths: the script does what it was built for. */
  readonly diskoMode: DiskoMode | null;
  /** Null with store-paths: the script may wipe any disk. */
  readonly disks: readonly ConfiguredDisk[] | null;
  readonly installId: string | null;
}

/** What the machine, as it is now, adds. */
export interface OnlinePlan {
  readonly target: string;
  readonly hostKeys: readonly string[];
  readonly machineId: string;
  readonly architecture: string;
  readonly runsNixos: boolean;
  readonly isInstaller: boolean;
  readonly currentSystem: string;
  /** The install-id that is recorded on the machine; empty if there is none. */
  readonly installId: string;
  /** Whether the configuration says which disks disko touches; if not, all of them may be lost. */
  readonly disksKnown: boolean;
  /** The disks that the configuration names, as they were found; all that is on them is lost. */
  readonly wiped: readonly (Disk & { readonly path: string })[];
  readonly untouched: readonly Disk[];
  readonly observed: Observed;
}

/** What a reader wants to know, and what may change without making it another plan: it is not part of the digest. */
export interface Observed {
  readonly distribution: string;
  readonly kernel: string;
  readonly memoryKiB: number;
  readonly uefi: boolean;
  readonly addresses: readonly string[];
}

/** What will happen, and why. Plain data without times and secrets; phases carry it out and decide nothing. */
export interface Plan {
  readonly action: Action;
  readonly reason: string;
  readonly phases: readonly PhaseName[];
  /** Our key is in no file that the kexec image takes along: it is added before the jump. */
  readonly authorizeKey: boolean;
  readonly offline: OfflinePlan;
  readonly online: OnlinePlan;
}

/** A plan, or only the half of it that needs no machine; and what was observed beside it, null where it is not known. */
export type PublishedPlan = (Plan | { readonly offline: OfflinePlan; readonly online: null }) & {
  readonly work: Work | null;
};

/** What the plan is made from. */
export interface Situation {
  readonly settings: MachineSettings;
  readonly evaluation: Evaluation;
  readonly facts: Facts;
  readonly access: CarriedAccess;
  readonly disks: Disks;
  readonly target: Target;
}

/**
 * Decides what to do. Everything that can be checked is checked here, before the first act that changes the machine.
 *
 * @throws GuardError when the machine may not or cannot be installed
 */
export function makePlan(situation: Situation): Plan {
  const { settings, evaluation, facts, access } = situation;
  const { action, reason } = decide(settings, facts, evaluation);
  const kexecNeeded = action === 'install' && settings.phases.value.includes('kexec') && !facts.isInstaller;
  checkMachine(situation, action, kexecNeeded);
  return {
    action,
    reason,
    phases: phasesOf(action, settings, kexecNeeded),
    authorizeKey: kexecNeeded && !access.keyIsCarried,
    offline: offlinePlan(settings, evaluation),
    online: onlinePlan(situation, action),
  };
}

function phasesOf(action: Action, settings: MachineSettings, kexecNeeded: boolean): PhaseName[] {
  const verify = settings.verify.value !== 'off';
  switch (action) {
    case 'nothing':
      return ['preflight'];
    case 'update':
      return ['preflight', 'build', 'update', ...(verify ? (['verify'] as const) : [])];
    case 'install':
      return ['preflight', 'build', ...chosenPhases(settings.phases.value, kexecNeeded, verify)];
  }
}

function chosenPhases(
  chosen: readonly SelectablePhase[],
  kexecNeeded: boolean,
  verify: boolean,
): PhaseName[] {
  const phases: PhaseName[] = chosen.filter((phase) => phase !== 'kexec' || kexecNeeded);
  return verify && chosen.includes('reboot') ? [...phases, 'verify'] : phases;
}

export function offlinePlan(settings: BuildSettings, evaluation: Evaluation): OfflinePlan {
  return {
    configuration: nameConfiguration(settings),
    system: evaluation.system ?? null,
    hostName: evaluation.hostName,
    toplevel: evaluation.toplevel?.outPath ?? null,
    diskoScript: evaluation.diskoScript?.outPath ?? null,
    diskoMode: evaluation.source === 'flake' ? settings.diskoMode.value : null,
    disks: evaluation.disks ?? null,
    installId: settings.installId.value ?? null,
  };
}

export function nameConfiguration(settings: BuildSettings): string {
  const configuration = settings.configuration.value;
  if (configuration.kind === 'store-paths') {
    const { system, diskoScript } = configuration.paths;
    return [system, diskoScript].filter((each) => each !== undefined).join(' ');
  }
  const { uri, name, path } = configuration.flake;
  return [`${uri}#nixosConfigurations."${name}"`, ...path].join('.');
}

function onlinePlan({ settings, evaluation, facts, disks, target }: Situation, action: Action): OnlinePlan {
  const disko = action === 'install' && settings.phases.value.includes('disko');
  const disksKnown = !disko || (evaluation.disks ?? []).length > 0;
  const chosen = disko ? disks.configured : [];
  const wiped = chosen.flatMap(({ path, device }) => {
    const found = disks.present.filter((disk) => disk.device === device);
    // a partition, a RAID array or a volume is lost as well, though it is no disk of its own
    return found.length > 0 || device === ''
      ? found.map((disk) => ({ ...disk, path }))
      : [{ device, bytes: 0, model: '', byId: '', path }];
  });
  return {
    target: nameOf(target.endpoint),
    hostKeys: target.trust.accepted.map((key) => `${key.type} ${fingerprint(key)}`),
    machineId: facts.machineId,
    architecture: facts.architecture,
    runsNixos: facts.isNixos,
    isInstaller: facts.isInstaller,
    currentSystem: facts.systemPath,
    installId: facts.installId,
    disksKnown,
    wiped,
    untouched: untouchedDisks(disks, wiped, disksKnown),
    observed: {
      distribution: facts.distribution,
      kernel: facts.kernel,
      memoryKiB: facts.memoryKiB,
      uefi: facts.uefi,
      addresses: facts.addresses,
    },
  };
}

/** What is not known to be wiped is not known to be kept either. */
function untouchedDisks(disks: Disks, wiped: OnlinePlan['wiped'], disksKnown: boolean): readonly Disk[] {
  const isPartOf = (device: string, disk: Disk) =>
    device.startsWith(disk.device) &&
    (/\d$/.test(disk.device) ? /^(p\d+)?$/ : /^\d*$/).test(device.slice(disk.device.length));
  // nobody here knows on which disks an array or a volume lies
  const allFound = wiped.every(({ device }) => disks.present.some((disk) => isPartOf(device, disk)));
  if (!disksKnown || !allFound) return [];
  return disks.present.filter((disk) => !wiped.some(({ device }) => isPartOf(device, disk)));
}

/** JSON with sorted keys and no white space: the same plan gives the same bytes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** SHA-256 of what the plan decides; what was merely observed is left out. */
export function planDigest(plan: Plan | PublishedPlan): string {
  const { work: _, ...decided } = { work: null, ...plan };
  if (decided.online === null) return digestOf(decided);
  const { observed: __, ...online } = decided.online;
  return digestOf({ ...decided, online });
}

/** SHA-256 of a value's canonical form. */
export function digestOf(value: unknown): string {
  return `sha256:${createHash('sha256').update(canonicalJson(value)).digest('hex')}`;
}
