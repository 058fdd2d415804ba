import { type ActionError, CancelledError } from './errors';

export interface Cancellation {
  /** Aborted by the first signal, or by whoever finds that the run may not go on. */
  readonly signal: AbortSignal;
  readonly abort: (reason: ActionError) => void;
  /**
   * Rejects with the second signal, or with a defect that nobody has caught: then there is no time left, or no ground,
   * for an end in good order.
   */
  readonly atOnce: Promise<never>;
  stop(): void;
}

/** The runner cancels a job with SIGINT, with SIGTERM 7.5 s later, and with SIGKILL after another 2.5 s. */
export function cancelledBySignal(source: Pick<NodeJS.EventEmitter, 'on' | 'off'> = process): Cancellation {
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
  const crash = (error: unknown) => {
    controller.abort(error);
    second.reject(error);
  };
  const listeners = [
    ['SIGINT', cancel],
    ['SIGTERM', cancel],
    ['uncaughtException', crash],
    ['unhandledRejection', crash],
  ] as const;
  for (const [event, listener] of listeners) source.on(event, listener);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    atOnce: second.promise,
    stop: () => {
      for (const [event, listener] of listeners) source.off(event, listener);
    },
  };
}
