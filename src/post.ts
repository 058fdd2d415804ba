import * as core from '@actions/core';
import type { PendingUpload } from './cache/closure-cache';
import { findCacheService } from './cache/service';
import { cancelledBySignal } from './cancellation';
import { errorMessage } from './errors';
import { withPrivateFolder } from './private-folder';
import { SpawnRunner } from './process';
import { ActionLog } from './report/action-log';
import { systemClock } from './runtime';
import { SecretRegistry } from './secrets';

/** Names of what the main step leaves to this one. */
const states = { post: 'post', upload: 'upload' } as const;

/** Called by the main step: the runner starts the same file for both. */
export function announcePost(): void {
  core.saveState(states.post, 'true');
}

/** What there would be to finish if this process ended now. */
export function leaveToPost(upload: PendingUpload | undefined): void {
  core.saveState(states.upload, upload === undefined ? '' : JSON.stringify(upload));
}

export function isPostStep(environment: NodeJS.ProcessEnv): boolean {
  return environment[`STATE_${states.post}`] === 'true';
}

/**
 * What the main step could not do any more, because it was cancelled or the upload took too long: saves the layer that it
 * has written. Fails never: the job has its result.
 *
 * @returns the exit code
 */
export async function post(worker: readonly string[]): Promise<number> {
  const left = core.getState(states.upload);
  if (left === '') return 0;
  const upload: PendingUpload = JSON.parse(left);
  const log = new ActionLog(new SecretRegistry(core.setSecret), systemClock);
  const cancel = cancelledBySignal();
  const { signal, abort } = cancel;
  const processes = new SpawnRunner(() => clientEnvironment(process.env));
  try {
    await withPrivateFolder(async (privateFolder) => {
      const runtime = { log, clock: systemClock, processes, signal, abort, privateFolder };
      const service = findCacheService(process.env, worker, runtime);
      // the entry that the main step has begun may exist already, and never be completed
      await service?.store(`${upload.key}-post`, upload.file, signal);
      log.info('cache: saved what the main step could not');
    });
  } catch (error) {
    log.info(`cache: not saved: ${errorMessage(error)}`);
  } finally {
    core.saveState(states.upload, '');
    cancel.stop();
  }
  return 0;
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
