import { imitated, real, type Sample } from './sample';

const programs = (title: string) => `loopback/known-programs › ${title}` as const;

export const loginSamples = {
  'too-many-keys': real(
    'loopback/login › and a server that has heard enough',
    'connection preflight',
    'and ended the connection: too many authentication failures',
  ),
  'password-expired': [
    ...real('loopback/login › that has expired is named', 'remote-command preflight', 'password has expired'),
    ...imitated(
      'the words of pam_unix and of OpenSSH elsewhere',
      'remote-command preflight',
      'You are required to change your password immediately (administrator enforced).',
      'Password change required but no TTY available.',
    ),
  ],
  'login-as-another-user': real(
    'loopback/connection › a forced command that asks for another user: its words and advice',
    'remote-command preflight',
    'Please login as the user "ubuntu" rather than the user "root".',
  ),
  'account-closed': [
    ...real(
      programs('a login shell that says no'),
      'remote-command preflight',
      'This account is currently not available.',
    ),
    ...imitated(
      'the words of pam_unix',
      'remote-command preflight',
      'Your account has expired; please contact your system administrator.',
    ),
  ],
  'sudo-wants-password': [
    ...real(
      programs('because sudo wants a password'),
      'remote-command build',
      'sudo: a password is required',
    ),
    ...real(
      programs('because doas wants a password'),
      'remote-command build',
      'doas: Authentication required',
    ),
    ...imitated(
      'sudo 1.8 and 1.9, and sudo-rs',
      'remote-command build',
      'sudo: no tty present and no askpass program specified',
      'sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper',
      'sudo: interactive authentication is required',
    ),
  ],
  'sudo-wants-terminal': real(
    programs('because sudo wants a terminal'),
    'remote-command build',
    'sudo: sorry, you must have a tty to run sudo',
  ),
  'authorized-keys-read-only': [
    ...real(
      programs('on a file system that cannot be written'),
      'remote-command kexec',
      '/root/.ssh/authorized_keys: Read-only file system',
    ),
    ...imitated(
      'nixos-anywhere issue 186; the words of dash, BusyBox and bash',
      'remote-command kexec',
      'sh: 12: cannot create /root/.ssh/authorized_keys: Permission denied',
      "sh: can't create /root/.ssh/authorized_keys: Read-only file system",
      '/root/.ssh/authorized_keys: Operation not permitted',
    ),
  ],
  'shell-answers-otherwise': real(
    programs('a login shell that ends'),
    'remote-command preflight',
    'the target did not run identity.sh, it ended with exit code 3',
  ),
} as const satisfies Record<string, readonly Sample[]>;
