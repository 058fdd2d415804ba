import { type KnownFailure, onMachine } from './failure';

/** Of logging in and becoming root. */
export const loginFailures = [
  {
    id: 'too-many-keys',
    title: 'the machine gives up before it is shown the right key',
    says: /too many authentication failures/i,
    where: [{ kinds: ['connection'] }],
    cause: 'an ssh-agent offers several keys, and the SSH server allows fewer tries (MaxAuthTries)',
    hint: 'the machine gives up before it is shown the right key: give that one key only, as ssh-private-key, or let the machine allow more (MaxAuthTries)',
  },
  {
    id: 'password-expired',
    title: 'the user’s password has expired',
    says: /password change required|required to change your password|password has expired/i,
    where: [{ kinds: ['connection', 'remote-command'] }],
    cause: 'the machine wants a new one to be set before anything else is done',
    hint: 'the user’s password has expired: log in once by hand and set a new one, or log in as another user',
  },
  {
    id: 'login-as-another-user',
    title: 'another user should log in',
    says: /lease login as the user/i,
    where: onMachine,
    cause: 'cloud images let root in only to say who should log in instead',
    hint: 'log in as the user that the message names: target-host: user@host',
  },
  {
    id: 'account-closed',
    title: 'the user may run nothing',
    says: /This account is currently not available|Your account has expired/,
    where: [{ kinds: ['connection', 'remote-command'] }],
    cause: 'the user’s login shell is nologin, or the account has expired',
    hint: 'the machine lets this user run nothing: give another user in target-host',
  },
  {
    id: 'sudo-wants-password',
    title: 'sudo wants a password',
    // sudo since 1.8, sudo-rs, doas
    says: /a (terminal|password) is required|no tty present and no askpass program|interactive authentication is required|doas: (Authentication required|a tty is required)/i,
    where: onMachine,
    cause: 'the user may use sudo, or doas, but not without a password',
    hint: 'give the password as sudo-password (doas takes none here), let the user become root without one (NOPASSWD, nopass), or log in as root',
  },
  {
    id: 'sudo-wants-terminal',
    title: 'sudo wants a terminal',
    says: /must have a tty to run sudo/,
    where: onMachine,
    cause: 'the sudoers file has requiretty; there is no terminal here',
    hint: 'take requiretty out of the sudoers file (Defaults:USER !requiretty), or log in as root',
  },
  {
    id: 'authorized-keys-read-only',
    title: 'root’s authorized_keys cannot be written',
    says: /authorized_keys\d?['’]?: (Permission denied|Read-only file system|Operation not permitted)/,
    where: onMachine,
    cause: 'the file is managed by something else, immutable, or on a read-only file system',
    hint: 'root’s authorized_keys cannot be written there, so that the installer would let nobody in: give a key that stands in it already as ssh-private-key',
  },
] as const satisfies readonly KnownFailure[];

/** Where nothing else is known. */
export const loginFallbacks = [
  {
    id: 'shell-answers-otherwise',
    title: 'what answers is no shell that runs what it is given',
    says: /^the target did not (say its|run) /m,
    where: onMachine,
    cause:
      'the user’s login shell, a forced command in authorized_keys, or a start-up file of the shell ends before our script begins, or prints into its answer',
    hint: 'see in the last lines what came instead: let the start-up files of the login shell (.bashrc, .profile) be quiet and not end it, take a forced command out of authorized_keys, or log in as another user',
  },
] as const satisfies readonly KnownFailure[];
