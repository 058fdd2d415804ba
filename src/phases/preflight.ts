import { sideBySide } from '../deadlines';
import { ConnectionError } from '../errors';
import { type BuildSettings, type DiskoMode, type MachineSettings, secretsToSend } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import { comfortableMemoryKiB, mebibytes } from '../plan/checks';
import { diskWarnings } from '../plan/disks/guards';
import { readInventory } from '../plan/disks/inventory';
import { diskPaths } from '../plan/disks/paths';
import { type Evaluation, evaluate } from '../plan/evaluation';
import { type CarriedAccess, type Facts, gatherFacts, readCarriedAccess } from '../plan/facts';
import { firmwareWarnings } from '../plan/firmware';
import { lockOutWarnings } from '../plan/lock-out';
import { diskSituation, makePlan, type Plan } from '../plan/plan';
import { describeStorePaths } from '../plan/store-paths';
import { verificationWarnings } from '../plan/verification';
import { allDerivations, derivationsOf, observeWork, type Work } from '../plan/work';
import type { Runtime } from '../runtime';
import { textOf } from '../secrets';
import { fingerprint, knownHostsLine } from '../ssh/host-keys';
import type { Target } from '../ssh/target';

export interface Preflight {
  readonly evaluation: Evaluation;
  readonly facts: Facts;
  readonly plan: Plan;
  readonly work: Work | null;
}

/** How long it may be looked at what is to be built: a plan is read, an install should go on. */
const patienceMs = { plan: 60_000, install: 10_000 } as const;

/** What the configuration alone tells. */
export async function offlinePreflight(
  settings: BuildSettings,
  nix: Nix,
  runtime: Runtime,
): Promise<{ readonly evaluation: Evaluation; readonly work: Work | null }> {
  runtime.log.info(`Nix ${await nix.checkVersion()} on the runner`);
  const evaluation = await describeConfiguration(settings, nix, runtime.signal);
  return {
    evaluation,
    work: await observeWork(evaluation, allDerivations(evaluation), nix, runtime, patienceMs.plan),
  };
}

/** An evaluation of the flake, or what is known of finished store paths. */
function describeConfiguration(settings: BuildSettings, nix: Nix, signal: AbortSignal): Promise<Evaluation> {
  const configuration = settings.configuration.value;
  return configuration.kind === 'flake'
    ? evaluate(nix, configuration.flake, diskoModeOf(settings), signal)
    : describeStorePaths(nix, configuration.paths, signal);
}

/** The disko script that the run needs, if any. */
function diskoModeOf({ phases, diskoMode }: BuildSettings): DiskoMode | undefined {
  return phases.value.includes('disko') ? diskoMode.value : undefined;
}

/** Looks at the machine and the configuration, side by side, and makes the plan. Changes nothing. */
export async function preflight(
  settings: MachineSettings & { readonly kind: 'plan' | 'install' },
  target: Target,
  nix: Nix,
  runtime: Runtime,
): Promise<Preflight> {
  runtime.log.info(`Nix ${await nix.checkVersion()} on the runner`);
  const [{ facts, access }, evaluation] = await sideBySide(
    runtime.signal,
    (signal) => inspect(settings, target, runtime, signal),
    (signal) => describeConfiguration(settings, nix, signal),
  );
  const inventory = await readInventory(target, diskPaths(settings, evaluation));
  const plan = makePlan({ settings, evaluation, facts, access, inventory, target });
  warn(settings, facts, plan, runtime);
  for (const text of diskWarnings(diskSituation({ settings, evaluation, inventory }, plan.action)))
    runtime.log.warning(text);
  warnOfAfterwards(settings, evaluation, facts, plan, runtime);
  const work =
    plan.action === 'nothing'
      ? null
      : await observeWork(
          evaluation,
          derivationsOf(plan.phases, evaluation),
          nix,
          runtime,
          patienceMs[settings.kind],
        );
  return { evaluation, facts, plan, work };
}

