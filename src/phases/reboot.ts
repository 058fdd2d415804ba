import { ConnectionError } from '../errors';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';

/** Lets go of the disks and has the machine reboot; that it does is what verify waits for. */
export async function reboot({ target, runtime, cleanUp, lease }: PhaseContext): Promise<void> {
  await target.run(scripts.reboot, [], { privileged: true }).catch((error: unknown) => {
    // the machine may be gone before the answer is here
    if (!(error instanceof ConnectionError && error.reason === 'dropped')) throw error;
  });
  lease.end();
  cleanUp.forgetAll();
  target.close();
  runtime.log.info('the machine reboots');
}
