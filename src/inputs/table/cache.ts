import type { InputDefinition } from './definition';

export const cacheInputs = [
  {
    name: 'cache',
    description:
      'Keeps what the configuration builds itself, which no substituter has, in GitHub’s cache: it is built once per change. Without that service nothing is kept.',
    default: 'true',
  },
  {
    name: 'cache-key',
    description: 'What the keys of the cache’s entries begin with: another one begins anew.',
    default: 'nixos-anywhere',
  },
  {
    name: 'cache-signing-key',
    description:
      'Secret key of Nix (`NAME:BASE64`, from `nix key generate-secret`) that signs what is kept, or `env:NAME` or `exec:COMMAND`: nothing else is taken. Jobs that share the cache need the same.',
    otherwise:
      'derived from ssh-private-key; a job without a machine takes and gives what is not signed, on GitHub’s own runners',
  },
] as const satisfies readonly InputDefinition[];
