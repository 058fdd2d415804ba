import { ConnectionError, NixError } from '../errors';
import type { BridgedOptions } from '../nix/nix';
import { StoreBridge } from '../nix/store-bridge';
import { type Derivation, installable } from '../plan/evaluation';
import type { PhaseContext } from './context';
import { daemonOptions } from './daemon-options';
import { withNetrc } from './netrc';

/**
 * Brings what a derivation gives, and all that it needs, into a store on the target: copied where it was built here,
 * else built in that very store. What breaks with the connection is started again and skips what is there.
 *
 * @param store as Nix names it on the target: `local`, or `local?root=/mnt`
 */
export function bring(context: PhaseContext, derivation: Derivation, store: string): Promise<void> {
  return withNetrc(context, () => bringNow(context, derivation, store));
}

async function bringNow(context: PhaseContext, derivation: Derivation, store: string): Promise<void> {
  const { target, runtime, plan, nix } = context;
  const { outPath } = derivation;
  const remote = plan.offline.buildOn === 'remote';
  const start = runtime.clock.now();
  let bytes = 0;
  await target.survivingDrops(`${remote ? 'building' : 'copying'} ${outPath}`, async () => {
    const bridge = await StoreBridge.open(
      target,
      { store, daemonOptions: daemonOptions(context, store) },
      runtime,
    );
    try {
      await through(bridge, context, (options) =>
        remote
          ? nix.buildIn(bridge.uri, installable(derivation), options)
          : nix.copy([outPath], bridge.uri, options),
      );
    } finally {
      bytes += bridge.bytesSent;
      await bridge.close();
    }
  });
  runtime.log.info(
    `${remote ? 'built there:' : 'copied'} ${outPath}: ${(bytes / 1e6).toFixed(1)} MB sent in ${((runtime.clock.now() - start) / 1000).toFixed(1)} s`,
  );
}

async function through(
  bridge: StoreBridge,
  { target, runtime }: PhaseContext,
  work: (options: BridgedOptions) => Promise<void>,
): Promise<void> {
  try {
    await work({ signal: runtime.signal, alsoAlive: (touch) => bridge.onProgress(touch) });
  } catch (error) {
    // Nix cannot know that its socket closed because the SSH connection was lost
    if (target.isConnected || runtime.signal.aborted) throw withProblems(error, bridge.problems);
    throw new ConnectionError('dropped', 'the connection to the target was lost', { cause: error });
  }
}

/** Nix sees only that its socket closed; the target's side of the bridge knows why. */
function withProblems(error: unknown, problems: readonly string[]): unknown {
  const last = problems.at(-1);
  if (!(error instanceof NixError) || last === undefined) return error;
  return new NixError(`${error.message}; the target says: ${last}`, {
    cause: error,
    lastLines: [...error.lastLines, ...problems.slice(-20)],
  });
}
