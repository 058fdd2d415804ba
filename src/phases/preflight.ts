import { existsSync } from 'node:fs';
import { sideBySide } from '../deadlines';
import type { HostSettings, MachineSettings } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import { mebibytes } from '../plan/checks';
import { type Described, describeConfiguration } from '../plan/configuration';
import { readInventory } from '../plan/disks/inventory';
import { diskPaths } from '../plan/disks/paths';
import { type ExtraFiles, listExtraFiles } from '../plan/extra-files';
import { type CarriedAccess, type Facts, gatherFacts, readCarriedAccess } from '../plan/facts';
import { ownSystem } from '../plan/hardware-config';
import { makePlan, type OfflineSituation, type Plan, type Situation } from '../plan/plan';
import { findPrivilege } from '../plan/privilege';
import { toldSubstituters } from '../plan/substituters';
import { allDerivations, derivationsOf, observeWork, type Work } from '../plan/work';
import type { Runtime } from '../runtime';
import type { Target } from '../ssh/target';
import type { Tools } from './context';
import { findMachine } from './find-machine';
import { reportHostKeys } from './report-host-keys';

export interface Preflight {
  readonly situation: Situation;
  readonly plan: Plan;
  readonly work: Work | null;
}

/** How long it may be looked at what is to be built: a plan is read, an install should go on. */
const patienceMs = { plan: 60_000, install: 10_000 } as const;

/** The settings of a run that contacts no machine. */
export type WithoutMachine = Exclude<HostSettings, MachineSettings>;

/** What the configuration alone tells. */
export async function offlinePreflight(
  settings: WithoutMachine,
  nix: Nix,
  runtime: Runtime,
): Promise<{ readonly situation: OfflineSituation; readonly work: Work | null }> {
  runtime.log.info(`Nix ${await nix.checkVersion()} on the runner`);
  const { evaluation, runnerSystems } = await describeConfiguration(settings, nix, runtime, {
    system: ownSystem(),
    installTest: settings.kind === 'vm-test',
  });
  return {
    situation: { settings, evaluation, runnerSystems },
    work: await observeWork(evaluation, allDerivations(evaluation), nix, runtime, patienceMs.plan),
  };
}

/** What it is done with. */
type Looking = Pick<Tools, 'nix' | 'runtime' | 'progress'>;

/** Looks at the machine and the configuration, side by side, and makes the plan. Changes nothing. */
export async function preflight(
  settings: MachineSettings & { readonly kind: 'plan' | 'install' },
  target: Target,
  tools: Looking,
): Promise<Preflight> {
  const { nix, runtime } = tools;
  runtime.log.info(`Nix ${await nix.checkVersion()} on the runner`);
  // before the connection, as all that is wrong with inputs
  const extraFiles = await readExtraFiles(settings, runtime);
  const { facts, access, ...described } = await lookAtBoth(settings, target, tools);
  const { evaluation } = described;
  const inventory = await readInventory(target, diskPaths(settings, evaluation));
  const situation: Situation = { settings, ...described, facts, access, inventory, target, extraFiles };
  const plan = makePlan(situation);
  const work =
    plan.action === 'nothing' || plan.offline.provisional
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

interface Inspected {
  readonly facts: Facts;
  readonly access: CarriedAccess;
}

/** Side by side, unless what stands in for a hardware configuration depends on the machine. */
async function lookAtBoth(
  settings: MachineSettings,
  target: Target,
  { nix, runtime, progress }: Looking,
): Promise<Inspected & Described> {
  const describe = (system: string, signal: AbortSignal) =>
    progress.activity('evaluation', () =>
      describeConfiguration(settings, nix, { ...runtime, signal }, { system }),
    );
  const look = (signal: AbortSignal) =>
    progress.activity('facts', () => inspect(settings, target, runtime, signal));
  const hardware = settings.hardwareConfig.value;
  if (hardware !== undefined && !existsSync(hardware.path)) {
    const inspected = await look(runtime.signal);
    return { ...inspected, ...(await describe(`${inspected.facts.architecture}-linux`, runtime.signal)) };
  }
  const [inspected, described] = await sideBySide(runtime.signal, look, (signal) =>
    describe(ownSystem(), signal),
  );
  return { ...inspected, ...described };
}

async function inspect(
  settings: MachineSettings,
  target: Target,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<Inspected> {
  await findMachine(settings, target, runtime, signal);
  reportHostKeys(settings, target, runtime.log);
  const found = await gatherFacts(target);
  runtime.log.info(
    `${found.distribution || found.os}, Linux ${found.kernel}, ${found.architecture}, ${mebibytes(found.memoryKiB)} MiB of memory, ${found.uefi ? 'UEFI' : 'BIOS'}`,
  );
  const facts = await findPrivilege(target, found);
  if (facts.privilege === undefined) return { facts, access: { keyIsCarried: false, hostKeys: [] } };
  return { facts, access: await trustCarriedKeys(settings, target, facts) };
}

/** The installer shows the machine's host keys again, which need not be of the type that was shown now. */
async function trustCarriedKeys(
  settings: MachineSettings,
  target: Target,
  facts: Facts,
): Promise<CarriedAccess> {
  const access = await readCarriedAccess(target, settings.login.publicKey, facts);
  // an installer that is to make place for another one is a system like any other
  if (!facts.isInstaller || settings.kexec.force.value) target.trust.extend(access.hostKeys);
  return access;
}
