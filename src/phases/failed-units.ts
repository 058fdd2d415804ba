import { errorMessage } from '../errors';
import { parseFields } from '../plan/facts';
import { failedUnits } from '../ssh/scripts';
import type { PhaseContext } from './context';

/** So long a system may go on starting its units before it is asked which of them failed. */
const settleMs = 60_000;
const pauseMs = 2000;
/** A systemd that is in trouble may not answer. */
const answerMs = 30_000;
/** As many as a reader wants to see. */
const mostUnits = 50;

/**
 * Asks the new system which of its units failed. That it runs is proven without this: failed units, or no answer, are
 * a warning.
 */
export async function reportFailedUnits(context: PhaseContext): Promise<void> {
  const { runtime, progress } = context;
  try {
    const { state, units } = await askSettled(context);
    // no systemd
    if (state === undefined) return;
    progress.failedUnits = units;
    if (units.length > 0)
      runtime.log.warning(
        `Units of the new system failed: ${units.join(', ')}. Look at them there: systemctl status, journalctl -u.`,
      );
    if (isStarting(state)) runtime.log.info('the new system is still starting units');
  } catch (error) {
    runtime.signal.throwIfAborted();
    runtime.log.warning(`The new system could not be asked for failed units: ${errorMessage(error)}`);
  }
}

interface Answer {
  readonly state: string | undefined;
  readonly units: readonly string[];
}

async function askSettled(context: PhaseContext): Promise<Answer> {
  const { clock, signal } = context.runtime;
  const end = clock.now() + settleMs;
  for (;;) {
    const answer = await ask(context);
    if (!isStarting(answer.state) || clock.now() >= end) return answer;
    await clock.sleep(pauseMs, signal);
  }
}

async function ask({ target }: PhaseContext): Promise<Answer> {
  const { stdout } = await target.run(failedUnits, [], { idleMs: answerMs });
  return parseFailedUnits(stdout);
}

export function parseFailedUnits(text: string): Answer {
  const fields = parseFields(text);
  return {
    state: fields.find(([name]) => name === 'state')?.[1],
    units: fields
      .filter(([name, value]) => name === 'failedUnit' && isUnitName(value))
      .map(([, value]) => value)
      .slice(0, mostUnits),
  };
}

export function isUnitName(text: string): boolean {
  return /^[A-Za-z0-9:_.\\@-]+$/.test(text);
}

function isStarting(state: string | undefined): boolean {
  return state === 'starting' || state === 'initializing';
}
