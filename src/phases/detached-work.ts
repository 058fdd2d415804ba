import { RemoteCommandError } from '../errors';
import { inSeconds, withProgressLines } from '../progress-lines';
import type { Runtime } from '../runtime';
import { type DetachedWork, runDetached } from '../ssh/detached';
import type { PhaseContext } from './context';

/** Lines of its own say that it goes on; where it says nothing, ours do. */
export function whileSilent<T, W extends Pick<DetachedWork, 'name' | 'onLine'>>(
  runtime: Pick<Runtime, 'log' | 'clock'>,
  work: W,
  run: (listening: W) => Promise<T>,
): Promise<T> {
  const { clock } = runtime;
  let heard = clock.now();
  let wasHeard = false;
  const onLine = (line: string) => {
    heard = clock.now();
    wasHeard = true;
    work.onLine(line);
  };
  const read = () => {
    const isSilent = !wasHeard;
    wasHeard = false;
    return isSilent ? { done: `it has printed nothing for ${inSeconds(clock.now() - heard)}` } : undefined;
  };
  return withProgressLines(runtime, work.name, read, () => run({ ...work, onLine }));
}

/**
 * Runs work on the target that goes on without us, and keeps in mind that it does: whoever stops here must say so.
 *
 * @returns its exit code
 */
export async function runInProgress(
  { target, progress, runtime }: PhaseContext,
  work: DetachedWork,
): Promise<number> {
  progress.goesOn = work.name;
  try {
    const code = await whileSilent(runtime, work, (listening) => runDetached(target, listening));
    progress.goesOn = undefined;
    return code;
  } catch (error) {
    // it was the work that failed, not we who stopped listening
    if (error instanceof RemoteCommandError) progress.goesOn = undefined;
    throw error;
  }
}
