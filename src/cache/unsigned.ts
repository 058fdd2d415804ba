import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GuardError } from '../errors';
import type { HostSettings } from '../inputs/settings';

/*
 * A layer that nobody has signed is the word of whoever can write the repository's cache. What a build takes from it stays in
 * the runner's store, where a later step would find it built: nothing that reaches a machine may come out of such a store. So
 * such layers are only for runners that are thrown away with their job, and a job that has used one installs nothing any more.
 */

/** Whether this runner, with its store, is gone when the job ends. */
export function isThrownAway({ RUNNER_ENVIRONMENT, RUNNER_TEMP }: NodeJS.ProcessEnv): boolean {
  return RUNNER_ENVIRONMENT === 'github-hosted' && (RUNNER_TEMP ?? '') !== '';
}

/** The runner empties the folder before each job. */
function markIn({ RUNNER_TEMP }: NodeJS.ProcessEnv): string | undefined {
  return (RUNNER_TEMP ?? '') === '' ? undefined : join(RUNNER_TEMP ?? '', 'nixos-anywhere-unsigned-layers');
}

/** Says to all later steps of the job that something in the store is from an unsigned layer. @throws node's error */
export function markAsUsed(environment: NodeJS.ProcessEnv): void {
  const mark = markIn(environment);
  if (mark === undefined) throw new Error('there is no RUNNER_TEMP, which tells the steps of a job apart');
  writeFileSync(mark, '');
}

export function wereUsed(environment: NodeJS.ProcessEnv): boolean {
  const mark = markIn(environment);
  return mark !== undefined && existsSync(mark);
}

/** @throws GuardError where something would be installed out of such a store, with the cache or without it */
export function refuseInstallAfterUse({ kind }: HostSettings, environment: NodeJS.ProcessEnv): void {
  if (kind !== 'install' || !wereUsed(environment)) return;
  throw new GuardError(
    'an earlier step of this job has built with layers of the cache that nobody has signed, and what it took from them is in the store that would be installed from',
    { hint: 'give that step cache-signing-key (or cache: false), or install in a job of its own' },
  );
}
