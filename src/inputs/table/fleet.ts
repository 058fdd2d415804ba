import type { InputDefinition } from './definition';

export const fleetInputs = [
  {
    name: 'list-hosts',
    description:
      'Lists the hosts that the flake describes (nixosAnywhere.NAME) as a matrix for the jobs that follow, and does nothing else: no machine is contacted, no secret is needed.',
    default: 'false',
  },
  {
    name: 'hosts',
    description:
      'Which of them: names, globs such as `web-*`, tags as in `tag:web`, each also with `!` before it to leave out, as in `* !web-1`; separated by blanks or commas. With build-only it says for which hosts to build at once.',
    otherwise: 'all, with list-hosts',
  },
  {
    name: 'changed-since',
    description:
      'With list-hosts: only hosts whose system, disko script or install-id is another one than in this commit, branch or tag of the checkout. A push event’s `before` of a new branch (all zeros) means all.',
  },
  {
    name: 'fleet-results',
    description:
      'Instead of a run: the folder that holds the result files of such runs, in any depth. Puts them together in the job summary, and gives the plans to be approved.',
  },
  {
    name: 'matrix',
    description:
      'With fleet-results: the matrix that list-hosts gave, so that hosts without a result are told, and the matrix output has those with something to do.',
  },
] as const satisfies readonly InputDefinition[];
