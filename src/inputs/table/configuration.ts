import type { InputDefinition } from './definition';

export const configurationInputs = [
  {
    name: 'flake',
    description: 'Flake reference and configuration, `URI#NAME`: installs `nixosConfigurations.NAME`.',
    otherwise: 'required, unless store-paths is given',
  },
  {
    name: 'store-paths',
    description:
      'Instead of flake: the store paths of a disko script and of a system that exist on the runner, in any order; one alone where phases need only one. Nothing is evaluated then, so that wipe-disks is required for disko.',
  },
  {
    name: 'build-on',
    description:
      'Where the system and the disko script are built: `local` (the runner and its remote builders), `remote` (the machine that is installed), or `auto`: local if the runner builds for the configuration’s system.',
    default: 'auto',
  },
  {
    name: 'option',
    description: 'Nix settings for evaluation and build, one `NAME VALUE` (or `NAME = VALUE`) a line.',
  },
] as const satisfies readonly InputDefinition[];
