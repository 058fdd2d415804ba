import { sideBySide } from '../deadlines';
import { ConnectionError } from '../errors';
import { type MachineSettings, type Settings, secretsToSend } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import { mebibytes } from '../plan/checks';
import { describeConfiguration } from '../plan/configuration';
import { readInventory } from '../plan/disks/inventory';
import { diskPaths } from '../plan/disks/paths';
import { type ExtraFiles, listExtraFiles } from '../plan/extra-files';
import { type CarriedAccess, type Facts, gatherFacts, readCarriedAccess } from '../plan/facts';
import { loginOfEarlierInstaller } from '../plan/logins';
import { makePlan, type OfflineSituation, type Plan, type Situation } from '../plan/plan';
import { findPrivilege } from '../plan/privilege';
import { toldSubstituters } from '../plan/substituters';
import { allDerivations, derivationsOf, observeWork, type Work } from '../plan/work';
import type { Runtime } from '../runtime';
import { fingerprint, knownHostsLine } from '../ssh/host-keys';
import type { Target } from '../ssh/target';

export interface Preflight {
  readonly situation: Situation;
  readonly plan: Plan;
  readonly work: Work | null;
}

/** How long it may be looked at what is to be built: a plan is read, an install should go on. */
const patienceMs = { plan: 60_000, install: 10_000 } as const;

/** The settings of a run that contacts no machine. */
export type WithoutMachine = Exclude<Settings, MachineSettings>;

/** What the configuration alone tells. */
export async function offlinePreflight(
  settings: WithoutMachine,
  nix: Nix,
  runtime: Runtime,
): Promise<{ readonly situation: OfflineSituation; readonly work: Work | null }> {
  runtime.log.info(`Nix ${await nix.checkVersion()} on the runner`);
  const { evaluation, runnerSystems } = await describeConfiguration(settings, nix, runtime.signal, {
    installTest: settings.kind === 'vm-test',
  });
  return {
    situation: { settings, evaluation, runnerSystems },
    work: await observeWork(evaluation, allDerivations(evaluation), nix, runtime, patienceMs.plan),
  };
}

/** Looks at the machine and the configuration, side by side, and makes the plan. Changes nothing. */
export async function preflight(
  settings: MachineSettings & { readonly kind: 'plan' | 'install' },
  target: Target,
  nix: Nix,
  runtime: Runtime,
): Promise<Preflight> {
  runtime.log.info(`Nix ${await nix.checkVersion()} on the runner`);
  // before the connection, as all that is wrong with inputs
  const extraFiles = await readExtraFiles(settings, runtime);
  const [{ facts, access }, { evaluation, runnerSystems }] = await sideBySide(
    runtime.signal,
    (signal) => inspect(settings, target, runtime, signal),
    (signal) => describeConfiguration(settings, nix, signal),
  );
  const inventory = await readInventory(target, diskPaths(settings, evaluation));
  const situation: Situation = {
    settings,
    evaluation,
    runnerSystems,
    facts,
    access,
    inventory,
    target,
    extraFiles,
  };
  const plan = makePlan(situation);
  const work =
    plan.action === 'nothing'
      ? null
      : await observeWork(
          { ...evaluation, ...toldSubstituters(settings, evaluation) },
          derivationsOf(plan.phases, evaluation),
          nix,
          runtime,
          patienceMs[settings.kind],
        );
  return { situation, plan, work };
}

function readExtraFiles(
  { newSystem }: MachineSettings,
  { signal }: Runtime,
): Promise<ExtraFiles | undefined> {
  const folder = newSystem.extraFiles.value;
  return folder === undefined ? Promise.resolve(undefined) : listExtraFiles(folder, signal);
}

async function inspect(
  settings: MachineSettings,
  target: Target,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<{ facts: Facts; access: CarriedAccess }> {
  await findMachine(settings, target, runtime, signal);
  reportHostKey(settings, target, runtime);
  const found = await gatherFacts(target);
  runtime.log.info(
    `${found.distribution || found.os}, Linux ${found.kernel}, ${found.architecture}, ${mebibytes(found.memoryKiB)} MiB of memory, ${found.uefi ? 'UEFI' : 'BIOS'}`,
  );
  const facts = await findPrivilege(target, found);
  if (facts.privilege === undefined) return { facts, access: { keyIsCarried: false, hostKeys: [] } };
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
    const login = loginOfEarlierInstaller(settings);
    if (login === undefined || (port === installer.port && user === installer.user)) throw error;
    target.moveTo({ endpoint: installer, login });
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
  const secret = secretsToSend(settings, 'install').join(', ');
  const without = `\nWithout it the install stops here, because it sends secrets (${secret}).`;
  runtime.log.warning(secret === '' ? text : `${text}${without}`);
}

/** The installer shows the machine's host keys again, which need not be of the type that was shown now. */
async function trustCarriedKeys(
  settings: MachineSettings,
  target: Target,
  facts: Facts,
): Promise<CarriedAccess> {
  const access = await readCarriedAccess(target, settings.login.publicKey);
  // an installer that is to make place for another one is a system like any other
  if (!facts.isInstaller || settings.kexec.force.value) target.trust.extend(access.hostKeys);
  return access;
}
