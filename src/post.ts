import { rm } from 'node:fs/promises';
import * as core from '@actions/core';
import { CacheError, findCacheService } from './cache/service';
import type { PendingUpload } from './cache/uploads';
import { reasonOf } from './cache/wording';
import { cancelledBySignal } from './cancellation';
import { withPrivateFolder } from './private-folder';
import { SpawnRunner } from './process';
import { ActionLog } from './report/action-log';
import { type Runtime, systemClock } from './runtime';
import { SecretRegistry } from './secrets';

/** Names of what the main step leaves to this one. */
const states = { post: 'post', uploads: 'uploads' } as const;

/** Called by the main step: the runner starts the same file for both. */
export function announcePost(): void {
  core.saveState(states.post, 'true');
}

/** What there would be to finish if this process ended now. */
export function leaveToPost(uploads: readonly PendingUpload[]): void {
  core.saveState(states.uploads, uploads.length === 0 ? '' : JSON.stringify(uploads));
}

export function isPostStep(environment: NodeJS.ProcessEnv): boolean {
  return environment[`STATE_${states.post}`] === 'true';
}

/**
 * What the main step could not do any more, because it was cancelled or the upload took too long: saves the entries that it
 * has written. Fails never: the job has its result.
 *
 * @returns the exit code
 */
export async function post(worker: readonly string[]): Promise<number> {
  const left = core.getState(states.uploads);
  if (left === '') return 0;
  const log = new ActionLog(new SecretRegistry(core.setSecret), systemClock);
  const cancel = cancelledBySignal();
  const { signal, abort } = cancel;
  const processes = new SpawnRunner(() => clientEnvironment(process.env));
  try {
    const uploads: readonly PendingUpload[] = JSON.parse(left);
    await withPrivateFolder(async (privateFolder) => {
      const runtime = { log, clock: systemClock, processes, signal, abort, privateFolder };
      for (const upload of uploads) await finish(upload, worker, runtime);
    });
  } catch (error) {
    log.info(`cache: not saved: ${reasonOf(error)}`);
  } finally {
    cancel.stop();
  }
  return 0;
}

/** @throws the signal's reason: then there is no time for another */
async function finish(
  { key, file, folder }: PendingUpload,
  worker: readonly string[],
  runtime: Runtime,
): Promise<void> {
  const { log, signal } = runtime;
  try {
    const service = findCacheService(process.env, worker, runtime);
    if (service === undefined) throw new CacheError('there is no cache service here');
    // the entry that the main step has begun may exist already, and never be completed
    await service.store(`${key}-post`, file, signal);
    log.info('cache: saved what the main step could not');
  } catch (error) {
    signal.throwIfAborted();
    log.info(`cache: not saved: ${reasonOf(error)}`);
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Which variables are secrets only the main step has found out: the client gets what it needs of them. */
function clientEnvironment(environment: NodeJS.ProcessEnv): Record<string, string> {
  const needed = /^(PATH|HOME|TMPDIR|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|GITHUB_SERVER_URL|(https?|no)_proxy)$/i;
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value !== undefined && needed.test(name) ? [[name, value]] : [],
    ),
  );
}