async function inspect(
  settings: MachineSettings,
  target: Target,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<{ facts: Facts; access: CarriedAccess }> {
  await findMachine(settings, target, runtime, signal);
  reportHostKey(settings, target, runtime);
  const facts = await gatherFacts(target);
  runtime.log.info(
    `${facts.distribution || facts.os}, Linux ${facts.kernel}, ${facts.architecture}, ${mebibytes(facts.memoryKiB)} MiB of memory, ${facts.uefi ? 'UEFI' : 'BIOS'}`,
  );
  if (facts.privilege === undefined) return { facts, access: { keyIsCarried: false, hostKeys: [] } };
  target.privilege = facts.privilege;
  return { facts, access: await trustCarriedKeys(settings, target, facts) };
}

/**
 * Connects as the settings say; where that fails, looks whether an earlier run was cut off after its kexec: the
 * installer lets in only root, on its own port.
 */
async function findMachine(
  settings: MachineSettings,
  target: Target,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<void> {
  const { host, port, user } = target.endpoint;
  const installer = { host, port: settings.postKexecSshPort.value, user: 'root' };
  try {
    await target.connect(signal);
  } catch (error) {
    if (!(error instanceof ConnectionError) || error.reason === 'host-key') throw error;
    if (port === installer.port && user === installer.user) throw error;
    target.moveTo({ endpoint: installer });
    if (!(await answersAsInstaller(target, signal))) throw error;
    runtime.log.info(
      `${error.message}, but the installer of an earlier run answers as root on port ${installer.port}`,
    );
  }
}

async function answersAsInstaller(target: Target, signal: AbortSignal): Promise<boolean> {
  try {
    await target.connectOnce(signal);
    return (await gatherFacts(target)).isInstaller;
  } catch (error) {
    if (error instanceof ConnectionError && error.reason !== 'host-key') return false;
    throw error;
  }
}

function reportHostKey(settings: MachineSettings, target: Target, runtime: Runtime): void {
  const key = target.trust.offered;
  if (key === undefined) throw new ConnectionError('protocol', 'the target showed no host key');
  const shown = `${key.type} ${fingerprint(key)}`;
  if (target.trust.isPinned) {
    runtime.log.info(`host key ${shown}, as known-hosts says`);
    return;
  }
  const line = knownHostsLine(target.endpoint.host, target.endpoint.port, key);
  const text = `The target's host key was not checked against anything; ${shown} is trusted for this run. To pin it, compare it over another way and set known-hosts to:\n${line}`;
  if (settings.sshOptions.value.strictHostKeyChecking === 'accept-new') {
    runtime.log.info(text);
    return;
  }
  const secret = secretsToSend(settings).join(', ');
  const without = `\nWithout it the install stops here, because it sends secrets (${secret}).`;
  runtime.log.warning(secret === '' ? text : `${text}${without}`);
}

/** The installer shows the machine's host keys again, which need not be of the type that was shown now. */
async function trustCarriedKeys(
  settings: MachineSettings,
  target: Target,
  facts: Facts,
): Promise<CarriedAccess> {
  const access = await readCarriedAccess(target, settings.publicKey);
  if (!facts.isInstaller) target.trust.extend(access.hostKeys);
  return access;
}

/** What will be found out only when the new system boots. */
function warnOfAfterwards(
  settings: MachineSettings,
  evaluation: Evaluation,
  facts: Facts,
  { phases, action }: Plan,
  { log }: Runtime,
): void {
  const texts = [
    ...(phases.includes('install') ? firmwareWarnings(facts, evaluation) : []),
    ...(phases.includes('reboot') || action === 'update'
      ? verificationWarnings(settings, evaluation, action)
      : []),
    ...(phases.includes('verify') ? lockOutWarnings(settings, evaluation) : []),
  ];
  for (const text of texts) log.warning(text);
}

function warn(settings: MachineSettings, facts: Facts, plan: Plan, runtime: Runtime): void {
  const { log } = runtime;
  if (facts.container !== 'none')
    log.warning(`The target seems to be a container (${facts.container}); kexec will hardly work there.`);
  if (plan.phases.includes('kexec') && facts.memoryKiB < comfortableMemoryKiB) {
    log.warning(
      `The target has ${mebibytes(facts.memoryKiB)} MiB of memory; the installer needs 1.5 GB and may fail.`,
    );
  }
  if (settings.configuration.value.kind === 'store-paths') {
    log.warning(
      'Nothing was evaluated: who may log in to the new system, its host keys, its boot loader and the disks that the disko script wipes are not known, and are not checked beyond wipe-disks.',
    );
  } else if (!plan.online.disksKnown) {
    log.warning(
      'The configuration has a disko script but no disko.devices.disk: which disks it wipes is not known, count on all of them.',
    );
  }
  warnOfNewlines(settings, runtime);
  const { installId } = settings;
  if (
    plan.action !== 'install' &&
    installId.value !== undefined &&
    facts.installId !== '' &&
    facts.installId !== installId.value
  ) {
    log.warning(
      `The machine stays recorded as ${facts.installId}: install-id ${installId.value} is recorded by an install only, or where there is no record yet.`,
    );
  }
  if (plan.authorizeKey)
    log.info(
      'the key is in no file that the kexec image takes along; it will be added to root’s authorized_keys',
    );
  if (settings.phases.value.includes('kexec') && facts.isInstaller)
    log.info('the machine runs an installer already: no kexec');
}

/** Editors and `echo` end a file with a newline that nobody means, and that nobody can type at the console. */
function warnOfNewlines({ diskEncryptionKeys }: MachineSettings, { log }: Runtime): void {
  for (const { remotePath, contents } of diskEncryptionKeys.value) {
    const text = textOf(contents.revealBytes());
    if (text === undefined || !/[^\r\n]\r?\n$/.test(text)) continue;
    log.warning(
      `The key for ${remotePath} ends in a newline. Disko's settings.keyFile takes it byte for byte: the newline becomes part of the passphrase, which then cannot be typed at a prompt (passwordFile drops it). To avoid it make the file with printf %s, or give exec:printf %s "$(COMMAND)".`,
    );
  }
}
