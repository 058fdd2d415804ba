import { GuardError } from '../errors';
import { type CheckedSituation, checkPlan } from './checks';
import { changesSince, lossesOf } from './disks/identity';
import { diskSituation, disksOfPlan, usesOf } from './disks-of-plan';
import { plannedHooks } from './new-system';
import { offlinePlan, type Plan, phasesOnDisks } from './plan';

/**
 * The plan as it goes on once the machine has described itself. What was decided of the machine stays; what the
 * configuration decides is decided anew, and checked again as before the first act.
 *
 * @throws GuardError where it may not go on, or would cost more than the plan said that was shown, or approved
 */
export function revisePlan(plan: Plan, situation: CheckedSituation): Plan {
  const { settings, evaluation, inventory } = situation;
  const upToHere = plan.phases.slice(0, plan.phases.indexOf('hardware-config') + 1);
  const toCome = phasesOnDisks(settings, evaluation);
  const phases = [...upToHere, ...toCome];
  const { online } = plan;
  const disks = disksOfPlan(diskSituation(situation, plan.action));
  const revised: Plan = {
    ...plan,
    phases,
    hooks: plannedHooks(settings, phases),
    mayWipe: null,
    offline: offlinePlan(situation),
    online: { ...online, ...disks, observed: { ...online.observed, uses: usesOf(inventory) } },
  };
  checkPlan(situation, restOf(revised));
  if (!plan.offline.provisional) checkNoMore(plan, revised, toCome.includes('disko'));
  return revised;
}

/** What is left of it, as if it were a plan of its own that begins in the installer. */
export function restOf(plan: Plan): Plan {
  return { ...plan, kexec: null, phases: plan.phases.slice(plan.phases.indexOf('hardware-config') + 1) };
}

/** Neither a loss nor a hook that was not shown. */
function checkNoMore(shown: Plan, revised: Plan, touchesDisks: boolean): void {
  const { bindings, disks } = shown.online;
  const hooks = revised.hooks.filter(({ when }) => !shown.hooks.some((each) => each.when === when));
  const changes = [
    ...(touchesDisks ? changesSince({ bindings, losses: lossesOf(disks) }, revised.online) : []),
    ...hooks.map(({ when, path }) => `the hook ${when} would run (${path})`),
  ];
  if (changes.length === 0) return;
  throw new GuardError(
    `with the generated hardware configuration the plan is another one than was shown: ${changes.join('; ')}`,
    {
      hint: 'nothing was wiped. Commit the file that was generated, and run again: the plan is then made with it from the beginning',
    },
  );
}
