import type { ActionError, Place } from './errors';
import type { ProcessRunner } from './process';

/** Where a run tells what it does. Everything passes through it, so that foreign text is made harmless in one place. */
export interface Logger {
  info(text: string): void;
  /** Only shown with `debug`, or when the runner itself runs in debug mode. */
  debug(text: string): void;
  /** @param places where it is in the user's own files, the nearest first */
  warning(text: string, places?: readonly Place[]): void;
  /** A line that another program printed; `origin` tells the reader which. */
  foreign(origin: string, line: string): void;
  /** Runs the work inside a foldable group of the log. */
  group<T>(title: string, work: () => Promise<T>): Promise<T>;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after that many milliseconds; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** What a run gets from the outside world; nothing below src/phases, src/plan, src/ssh and src/nix knows GitHub. */
export interface Runtime {
  readonly log: Logger;
  readonly clock: Clock;
  readonly processes: ProcessRunner;
  /** Aborted when the job is cancelled, or the run may not go on; its reason says which. */
  readonly signal: AbortSignal;
  /** Ends the run as a cancel does: whatever it waits for is given up. */
  readonly abort: (reason: ActionError) => void;
  /** A private folder (mode 0700) that is removed at the end. */
  readonly privateFolder: string;
}

export const systemClock: Clock = {
  // not Date.now(): times are compared, and the clock of a runner may be set while it works
  now: () => Math.round(performance.timeOrigin + performance.now()),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
};
