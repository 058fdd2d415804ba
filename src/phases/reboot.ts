import { ConnectionError } from '../errors';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';

/** How long it may take to say it once more after a lost connection. */
const secondTryMs = 20_000;

/** Lets go of the disks and has the machine reboot; that it does is what verify waits for. */
export async function reboot({ target, runtime, cleanUp, lease, facts }: PhaseContext): Promise<void> {
  const say = (signal: AbortSignal) =>
    target.run(scripts.reboot, [facts.bootId], { privileged: true, signal });
  try {
    await say(runtime.signal);
  } catch (error) {
    if (!(error instanceof ConnectionError && error.reason === 'dropped')) throw error;
    // should the new system answer by now, a sign of life would find another boot and end the run
    lease.end();
    // the machine went down before the answer was here, or the network did before the machine heard of it
    await say(AbortSignal.any([runtime.signal, AbortSignal.timeout(secondTryMs)])).catch(() => undefined);
    runtime.signal.throwIfAborted();
  }
  lease.end();
  cleanUp.forgetAll();
  target.close();
  runtime.log.info('the machine reboots');
}
