import type { RunIdentity } from '../phases/lease';

/**
 * Which run of which workflow this is. The jobs of a matrix share id, attempt and name; but a runner has one job at a
 * time.
 */
export function readRunIdentity(environment: NodeJS.ProcessEnv): RunIdentity {
  const of = (name: string) => environment[name] ?? '';
  const id = of('GITHUB_RUN_ID');
  return {
    run: id === '' ? '' : `${of('GITHUB_SERVER_URL')}/${of('GITHUB_REPOSITORY')}/actions/runs/${id}`,
    attempt: Number(/^\d{1,9}$/.exec(of('GITHUB_RUN_ATTEMPT'))?.[0] ?? 0),
    job: [of('GITHUB_JOB'), of('RUNNER_NAME')].filter((part) => part !== '').join(' on '),
  };
}
