import type { InputDefinition } from './definition';

export const systemInputs = [
  {
    name: 'install-id',
    description:
      'Names this installation of the machine; it is recorded there, and on-installed: converge reinstalls only when it has changed.',
  },
  {
    name: 'copy-host-keys',
    description: 'Gives the new system the SSH host keys that the machine has now.',
    default: 'false',
  },
  {
    name: 'allow-lockout',
    description: 'Installs a system even where nobody could log in to it over SSH afterwards.',
    default: 'false',
  },
] as const satisfies readonly InputDefinition[];
