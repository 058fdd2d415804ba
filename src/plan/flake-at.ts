import { InputError } from '../errors';
import { localFlake } from '../nix/flake-source';
import type { Nix } from '../nix/nix';
import type { ProcessResult } from '../process';
import type { Runtime } from '../runtime';

/** How long git may take to look at a checkout. */
const gitPatienceMs = 60_000;

/** A flake as it was at another commit of its checkout. */
export interface FlakeAt {
  readonly uri: string;
  /** Whether that is what is checked out, to the last byte. */
  readonly isSame: boolean;
}

/**
 * Only looks: neither the index nor anything else in the checkout is written.
 *
 * @param uri of a flake in a git checkout on the runner, as Nix takes it
 * @throws InputError for another flake, and for a revision that the checkout does not have
 */
export async function flakeAt(uri: string, since: string, nix: Nix, runtime: Runtime): Promise<FlakeAt> {
  const source = await localFlake(nix, uri, runtime.signal);
  if (source === undefined || !source.isGit)
    throw refused(
      `needs a flake in a git checkout on the runner, as it is checked out, which ${uri} is not; give its folder without path:, rev and ref, or leave changed-since out and choose by hosts`,
    );
  const git = (...args: string[]) => runGit(source.root, args, runtime);
  const commit = await git('rev-parse', '--verify', '--end-of-options', `${since}^{commit}`);
  if (commit.code !== 0) throw explained(since, source.root, commit);
  const rev = commit.stdout.trim();
  const clean = await git('status', '--porcelain', '--untracked-files=no');
  const head = await git('rev-parse', '--verify', 'HEAD');
  const shallow = await git('rev-parse', '--is-shallow-repository');
  const query = [
    ['rev', rev],
    ...(source.dir === '' ? [] : [['dir', source.dir]]),
    ...(shallow.stdout.trim() === 'true' ? [['shallow', '1']] : []),
    ...source.fetched.map((option) => [option, '1']),
  ];
  const parameters = query.map(([name = '', value = '']) => `${name}=${encodeURIComponent(value)}`);
  const path = source.root.split('/').map(encodeURIComponent).join('/');
  return {
    uri: `git+file://${path}?${parameters.join('&')}`,
    isSame: head.stdout.trim() === rev && clean.code === 0 && clean.stdout.trim() === '',
  };
}

async function runGit(root: string, args: readonly string[], runtime: Runtime): Promise<ProcessResult> {
  const options = {
    // what it says is read
    env: { LC_ALL: 'C' },
    signal: runtime.signal,
    idleMs: gitPatienceMs,
  };
  return runtime.processes
    .run('git', ['--no-optional-locks', '-C', root, ...args], options)
    .catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      throw refused('needs git, and there is no such program in PATH; install it in a step before this one');
    });
}

function explained(since: string, root: string, { errorLines }: ProcessResult): InputError {
  if (errorLines.some((line) => line.includes('dubious ownership')))
    return refused(
      `cannot be looked up: the checkout ${root} belongs to another user, and git reads no such repository unasked; run git config --global --add safe.directory '${root}' in a step before this one`,
    );
  const ambiguous = errorLines.find((line) => line.includes('is ambiguous'));
  if (ambiguous !== undefined)
    return refused(`is ${since}, which means more than one commit; write all of it`);
  return refused(
    `is ${since}, which the checkout does not have; give actions/checkout fetch-depth: 0, write origin/NAME for a branch that is not checked out, and fetch the commit by its ID if no branch has it any more (after a forced push)`,
  );
}

function refused(problem: string): InputError {
  return new InputError([{ input: 'changed-since', problem }]);
}
