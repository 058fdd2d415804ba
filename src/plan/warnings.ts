import type { MachineSettings } from '../inputs/settings';
import { textOf } from '../secrets';
import { buildPlaceWarnings } from './build-place';
import { type CheckedSituation, comfortableMemoryKiB, mebibytes } from './checks';
import { diskWarnings } from './disks/guards';
import { diskSituation } from './disks-of-plan';
import type { Evaluation } from './evaluation';
import type { Facts } from './facts';
import { firmwareWarnings } from './firmware';
import { lockOutWarnings } from './lock-out';
import type { OfflineSituation, Plan } from './plan';
import { verificationWarnings } from './verification';

/** What a user should know of the plan, though it stops nothing. */
export function warningsOf(situation: CheckedSituation, plan: Plan): readonly string[] {
  const { settings, facts } = situation;
  return [
    ...machineWarnings(facts, plan),
    ...toolsWarnings(settings, facts, plan),
    ...newlineWarnings(settings),
    ...hardwareConfigWarnings(situation, plan),
    ...updateWarnings(settings, plan),
    ...installIdWarnings(settings, facts, plan),
    ...storeSettingWarnings(settings),
    ...configurationWarnings(situation, plan),
  ];
}

/** Those that depend on the configuration: all that is new when a provisional plan becomes a whole one. */
export function configurationWarnings(situation: CheckedSituation, plan: Plan): readonly string[] {
  const { settings, evaluation } = situation;
  const { phases, action } = plan;
  return [
    ...unknownDisksWarnings(evaluation, plan),
    ...diskWarnings(diskSituation(situation, action)),
    ...(action === 'nothing' ? [] : offlineWarnings(situation)),
    ...(phases.includes('install') ? bootWarnings(situation, plan) : []),
    ...(phases.includes('reboot') || action === 'update'
      ? verificationWarnings(settings, evaluation, action)
      : []),
    ...(phases.includes('verify') ? lockOutWarnings(settings, evaluation) : []),
  ];
}

/** The same of what no machine is needed to know. */
export function offlineWarnings(situation: OfflineSituation): readonly string[] {
  return [...provisionalWarnings(situation.evaluation), ...buildPlaceWarnings(situation)];
}

function provisionalWarnings({ source }: Evaluation): string[] {
  if (source !== 'provisional') return [];
  return [
    'The plan is provisional: the configuration cannot be evaluated before the machine has described itself. What the system is, which disks it is about and who may log in to it is looked at in the installer, before anything is wiped.',
  ];
}

function machineWarnings({ container, memoryKiB }: Facts, { phases }: Plan): string[] {
  if (!phases.includes('kexec')) return [];
  return [
    ...(container === 'none'
      ? []
      : [`The target seems to be a container (${container}); kexec will hardly work there.`]),
    ...(memoryKiB >= comfortableMemoryKiB
      ? []
      : [`The target has ${mebibytes(memoryKiB)} MiB of memory; the installer needs 1.5 GB and may fail.`]),
  ];
}

/** The installer has no disk but its memory. */
export function toolsWarnings(
  { configuration, noDiskoDeps }: MachineSettings,
  { memoryKiB }: Facts,
  { phases }: Pick<Plan, 'phases'>,
): string[] {
  if (!phases.includes('disko') || memoryKiB >= comfortableMemoryKiB) return [];
  if (noDiskoDeps.value || configuration.value.kind === 'store-paths') return [];
  return [
    `The disko script brings its tools along, into the ${mebibytes(memoryKiB)} MiB of memory that the installer has. With no-disko-deps: true it uses those that the installer has.`,
  ];
}

function unknownDisksWarnings({ source }: Evaluation, { online }: Plan): string[] {
  if (source === 'outputs') {
    return [
      'No configuration was evaluated: who may log in to the new system, its host keys, its boot loader and the disks that the disko script wipes are not known, and are not checked beyond wipe-disks.',
    ];
  }
  if (online.disksKnown || source === 'provisional') return [];
  return [
    'The configuration has a disko script but no disko.devices.disk: which disks it wipes is not known, count on all of them.',
  ];
}

/** An update needs no installer, and so has nobody who would describe the machine. */
function hardwareConfigWarnings({ settings }: CheckedSituation, { action }: Plan): string[] {
  const path = settings.hardwareConfig.value?.path;
  if (path === undefined || action === 'install') return [];
  return [`No hardware configuration is generated without an install: ${path} stays as it is.`];
}

/** Whoever has changed a file expects it there, and an update brings none. */
export function updateWarnings({ newSystem }: MachineSettings, { action }: Pick<Plan, 'action'>): string[] {
  if (action !== 'update') return [];
  const { extraFiles, secretFiles, chown } = newSystem;
  const left = [
    ...(extraFiles.value === undefined ? [] : ['extra-files']),
    ...(secretFiles.value.length === 0 ? [] : ['secret-files']),
    ...(chown.value.length === 0 ? [] : ['chown']),
  ];
  if (left.length === 0) return [];
  return [
    `An update brings the system alone: what ${left.join(', ')} would put on the machine or change there is for an install, and is left as it is.`,
  ];
}

/** Editors and `echo` end a file with a newline that nobody means, and that nobody can type at the console. */
function newlineWarnings({ diskEncryptionKeys }: MachineSettings): string[] {
  return diskEncryptionKeys.value
    .filter(({ contents }) => /[^\r\n]\r?\n$/.test(textOf(contents.revealBytes()) ?? ''))
    .map(
      ({ remotePath }) =>
        `The key for ${remotePath} ends in a newline. Disko's settings.keyFile takes it byte for byte: the newline becomes part of the passphrase, which then cannot be typed at a prompt (passwordFile drops it). To avoid it make the file with printf %s, or give exec:printf %s "$(COMMAND)".`,
    );
}

function bootWarnings({ facts, evaluation }: CheckedSituation, { newSystem }: Plan): readonly string[] {
  if (newSystem.installBootloader) return firmwareWarnings(facts, evaluation);
  return [
    'install-bootloader is false: nothing in this run makes the machine boot the new system, neither a boot loader nor an entry in one.',
  ];
}

function installIdWarnings({ installId }: MachineSettings, facts: Facts, { action }: Plan): string[] {
  const wanted = installId.value;
  if (action === 'install' || wanted === undefined) return [];
  if (facts.installId === '' || facts.installId === wanted) return [];
  return [
    `The machine stays recorded as ${facts.installId}: install-id ${wanted} is recorded by an install only, or where there is no record yet.`,
  ];
}

function storeSettingWarnings({ copy }: MachineSettings): string[] {
  const names = copy.idleStoreSettings.value;
  if (names.length === 0) return [];
  return [
    `ssh-store-setting ${names.join(', ')} has no effect: closures go through the run’s own SSH connection, not through an SSH store of Nix. Leave it out.`,
  ];
}
