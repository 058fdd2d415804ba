import { awaitLeftovers } from '../ssh/detached';
import { bridgesEnd, detachedForget, removeSecrets } from '../ssh/scripts';
import type { PhaseContext } from './context';
import { whileSilent } from './detached-work';
import { hookWork } from './hooks';

/**
 * Takes a machine over from an earlier run that was cut off: ends its store daemons, which hold locks, and waits for
 * what still goes on there, since two of disko, nixos-install or a switch at once would destroy each other's work. Only for who
 * has the lease. The secrets that it had no time to remove are removed.
 */
export async function takeOver(
  { target, runtime, settings, progress }: PhaseContext,
  signal: AbortSignal = runtime.signal,
): Promise<void> {
  await target.run(bridgesEnd, [], { privileged: true, signal });
  const earlier = {
    name: 'waiting for what an earlier run has left running',
    onLine: (line: string) => runtime.log.foreign('earlier run', line),
  };
  const leftovers = await whileSilent(runtime, earlier, ({ onLine }) =>
    awaitLeftovers(target, settings.deadlines.diskoIdle.value, onLine, signal),
  );
  await target.run(removeSecrets, [], { privileged: true, signal });
  if (leftovers.some(({ id }) => id.startsWith(`${hookWork}-`)))
    await target.run(detachedForget, [hookWork], { privileged: true, signal });
  const awaited = leftovers.filter((leftover) => leftover.awaited).map(({ id }) => id);
  if (awaited.length > 0)
    runtime.log.info(`waited for what an earlier run had left running: ${awaited.join(', ')}`);
  if (leftovers.some(({ id }) => id.startsWith('disko-'))) progress.targetState = 'partitioned';
}
