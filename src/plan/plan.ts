import { showAttributePath } from '../inputs/attribute-path';
import { hookedPhases } from '../inputs/hooks';
import type {
  BuildSettings,
  DiskoMode,
  HardwareConfig,
  MachineSettings,
  WipeAllowance,
} from '../inputs/settings';
import { nameOf } from '../ssh/connection';
import { fingerprint } from '../ssh/host-keys';
import type { Target } from '../ssh/target';
import { type BuildPlace, buildPlace } from './build-place';
import { digestOf } from './canonical';
import { checkRightMachine } from './checks';
import { type Action, decide } from './decide';
import type { DiskPlan } from './disks/fates';
import type { DiskSituation } from './disks/guards';
import type { Binding } from './disks/identity';
import type { Inventory } from './disks/inventory';
import { nixosTraces } from './disks/nixos-traces';
import { diskSituation, disksOfPlan, usesOf } from './disks-of-plan';
import type { ConfiguredDisk, Evaluation } from './evaluation';
import type { ExtraFiles } from './extra-files';
import type { CarriedAccess, Facts } from './facts';
import type { HardwareFile } from './hardware-config';
import { locateImage, nameImage } from './kexec-image';
import { type HookPlan, type NewSystemPlan, newSystemPlan, plannedHooks } from './new-system';
import { type Terms, termsOf } from './terms';
import { isVerifiable } from './verification';
import type { Work } from './work';

export const phaseNames = ['preflight', ...hookedPhases, 'vm-test'] as const;
export type PhaseName = (typeof phaseNames)[number];

/** What the configuration alone decides: needs no secret and no connection. */
export interface OfflinePlan {
  readonly configuration: string;
  /** `x86_64-linux`; null with a disko script alone. */
  readonly system: string | null;
  readonly hostName: string;
  readonly toplevel: string | null;
  readonly diskoScript: string | null;
  /** What the VM test leaves when it has passed; null where none is run. */
  readonly vmTest: string | null;
  /** Null without a configuration, as with store-paths: the script does what it was built for. */
  readonly diskoMode: DiskoMode | null;
  /** Null without a configuration: the script may wipe any disk. */
  readonly disks: readonly ConfiguredDisk[] | null;
  readonly installId: string | null;
  /** Where both are built. */
  readonly buildOn: BuildPlace;
  /** What the machine is to describe itself in; system and disko script are those of before. */
  readonly hardwareConfig: HardwareConfig | null;
  /** Before the machine has described itself the configuration cannot be evaluated: nothing is known of it. */
  readonly provisional: boolean;
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
  /** Every disk of the machine, and what happens to it and to what is on it. */
  readonly disks: readonly DiskPlan[];
  /** To which disks the configuration's paths lead; right before disko runs they must lead there still. */
  readonly bindings: readonly Binding[];
  readonly observed: Observed;
}

/** What a reader wants to know, and what may change without making it another plan: it is not part of the digest. */
export interface Observed {
  readonly distribution: string;
  readonly kernel: string;
  readonly memoryKiB: number;
  readonly uefi: boolean;
  readonly addresses: readonly string[];
  /** Where devices are mounted, or `swap`, by their paths as the disks' contents name them. */
  readonly uses: Readonly<Record<string, readonly string[]>>;
}

export interface KexecPlan {
  /** Path on the runner or URL; null where none is given and there is none for the machine. */
  readonly image: string | null;
  /** What the image must be; null where anything is taken. */
  readonly sha256: string | null;
  readonly extraFlags: readonly string[];
}

/** What will happen, and why. Plain data without times and secrets; phases carry it out and decide nothing. */
export interface Plan {
  readonly action: Action;
  readonly reason: string;
  readonly phases: readonly PhaseName[];
  /** Our key is in no file that the kexec image takes along: it is added before the jump. */
  readonly authorizeKey: boolean;
  /** What the machine is taken over with; null without the kexec phase. */
  readonly kexec: KexecPlan | null;
  readonly newSystem: NewSystemPlan;
  readonly hooks: readonly HookPlan[];
  /** The disks that may be lost, where the plan is provisional and cannot name those that will; null if none are named. */
  readonly mayWipe: WipeAllowance | null;
  readonly terms: Terms;
  readonly offline: OfflinePlan;
  readonly online: OnlinePlan;
}

/** A plan, or only the half of it that needs no machine; and what was observed beside it, null where it is not known. */
export type PublishedPlan = (Plan | { readonly offline: OfflinePlan; readonly online: null }) & {
  readonly work: Work | null;
};

/** What the offline half of a plan is made from. */
export interface OfflineSituation {
  readonly settings: BuildSettings;
  readonly evaluation: Evaluation;
  /** The systems that the runner builds for; empty where nobody wants to know. */
  readonly runnerSystems: readonly string[];
}

/** What the plan is made from. */
export interface Situation extends OfflineSituation {
  readonly settings: MachineSettings;
  readonly facts: Facts;
  readonly access: CarriedAccess;
  readonly inventory: Inventory;
  readonly target: Target;
  readonly extraFiles: ExtraFiles | undefined;
  /** Whether the file was there that the machine is to write; undefined where it is not to write one. */
  readonly hardwareFile: HardwareFile | undefined;
}

/**
 * Decides what to do; whether it may be done is for checkPlan to say.
 *
 * @throws GuardError when it is not the machine that is meant, or one that runs NixOS and may not be touched
 */
