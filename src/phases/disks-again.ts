import { GuardError } from '../errors';
import { bind, changesSince, lossesOf } from '../plan/disks/identity';
import { type Inventory, readInventory } from '../plan/disks/inventory';
import { diskPaths } from '../plan/disks/paths';
import { diskSituation } from '../plan/disks-of-plan';
import type { PhaseContext } from './context';

/** How often a path that is not there is looked for again: udev may still be making its links. */
const looks = 6;
const pauseMs = 1500;

/**
 * Looks at the disks again, right before they are wiped: another kernel may have numbered them differently, and
 * arrays and groups may hang together in another way than was seen.
 *
 * @throws GuardError when anything would be lost that the plan does not name
 */
export async function checkDisksAgain(context: PhaseContext): Promise<void> {
  const { settings, evaluation, plan } = context;
  const inventory = await settledInventory(context);
  const { disks, configured } = diskSituation({ settings, evaluation, inventory }, plan.action);
  const before = { bindings: plan.online.bindings, losses: lossesOf(plan.online.disks) };
  const changes = changesSince(before, { disks, bindings: bind(inventory, configured) });
  if (changes.length === 0) return;
  throw new GuardError(`the disks are not what they were when the plan was made: ${changes.join('; ')}`, {
    hint: 'nothing was wiped. Name the disks by paths under /dev/disk/by-id, and run again: the plan is then made of the disks as they are now',
  });
}

async function settledInventory({
  target,
  settings,
  evaluation,
  plan,
  runtime,
}: PhaseContext): Promise<Inventory> {
  const paths = diskPaths(settings, evaluation);
  for (let look = 1; ; look++) {
    const inventory = await readInventory(target, paths);
    const missing = plan.online.bindings.some(({ path }) => (inventory.asked[path] ?? '') === '');
    if (!missing || look === looks) return inventory;
    await runtime.clock.sleep(pauseMs, runtime.signal);
  }
}
