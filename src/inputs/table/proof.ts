import type { InputDefinition } from './definition';

export const proofInputs = [
  {
    name: 'verify',
    description:
      'Proof that the new system runs: `system` (login, new boot, expected system), `host-key` (the expected key answers), `auto` (the best that is possible), `off`.',
    default: 'auto',
  },
  {
    name: 'post-install-ssh-host',
    description: 'Address of the installed system, where it is another than that of target-host.',
    otherwise: 'that of target-host',
  },
  {
    name: 'post-install-ssh-port',
    description: 'Port of the installed system’s SSH server.',
    otherwise: 'post-kexec-ssh-port if given, else the first of services.openssh.ports',
  },
  {
    name: 'post-install-ssh-user',
    description: 'Who logs in to the installed system to prove that it runs.',
    otherwise: 'root if the configuration lets it in, else a user who is let in',
  },
  {
    name: 'post-install-ssh-private-key',
    description:
      'Private key for the installed system, where it is another than ssh-private-key: contents, `env:NAME` or `exec:COMMAND`.',
    otherwise: 'ssh-private-key',
  },
  {
    name: 'post-install-ssh-private-key-passphrase',
    description: 'Passphrase of post-install-ssh-private-key, if it has one, in the same ways.',
  },
  {
    name: 'post-install-known-hosts',
    description:
      'known_hosts lines that pin the installed system’s host key, where that is neither copied nor made by this run.',
  },
] as const satisfies readonly InputDefinition[];
