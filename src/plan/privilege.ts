import { GuardError, RemoteCommandError } from '../errors';
import * as scripts from '../ssh/scripts';
import type { Target } from '../ssh/target';
import type { Facts } from './facts';

/** PAM waits some seconds after a wrong password, and may ask other machines; in milliseconds. */
const answerMs = 60_000;

/**
 * Finds out how to become root, by sudo's password where nothing else works. What it says goes for whatever is run on the
 * target from now on.
 *
 * @returns the facts with the way that was found
 * @throws GuardError when sudo does not accept the password, which was tried once
 */
export async function findPrivilege(target: Target, facts: Facts): Promise<Facts> {
  const withPassword =
    facts.privilege === undefined && facts.sudoInstalled && target.login.sudoPassword !== undefined;
  const privilege = withPassword ? 'sudo-with-password' : facts.privilege;
  if (privilege === undefined) return facts;
  target.privilege = privilege;
  if (withPassword) await tryPassword(target);
  return { ...facts, privilege };
}

async function tryPassword(target: Target): Promise<void> {
  try {
    await target.run(scripts.identity, [], { privileged: true, idleMs: answerMs });
  } catch (error) {
    if (!(error instanceof RemoteCommandError)) throw error;
    throw new GuardError(`sudo does not let ${target.endpoint.user} become root with the password`, {
      cause: error,
      lastLines: error.lastLines,
      hint: hintFor(error.lastLines.join('\n')),
    });
  }
}

function hintFor(said: string): string {
  if (/not in the sudoers file|not allowed to|may not run/i.test(said))
    return 'let this user run everything by sudo (on Debian and Ubuntu: put it into the group sudo), or log in as root';
  if (/must have a tty/i.test(said))
    return 'take requiretty out of the sudoers file (Defaults:USER !requiretty), or log in as root';
  return 'check sudo-password (where it is not given, ssh-password is used); it was tried once, and only a question for the password is answered';
}
