import { ConnectionError } from '../errors';
import { endpointUnlessInstalled, pinnedAfterwards } from '../plan/access-afterwards';
import { gatherFacts } from '../plan/facts';
import { loginAfterwards } from '../plan/logins';
import type { PhaseContext } from './context';
import { explainLockout } from './lockout';
import { proveRunningSystem, recordProof } from './running-system';
import { takeOver } from './take-over';

/**
 * Proves that a machine that was not installed anew runs the system of the configuration, and, after a switch, that it
 * still lets us in.
 */
export async function verifyUpdate(context: PhaseContext): Promise<void> {
  const { target, plan } = context;
  if (plan.action === 'nothing') {
    // whoever was cut off may have left a switch that goes on
    await takeOver(context);
    return proveRunningSystem(context, target.trust.accepted);
  }
  moveWhereItIsNow(context);
  try {
    await target.connect();
  } catch (error) {
    if (context.settings.verify.value !== 'host-key' || !isLoginRefused(error))
      throw explainLockout(context, error);
    context.runtime.log.info('the machine still answers with its host key, but refuses the login');
    recordProof(context, 'host-key', target.trust.accepted);
    return;
  }
  // another user becomes root in another way
  target.privilege = (await gatherFacts(target)).privilege ?? target.privilege;
  await proveRunningSystem(context, target.trust.accepted);
}

/** The connection is made anew in any case, since the one that is there may outlive an sshd that lets nobody in. */
function moveWhereItIsNow({ target, settings }: PhaseContext): void {
  const { trust } = target;
  const endpoint = endpointUnlessInstalled(settings, target.endpoint);
  const pinned = pinnedAfterwards(settings, endpoint);
  target.moveTo({
    endpoint,
    login: loginAfterwards(settings),
    ...(pinned === undefined ? {} : { trust: trust.pinnedTo(pinned.accepted, pinned.revoked) }),
  });
}

function isLoginRefused(error: unknown): boolean {
  return error instanceof ConnectionError && error.reason === 'authentication';
}
