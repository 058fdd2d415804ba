import { GuardError } from '../errors';
import { type Plan, planDigest } from './plan';

/**
 * Whether this plan may be carried out, where one was approved.
 *
 * @param approved the digest of the approved plan; undefined where none was asked for
 * @throws GuardError when machine, system, disks or action are not what was approved
 */
export function checkApproval(plan: Plan, approved: string | undefined): void {
  const digest = planDigest(plan);
  if (approved === undefined || approved === digest) return;
  throw new GuardError(
    `the plan is not the one that was approved: its digest is ${digest}, and approved-plan says ${approved}`,
    {
      hint: 'machine, system, disks or action have changed since: look at the plan above, and approve it if it is what you want',
    },
  );
}
