import { ConnectionError, NixError } from '../errors';
import { BuildRecord } from '../nix/build-record';
import type { BridgedOptions } from '../nix/options';
import { StoreBridge } from '../nix/store-bridge';
import { type Derivation, installable } from '../plan/evaluation';
import type { CopyRecord } from '../report/result';
import type { PhaseContext } from './context';
import { daemonOptions } from './daemon-options';
import { withNetrc } from './netrc';

/**
 * Brings what a derivation gives, and all that it needs, into a store on the target: copied where it was built here,
 * else built in that very store. What breaks with the connection is started again and skips what is there.
 *
 * @param store as Nix names it on the target: `local`, or `local?root=/mnt`
 */
export function bring(
  context: PhaseContext,
  what: CopyRecord['what'],
  derivation: Derivation,
  store: string,
): Promise<void> {
  return context.progress.activity(what, () =>
    withNetrc(context, async () => {
      context.progress.copied.push({ what, ...(await bringNow(context, derivation, store)) });
    }),
  );
}

async function bringNow(
  context: PhaseContext,
  derivation: Derivation,
  store: string,
): Promise<Omit<CopyRecord, 'what'>> {
  const { target, runtime, plan, nix } = context;
  const { outPath } = derivation;
  const remote = plan.offline.buildOn === 'remote';
  const start = runtime.clock.now();
  const record = new BuildRecord(() => runtime.clock.now());
  let sentBytes = 0;
  // one each time that the connection was lost
  const bridges: string[] = [];
  await target.survivingDrops(`${remote ? 'building' : 'copying'} ${outPath}`, async () => {
    const bridge = await StoreBridge.open(
      target,
      { store, daemonOptions: daemonOptions(context, store) },
      runtime,
    );
    try {
      await through(bridge, context, (options) =>
        remote
          ? nix.buildIn(bridge.uri, installable(derivation), { ...options, record })
          : nix.copy([outPath], bridge.uri, { ...options, record }),
      );
    } finally {
      sentBytes += bridge.bytesSent;
      bridges.push(bridge.uri);
      await bridge.close();
    }
  });
  runtime.log.info(
    `${remote ? 'built there:' : 'copied'} ${outPath}: ${(sentBytes / 1e6).toFixed(1)} MB sent in ${((runtime.clock.now() - start) / 1000).toFixed(1)} s`,
  );
  const sentPaths = record.copiesTo(bridges);
  return { sentPaths, sentBytes, substituted: record.copies - sentPaths, built: record.built.size };
}

async function through(
  bridge: StoreBridge,
  { target, runtime }: PhaseContext,
  work: (options: BridgedOptions) => Promise<void>,
): Promise<void> {
  try {
    await work({
      signal: runtime.signal,
      alsoAlive: (touch) => bridge.onProgress(touch),
      sentBytes: () => bridge.bytesSent,
    });
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
