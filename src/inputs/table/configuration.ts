import type { InputDefinition } from './definition';

export const configurationInputs = [
  {
    name: 'flake',
    description:
      'Flake reference and configuration, `URI#NAME`: installs `nixosConfigurations.NAME`. A NAME that begins with `nixosConfigurations.` names an attribute in full.',
    otherwise: 'required, unless nix-file or store-paths is given',
  },
  {
    name: 'nix-file',
    description:
      'Instead of flake: a Nix file that leads to the configuration, or that is one (a module: then nixpkgs is found by NIX_PATH or npins); a path, or `<…>` in NIX_PATH.',
  },
  {
    name: 'nix-attribute',
    description:
      'The attribute in nix-file that is installed: what `nixosSystem` or `eval-config.nix` return, or a set with `toplevel` and `diskoScript`.',
    otherwise: 'nix-file as a whole',
  },
  {
    name: 'special-args',
    description: 'JSON object that the configuration’s modules get as further specialArgs.',
  },
  {
    name: 'store-paths',
    description:
      'Instead of flake: the store paths of a disko script and of a system that exist on the runner (or in the store that from names), in any order; one alone where phases need only one. Nothing is evaluated then, so that wipe-disks is required for disko.',
  },
  {
    name: 'from',
    description:
      'Store (its URI) from which store-paths that the runner lacks are copied, and from which builds fetch what they can.',
  },
  {
    name: 'build-on',
    description:
      'Where the system and the disko script are built: `local` (the runner and its remote builders), `remote` (the machine that is installed), or `auto`: local if the runner builds for the configuration’s system.',
    default: 'auto',
  },
  {
    name: 'generate-hardware-config',
    description:
      'Has the installer describe the machine in a file of the checkout, which is then part of what is built: `nixos-facter PATH` or `nixos-generate-config PATH`; the path is the rest of the line.',
  },
  {
    name: 'option',
    description: 'Nix settings for evaluation and build, one `NAME VALUE` (or `NAME = VALUE`) a line.',
  },
  {
    name: 'show-trace',
    description: 'Shows the whole trace of an evaluation that fails.',
    default: 'false',
  },
] as const satisfies readonly InputDefinition[];
