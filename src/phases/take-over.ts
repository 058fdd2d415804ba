import { awaitLeftovers } from '../ssh/detached';
import { bridgesEnd } from '../ssh/scripts';
import type { PhaseContext } from './context';

/**
 * Takes an installer over from an earlier run that was cut off: ends its store daemons, which hold locks, and waits
 * for disko or nixos-install that still goes on, since two of them at once would destroy each other's work.
 */
export async function takeOver({ target, runtime, settings }: PhaseContext): Promise<void> {
  await target.run(bridgesEnd, [], { privileged: true });
  const ids = await awaitLeftovers(target, settings.deadlines.diskoIdle.value, (line) =>
    runtime.log.foreign('earlier run', line),
  );
  if (ids.length > 0) runtime.log.info(`waited for what an earlier run had left running: ${ids.join(', ')}`);
}
