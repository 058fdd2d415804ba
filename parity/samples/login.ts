import { imitated, real, type Sample } from './sample';

const forced = 'loopback/connection › a forced command that asks for another user: its words and advice';

export const loginSamples = {
  'too-many-keys': real(
    'loopback/login › and a server that has heard enough',
    'connection preflight',
    'and ended the connection: too many authentication failures',
  ),
  'password-expired': [
    ...real('loopback/login › that has expired is named', 'remote-command preflight', 'password has expired'),
    ...imitated(
      'pam_unix of other distributions',
      'remote-command preflight',
      'You are required to change your password immediately (administrator enforced).',
      'Password change required but no TTY available.',
    ),
  ],
  'login-as-another-user': [
    ...real(
      forced,
      'remote-command preflight',
      'Please login as the user "ubuntu" rather than the user "root".',
    ),
  ],
  'account-closed': imitated(
    'the words of nologin, and of OpenSSH',
    'remote-command preflight',
    'This account is currently not available.',
    'Your account has expired; please contact your system administrator.',
  ),
  'sudo-wants-password': imitated(
    'sudo 1.9, sudo 1.8, sudo-rs and OpenDoas',
    'remote-command build',
    'sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper',
    'sudo: a password is required',
    'sudo: no tty present and no askpass program specified',
    'sudo: interactive authentication is required',
    'doas: Authentication required',
  ),
  'sudo-wants-terminal': imitated(
    'sudo',
    'remote-command build',
    'sudo: sorry, you must have a tty to run sudo',
  ),
  'authorized-keys-read-only': imitated(
    'the words of dash, BusyBox and bash',
    'remote-command kexec',
    'sh: 12: cannot create /root/.ssh/authorized_keys: Permission denied',
    "sh: can't create /root/.ssh/authorized_keys: Read-only file system",
    '/root/.ssh/authorized_keys: Operation not permitted',
  ),
  'shell-answers-otherwise': imitated(
    'our own words',
    'remote-command preflight',
    'the target did not run facts.sh',
  ),
} as const satisfies Record<string, readonly Sample[]>;
