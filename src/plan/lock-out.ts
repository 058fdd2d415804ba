import { GuardError } from '../errors';
import type { MachineSettings } from '../inputs/settings';
import { accessAfterwards, keyLetsIn, passwordLetsIn } from './access-afterwards';
import type { ConfiguredLogin, ConfiguredSshd, Evaluation } from './evaluation';

const leaveOpen =
  'if it is reached in another way (a console, a VPN with its own login, keys among the files that are copied), set allow-lockout: true';

/**
 * Whether somebody could log in to the new system over SSH. Looked at before anything is touched: a machine in a data
 * centre that lets nobody in is lost until someone stands in front of it.
 *
 * @throws GuardError unless `allow-lockout` is set
 */
export function checkLockOut(settings: MachineSettings, evaluation: Evaluation): void {
  // of what was not evaluated nobody here knows who may log in
  if (settings.allowLockout.value || evaluation.sshd === undefined) return;
  const { sshd, logins } = evaluation;
  if (!sshd.enabled) {
    throw new GuardError('the configuration has no SSH server: nobody could log in to the new system', {
      hint: `set services.openssh.enable = true; ${leaveOpen}`,
    });
  }
  const placeholder = logins.find(({ keys }) => keys.some(isPlaceholder));
  if (placeholder !== undefined) {
    throw new GuardError(
      `the configuration's authorized keys of ${placeholder.name} hold a placeholder, with CHANGE in it, in place of a key`,
      { hint: `put your public key there (users.users.${placeholder.name}.openssh.authorizedKeys.keys)` },
    );
  }
  if (sshd.otherKeys || logins.some((login) => letsIn(login, sshd))) return;
  const rootIsBarred = logins.some(({ name, keys }) => name === 'root' && keys.length > 0);
  throw new GuardError(
    rootIsBarred
      ? `the configuration authorizes keys for root only, and forbids root to log in (PermitRootLogin is ${sshd.rootLogin})`
      : 'the configuration authorizes no key, and no password, of any user: nobody could log in to the new system',
    {
      hint: rootIsBarred
        ? `set services.openssh.settings.PermitRootLogin = "prohibit-password", or authorize a key for another user; ${leaveOpen}`
        : `put your public key into users.users.root.openssh.authorizedKeys.keys; ${leaveOpen}`,
    },
  );
}

function letsIn(login: ConfiguredLogin, sshd: ConfiguredSshd): boolean {
  return keyLetsIn(login, sshd.rootLogin) || passwordLetsIn(login, sshd.rootLogin);
}

/** As in `ssh-rsa CHANGE`; not as in a comment such as `me@EXCHANGE`, nor by chance in a key. */
function isPlaceholder(line: string): boolean {
  return /(?<![A-Za-z0-9+/])CHANGE/.test(line);
}

/** What does not lock out, but limits the proof that the new system runs. */
export function lockOutWarnings(settings: MachineSettings, evaluation: Evaluation): string[] {
  if (evaluation.sshd === undefined) return [];
  const { endpoint, publicKey, loginExpected } = accessAfterwards(settings, evaluation);
  if (loginExpected || !evaluation.sshd.enabled || evaluation.sshd.otherKeys) return [];
  if (publicKey === undefined)
    return [
      `The configuration does not let ${endpoint.user} in ${settings.login.password === undefined ? 'by a key' : 'by a password'}, and no key for the new system was given: which system runs afterwards cannot be compared. Give post-install-ssh-private-key.`,
    ];
  const key =
    settings.postInstall.publicKey === undefined ? 'ssh-private-key' : 'post-install-ssh-private-key';
  return [
    `The configuration does not authorize ${key} for ${endpoint.user}: which system runs afterwards cannot be compared, unless the login works in another way.`,
  ];
}
