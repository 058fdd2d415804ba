import { formatDuration } from '../deadlines';
import { errorMessage, TimeoutError } from '../errors';
import type { Logger } from '../runtime';
import type { PhaseContext } from './context';

/** Something that a phase leaves on the target and that must not outlive the run. */
export interface Trace {
  /** For the warning, as in "… could not be removed": "The public key in root's authorized_keys". */
  readonly what: string;
  /** The boot in which it was left: another one has it no longer, or it is not ours to touch there. */
  readonly bootId: string;
  /** Whether work that goes on there without us still needs it; then it stays. Default: nothing does. */
  readonly needed?: () => boolean;
  /** The right to touch all the others: given back when they are gone, whenever it was left. */
  readonly last?: boolean;
  /** Takes it away. Must heed the signal, which is not that of the run: this may be a cancelled one. */
  remove(signal: AbortSignal): Promise<unknown>;
}

/** What is to be taken away from the target when the run ends, however it ends. */
export class CleanUp {
  readonly #traces = new Set<Trace>();

  /**
   * Called before the trace is left: a run that is cancelled meanwhile removes it too.
   *
   * @returns what to call when it is gone already, or shall stay
   */
  leave(trace: Trace): () => void {
    this.#traces.add(trace);
    return () => void this.#traces.delete(trace);
  }

  /** The machine starts anew, and nothing that was left in its memory will be there. */
  forgetAll(): void {
    this.#traces.clear();
  }

  /**
   * Removes what is left, the last first. What cannot be removed is a warning: the run has its outcome already.
   *
   * @param isOurs whether the machine is in that boot and no other run has taken it over
   */
  async run(
    isOurs: (bootId: string, signal: AbortSignal) => Promise<boolean>,
    log: Logger,
    signal: AbortSignal,
  ): Promise<void> {
    const traces = [...this.#traces]
      .reverse()
      .filter(({ needed }) => needed?.() !== true)
      .toSorted((a, b) => Number(a.last ?? false) - Number(b.last ?? false));
    this.#traces.clear();
    const boots = new Map<string, boolean>();
    for (const trace of traces) {
      try {
        const ours = boots.get(trace.bootId) ?? (await isOurs(trace.bootId, signal));
        boots.set(trace.bootId, ours);
        if (ours) await trace.remove(signal);
      } catch (error) {
        log.warning(`${trace.what} could not be removed: ${errorMessage(error)}`);
      }
    }
  }
}

/** How long it may take after a cancel: the runner kills 10 s after its first signal. */
const afterCancelMs = 4000;
const otherwiseMs = 20_000;

/** Takes away what the run has left on the target; never fails. */
export async function cleanUp({ cleanUp: traces, lease, runtime }: PhaseContext): Promise<void> {
  const { clock, log, signal: cancelled } = runtime;
  const ms = cancelled.aborted ? afterCancelMs : otherwiseMs;
  const over = new AbortController();
  const done = new AbortController();
  void clock.sleep(ms, done.signal).then(
    () => over.abort(new TimeoutError(`the machine took more than ${formatDuration(ms)}`)),
    () => undefined,
  );
  try {
    await traces.run((bootId, signal) => lease.isOurs(bootId, signal), log, over.signal);
  } finally {
    done.abort();
  }
}
