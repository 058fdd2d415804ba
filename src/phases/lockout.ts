import { ActionError, ConnectionError, TimeoutError } from '../errors';
import { systemPathOf } from '../plan/evaluation';
import type { Facts } from '../plan/facts';
import type { PhaseContext } from './context';

/**
 * What is to be said when a machine that answered before the switch does not let us in after it.
 *
 * @param error why no connection could be made
 */
export function explainLockout(context: PhaseContext, error: unknown): unknown {
  if (context.runtime.signal.aborted || !(error instanceof ActionError)) return error;
  const system = systemPathOf(context.evaluation);
  const message = `the switch to ${system} has locked this run out: ${error.message}`;
  const hint = `${adviceFor(error)}. ${rollback(context.facts)}`;
  const { lastLines } = error;
  if (error instanceof ConnectionError)
    return new ConnectionError(error.reason, message, { cause: error, lastLines, hint });
  return error instanceof TimeoutError ? new TimeoutError(message, { cause: error, lastLines, hint }) : error;
}

function adviceFor(error: ActionError): string {
  const reason = error instanceof ConnectionError ? error.reason : 'unreachable';
  switch (reason) {
    case 'authentication':
      return 'the machine answers, but does not let this login in any more: does the configuration authorize it for this user?';
    case 'host-key':
      return 'the machine answers with another host key: does the configuration replace it, or does another machine answer?';
    case 'jump-host':
      return error.hint ?? 'the jump host does not lead there any more';
    default:
      return 'look at the machine’s console; does the configuration change its network, its firewall, or the port of sshd?';
  }
}

/** How to get back to what ran before, in words. */
export function rollback({ profilePath, systemPath }: Facts): string {
  const before = profilePath || systemPath;
  if (before === '') return 'The machine had no system profile before';
  return `The system before was ${before}; to go back to it, as root on the machine: nix-env -p /nix/var/nix/profiles/system --set ${before} && ${before}/bin/switch-to-configuration switch, or choose it in the boot loader’s menu`;
}
