import { InputError } from '../errors';
import { localFlake } from '../nix/flake-source';
import type { Nix } from '../nix/nix';
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
 * @param uri of a flake in a git checkout on the runner, as Nix takes it
 * @throws InputError for another flake, and for a revision that the checkout does not have
 */
export async function flakeAt(uri: string, since: string, nix: Nix, runtime: Runtime): Promise<FlakeAt> {
  const source = await localFlake(nix, uri, runtime.signal);
  if (source === undefined || !source.isGit)
    throw refused(
      `needs a flake in a git checkout on the runner, which ${uri} is not; leave it out, and choose by hosts`,
    );
  const git = (...args: string[]) =>
    runtime.processes.run('git', ['-C', source.root, ...args], {
      signal: runtime.signal,
      idleMs: gitPatienceMs,
    });
  const commit = await git('rev-parse', '--verify', '--quiet', '--end-of-options', `${since}^{commit}`);
  if (commit.code !== 0)
    throw refused(
      `is ${since}, which the checkout does not have; give actions/checkout fetch-depth: 0, and fetch the commit if no branch has it any more`,
    );
  const rev = commit.stdout.trim();
  const clean = await git('status', '--porcelain', '--untracked-files=no');
  const head = await git('rev-parse', '--verify', 'HEAD');
  const shallow = await git('rev-parse', '--is-shallow-repository');
  const query = new URLSearchParams({ rev });
  if (source.dir !== '') query.set('dir', source.dir);
  if (shallow.stdout.trim() === 'true') query.set('shallow', '1');
  return {
    uri: `git+file://${encodeURI(source.root)}?${query.toString()}`,
    isSame: head.stdout.trim() === rev && clean.code === 0 && clean.stdout.trim() === '',
  };
}

function refused(problem: string): InputError {
  return new InputError([{ input: 'changed-since', problem }]);
}
