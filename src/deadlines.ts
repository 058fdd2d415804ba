import { TimeoutError } from './errors';
import type { Clock } from './runtime';

/** Milliseconds as a person writes them: `90 s`, `15 min`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return whole % 60 === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/**
 * Runs work that must end within a time. The work gets a signal that is aborted when the time is over or the run
 * is cancelled, and must heed it; the caller gets its answer at once in either case.
 *
 * @param what what is waited for, as in "… did not finish within 2 min"
 * @throws TimeoutError, or the reason of `signal`
 */
export async function within<T>(
  clock: Clock,
  what: string,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const done = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  void clock.sleep(ms, done.signal).then(
    () => over.abort(new TimeoutError(`${what} did not finish within ${formatDuration(ms)}`)),
    () => undefined,
  );
  try {
    return await orAborted(both, work(both));
  } finally {
    done.abort();
  }
}

/** The promise's result, or the signal's reason if that comes first. */
export async function orAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const fail = () => reject(signal.reason);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true, signal: stop.signal });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    stop.abort();
  }
}

/** Fires when nothing has been heard for a time: for work whose length nobody knows but that should never be silent. */
export class IdleTimer {
  readonly #controller = new AbortController();
  readonly #onSilence: () => void;
  readonly #ms: number;
  #timer: NodeJS.Timeout;
  #stopped = false;

  /** @param ms how long silence is tolerated */
  constructor(what: string, ms: number) {
    this.#ms = ms;
    this.#onSilence = () =>
      this.#controller.abort(new TimeoutError(`${what}: no output and no bytes for ${formatDuration(ms)}`));
    this.#timer = setTimeout(this.#onSilence, ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** There was a sign of life. Streams may give one after the stop; it must not keep the process alive. */
  touch(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onSilence, this.#ms);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }
}

/**
 * Runs two pieces of work side by side. When one fails the other is told to stop, and is waited for, so that
 * nothing goes on in the background after the failure was reported.
 *
 * @throws the first failure
 */
export async function sideBySide<A, B>(
  signal: AbortSignal,
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
): Promise<[A, B]> {
  const controller = new AbortController();
  const both = AbortSignal.any([signal, controller.signal]);
  const failures: unknown[] = [];
  const stopOther = (error: unknown): never => {
    failures.push(error);
    controller.abort(error);
    throw error;
  };
  const [a, b] = await Promise.allSettled([first(both).catch(stopOther), second(both).catch(stopOther)]);
  if (a.status === 'rejected' || b.status === 'rejected') throw failures[0];
  return [a.value, b.value];
}
