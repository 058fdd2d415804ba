import { errorMessage, GuardError } from '../errors';
import type { MachineSettings } from '../inputs/settings';
import {
  type Approval,
  approvalOf,
  beyondApproval,
  formatApproval,
  isApproved,
  parseApproval,
} from '../plan/approval';
import type { Facts } from '../plan/facts';
import { type Plan, planDigest } from '../plan/plan';
import type { Runtime } from '../runtime';
import { fingerprint } from '../ssh/host-keys';
import { approval as approvalScript } from '../ssh/scripts';
import type { Target } from '../ssh/target';
import type { PhaseContext } from './context';

/**
 * Where a plan was approved, this one must be it, or the rest of it: a run with that approval was cut off when the
 * machine was in the installer already, and nothing goes beyond it now.
 *
 * @throws GuardError when machine, system, disks or action are not what was approved
 */
export async function requireApproval(
  settings: MachineSettings,
  plan: Plan,
  facts: Facts,
  target: Target,
  runtime: Runtime,
): Promise<void> {
  const approved = settings.approvedPlan.value;
  if (approved !== undefined) requireNamedDisks(plan);
  if (approved === undefined || isApproved(plan, approved)) return;
  const approval = facts.isInstaller ? await readApproval(target) : undefined;
  const begun = approval?.digest === approved ? approval : undefined;
  const key = target.trust.offered;
  const shownKey = key === undefined ? '' : `${key.type} ${fingerprint(key)}`;
  const beyond =
    begun === undefined ? [] : beyondApproval(begun, plan, settings.targetHost.value.host, shownKey);
  if (begun !== undefined && beyond.length === 0) {
    runtime.log.info(
      'the machine is in the installer of an earlier run with this approval: going on with it',
    );
    return;
  }
  throw new GuardError(
    `the plan is not the one that was approved: its digest is ${planDigest(plan)}, and approved-plan says ${approved}${beyond.map((each) => `; ${each}`).join('')}`,
    {
      hint: 'machine, system, disks or action have changed since: look at the plan that is shown with this error, and approve it if it is what you want',
    },
  );
}

/** Whoever approves a provisional plan would else approve any disks. */
function requireNamedDisks({ offline, mayWipe, phases }: Plan): void {
  if (!offline.provisional || !phases.includes('disko') || (mayWipe !== null && mayWipe !== 'any')) return;
  throw new GuardError(
    'the plan is provisional and says nothing of disks, so that nobody can have approved it',
    {
      hint: 'name the disks that may be wiped as wipe-disks, or commit the hardware configuration and have the plan approved that is made with it',
    },
  );
}

async function readApproval(target: Target): Promise<Approval | undefined> {
  const { stdout } = await target.run(approvalScript, [], { privileged: true });
  return parseApproval(stdout);
}

/**
 * Writes down in the installer what was approved, before anything else is done there. The old system gets no such
 * record: until the jump nothing changes that is in the plan.
 */
export async function recordApproval({
  settings,
  plan,
  facts,
  target,
  runtime,
}: PhaseContext): Promise<void> {
  const approved = settings.approvedPlan.value;
  // a run that goes on with an earlier one leaves its record
  if (approved === undefined || !facts.isInstaller || !isApproved(plan, approved)) return;
  const approval = approvalOf(plan, settings.targetHost.value.host, approved);
  try {
    await target.run(approvalScript, [formatApproval(approval)], { privileged: true });
  } catch (error) {
    runtime.signal.throwIfAborted();
    runtime.log.warning(
      `The approval could not be written down on the machine: if this run is cut off, the next one needs a new approval (${errorMessage(error)})`,
    );
  }
}
