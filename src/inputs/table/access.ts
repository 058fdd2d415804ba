import type { InputDefinition } from './definition';

export const accessInputs = [
  {
    name: 'target-host',
    description: 'The machine to install, `[user@]host`; the user is root if not given.',
    otherwise: 'required, unless no machine is contacted',
  },
  { name: 'ssh-port', description: 'Port of the target’s SSH server.', default: '22' },
  {
    name: 'ssh-private-key',
    description:
      'Private key that logs in to the target: its contents (from a secret), or `env:NAME` or `exec:COMMAND` that gives them.',
    otherwise: '`SSH_PRIVATE_KEY` if set',
  },
  {
    name: 'ssh-private-key-file',
    description: 'Instead of ssh-private-key: the path of the key’s file on the runner.',
  },
  {
    name: 'ssh-private-key-passphrase',
    description:
      'Passphrase of that key, if it has one: itself (from a secret), `env:NAME` or `exec:COMMAND`.',
  },
  {
    name: 'ssh-password',
    description:
      'Password of the user who logs in, for a machine that knows no key: itself (from a secret), `env:NAME` or `exec:COMMAND`.',
    otherwise: '`SSHPASS` or `SSH_PASS` if set',
  },
  {
    name: 'sudo-password',
    description:
      'Password with which that user becomes root by sudo, if sudo asks for one: itself (from a secret), `env:NAME` or `exec:COMMAND`.',
    otherwise: 'ssh-password',
  },
  {
    name: 'known-hosts',
    description:
      'known_hosts lines that pin the target’s host key; any other key is refused before the login. Without it the first key seen is trusted, with a warning; a run that sends secrets (ssh-password, sudo-password, disk-encryption-keys, secret-files, extra-files, netrc) stops.',
  },
  {
    name: 'ssh-option',
    description:
      'OpenSSH options, one `NAME=VALUE` a line, such as `ProxyJump=user@bastion` or `StrictHostKeyChecking=accept-new`; docs/ssh-options.md lists all that are supported.',
  },
  {
    name: 'jump-ssh-private-key',
    description:
      'Private key that logs in to the jump hosts that ssh-option names (ProxyJump): contents, `env:NAME` or `exec:COMMAND`.',
    otherwise: 'ssh-private-key',
  },
  {
    name: 'jump-ssh-private-key-passphrase',
    description: 'Passphrase of jump-ssh-private-key, if it has one, in the same ways.',
  },
  {
    name: 'expect-machine',
    description: 'Machine ID (/etc/machine-id) that the target must have: for addresses that are used again.',
  },
] as const satisfies readonly InputDefinition[];
