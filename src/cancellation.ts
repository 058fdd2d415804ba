import { type ActionError, CancelledError } from './errors';

export interface Cancellation {
  /** Aborted by the first signal, or by whoever finds that the run may not go on. */
  readonly signal: AbortSignal;
  readonly abort: (reason: ActionError) => void;
  /** Rejects with the second signal: then there is no time left for an end in good order. */
  readonly again: Promise<never>;
  stop(): void;
}

/** The runner cancels a job with SIGINT, with SIGTERM 7.5 s later, and with SIGKILL after another 2.5 s. */
export function cancelledBySignal(): Cancellation {
  const controller = new AbortController();
  const second = Promise.withResolvers<never>();
  // nobody listens once the run has ended
  second.promise.catch(() => undefined);
  let signals = 0;
  const cancel = (name: NodeJS.Signals) => {
    const reason = new CancelledError(`the job was cancelled (${name})`);
    signals += 1;
    if (signals === 1) controller.abort(reason);
    else second.reject(reason);
  };
  process.on('SIGINT', cancel).on('SIGTERM', cancel);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    again: second.promise,
    stop: () => process.off('SIGINT', cancel).off('SIGTERM', cancel),
  };
}
