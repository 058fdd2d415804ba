import type { InputDefinition } from './definition';

export const copyInputs = [
  {
    name: 'no-use-machine-substituters',
    description: 'Does not tell the target the configuration’s substituters and their keys.',
    default: 'false',
  },
  {
    name: 'no-substitute-on-destination',
    description:
      'Has the target fetch nothing from any substituter: all is sent to it. Implies no-use-machine-substituters.',
    default: 'false',
  },
  {
    name: 'netrc',
    description:
      'For substituters that ask for a password: the contents of a netrc file (from a secret), `env:NAME` or `exec:COMMAND`. On the target, for root alone, while closures are copied; the runner’s Nix does not get it.',
  },
  {
    name: 'ssh-store-setting',
    description:
      'For workflows that come from nixos-anywhere: settings of its SSH store, one `NAME VALUE` (or `NAME=VALUE`) a line. Those that do no harm are accepted and have no effect.',
  },
] as const satisfies readonly InputDefinition[];