export function makePlan(situation: Situation): Plan {
  const { settings, evaluation, facts, access, extraFiles } = situation;
  // first: advice about the system of the wrong machine would be bad advice
  checkRightMachine(settings, facts);
  const nixosOnDisks = nixosTraces(diskSituation(situation, 'install').disks);
  const { action, reason } = decide({ ...situation, nixosOnDisks });
  const starts = !facts.isInstaller || settings.kexec.force.value;
  const kexecNeeded = action === 'install' && settings.phases.value.includes('kexec') && starts;
  const phases = phasesOf(action, situation, kexecNeeded);
  return {
    action,
    reason,
    phases,
    authorizeKey: kexecNeeded && !access.keyIsCarried,
    kexec: kexecNeeded ? kexecPlan(settings, facts) : null,
    newSystem: newSystemPlan(settings, action, phases, extraFiles),
    hooks: plannedHooks(settings, phases),
    mayWipe: evaluation.source === 'provisional' ? (settings.wipeDisks.value ?? null) : null,
    terms: termsOf(settings),
    offline: offlinePlan(situation),
    online: onlinePlan(situation, diskSituation(situation, action)),
  };
}

function kexecPlan({ kexec }: MachineSettings, { architecture }: Facts): KexecPlan {
  const image = locateImage(kexec.image.value, architecture);
  return {
    image: image === undefined ? null : nameImage(image),
    sha256: kexec.sha256.value ?? null,
    extraFlags: kexec.extraFlags.value,
  };
}

function phasesOf(action: Action, situation: Situation, kexecNeeded: boolean): PhaseName[] {
  const { settings, evaluation, facts } = situation;
  const verify = settings.verify.value !== 'off' && isVerifiable(settings, evaluation, action);
  switch (action) {
    case 'nothing':
      // what is skipped is not looked at either
      return verify && settings.onInstalled.value !== 'skip' ? ['preflight', 'verify'] : ['preflight'];
    case 'update':
      return ['preflight', 'build', 'update', ...(verify ? (['verify'] as const) : [])];
    case 'install':
      return [
        'preflight',
        'build',
        ...(kexecNeeded ? (['kexec'] as const) : []),
        ...(settings.hardwareConfig.value !== undefined && (kexecNeeded || facts.isInstaller)
          ? (['hardware-config'] as const)
          : []),
        ...phasesOnDisks(settings, evaluation),
      ];
  }
}

/** The phases of an install from the one on that changes disks. */
export function phasesOnDisks(settings: MachineSettings, evaluation: Evaluation): PhaseName[] {
  const phases: PhaseName[] = settings.phases.value.filter((phase) => phase !== 'kexec');
  const verify = settings.verify.value !== 'off' && isVerifiable(settings, evaluation, 'install');
  return verify && phases.includes('reboot') ? [...phases, 'verify'] : phases;
}

export function offlinePlan(situation: OfflineSituation): OfflinePlan {
  const { settings, evaluation } = situation;
  return {
    configuration: nameConfiguration(settings),
    system: evaluation.system ?? null,
    hostName: evaluation.hostName,
    toplevel: evaluation.toplevel?.outPath ?? null,
    diskoScript: evaluation.diskoScript?.outPath ?? null,
    vmTest: evaluation.installTest?.outPath ?? null,
    diskoMode: evaluation.source === 'configuration' ? settings.diskoMode.value : null,
    disks: evaluation.disks ?? null,
    installId: settings.installId.value ?? null,
    buildOn: buildPlace(situation),
    hardwareConfig: settings.hardwareConfig.value ?? null,
    provisional: evaluation.source === 'provisional',
  };
}

function nameConfiguration(settings: BuildSettings): string {
  const configuration = settings.configuration.value;
  if (configuration.kind === 'store-paths') {
    const { system, diskoScript } = configuration.paths;
    return [system, diskoScript].filter((each) => each !== undefined).join(' ');
  }
  if (configuration.kind === 'nix-file') {
    const { file, path } = configuration.reference;
    return [file, showAttributePath(path)].join(' ').trim();
  }
  const { uri, name, path } = configuration.flake;
  return [`${uri}#nixosConfigurations."${name}"`, ...path].join('.');
}

function onlinePlan({ facts, inventory, target }: Situation, disks: DiskSituation): OnlinePlan {
  return {
    target: nameRoute(target),
    hostKeys: target.trust.accepted.map((key) => `${key.type} ${fingerprint(key)}`),
    machineId: facts.machineId,
    architecture: facts.architecture,
    runsNixos: facts.isNixos,
    isInstaller: facts.isInstaller,
    currentSystem: facts.systemPath,
    installId: facts.installId,
    ...disksOfPlan(disks),
    observed: {
      distribution: facts.distribution,
      kernel: facts.kernel,
      memoryKiB: facts.memoryKiB,
      uefi: facts.uefi,
      addresses: facts.addresses,
      uses: usesOf(inventory),
    },
  };
}

/** Behind another jump host the same address may be another machine. */
function nameRoute({ endpoint, jumpHosts }: Target): string {
  const through = jumpHosts.map((host) => nameOf(host.endpoint));
  return [nameOf(endpoint), ...(through.length === 0 ? [] : ['through', through.join(', ')])].join(' ');
}

/**
 * SHA-256 of what the plan decides; what was merely observed is left out.
 *
 * @param plan also one that was read from a file
 */
export function planDigest(plan: Plan | PublishedPlan | Readonly<Record<string, unknown>>): string {
  const fields: Readonly<Record<string, unknown>> = { ...plan };
  const { work: _, ...decided } = fields;
  return digestOf({ ...decided, online: withoutObserved(decided.online) });
}

function withoutObserved(online: unknown): unknown {
  if (typeof online !== 'object' || online === null) return online;
  return Object.fromEntries(Object.entries(online).filter(([name]) => name !== 'observed'));
}
