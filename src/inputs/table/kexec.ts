import type { InputDefinition } from './definition';

const defaultKexec = 'the nixos-images installer for the target’s architecture';

export const kexecInputs = [
  { name: 'kexec', description: 'Kexec image: a path on the runner or a URL.', otherwise: defaultKexec },
  {
    name: 'post-kexec-ssh-port',
    description:
      'Port of the SSH server of the installer, and of the installed system if post-install-ssh-port is not given.',
    default: '22',
  },
] as const satisfies readonly InputDefinition[];
