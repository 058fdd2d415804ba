import { RemoteCommandError } from '../errors';
import { type DetachedWork, runDetached } from '../ssh/detached';
import type { PhaseContext } from './context';

/**
 * Runs work on the target that goes on without us, and keeps in mind that it does: whoever stops here must say so.
 *
 * @returns its exit code
 */
export async function runInProgress({ target, progress }: PhaseContext, work: DetachedWork): Promise<number> {
  progress.goesOn = work.name;
  try {
    const code = await runDetached(target, work);
    progress.goesOn = undefined;
    return code;
  } catch (error) {
    // it was the work that failed, not we who stopped listening
    if (error instanceof RemoteCommandError) progress.goesOn = undefined;
    throw error;
  }
}
