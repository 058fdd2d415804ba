import type { Progress, TargetState } from './result';
import { keepsDisks, wipesNothing } from './states';

type Stopped = Pick<Progress, 'phase' | 'target' | 'targetState' | 'goesOn' | 'plan' | 'keyIsLost'>;

/**
 * What the machine does once nobody looks after it any more, and how to go on: by how far the run came.
 *
 * @param cancelled nothing was wrong
 */
export function howToResume(stopped: Stopped, cancelled: boolean): string {
  const { phase, target, targetState, goesOn } = stopped;
  const again = `run the workflow again ${cancelled ? 'when you like' : 'once the reason is gone'}`;
  if (target === '') return `no machine was contacted: ${again}`;
  if (goesOn === 'kexec') return afterTheJump(stopped);
  if (goesOn !== undefined) return `${goesOn} goes on on the machine until it ends${withWhatGoesOn(stopped)}`;
  if (targetState === 'untouched' && isUpdate(stopped))
    return `the machine runs the system that it ran before, and nothing goes on there: ${again}`;
  if (targetState === 'untouched')
    return `nothing on the machine’s disks was changed and nothing goes on there: ${again}`;
  if (targetState === 'installed' && isUpdate(stopped))
    return 'the machine was switched to the new system, at least in part, and that was not proven: run the workflow again';
  if (targetState === 'installed' && phase !== 'verify' && stopped.keyIsLost)
    return `the new system is on the disks, and the machine may still run the installer: reboot it, since ${letsNobodyIn}`;
  if (targetState === 'installed' && phase !== 'verify')
    return 'the new system is on the disks, and the machine may still run the installer: reboot it, or run the workflow again, which begins anew with the disks';
  if (targetState === 'installer' && stopped.keyIsLost)
    return `the machine runs the installer in its memory, with nothing on its disks changed, but ${letsNobodyIn}: reboot the machine into its old system, and run the workflow again`;
  if (targetState === 'partitioned') return ofDisks(stopped);
  return byState[targetState];
}

/** A run without a key makes one, and ends with it. */
const letsNobodyIn = 'the installer lets in nobody but the key that was made for this run';
const bootAnother = 'boot the machine into an installer by hand, and run the workflow again';

function afterTheJump({ keyIsLost }: Stopped): string {
  const jumps = 'the machine may be in the installer or on the way there, with nothing on its disks changed';
  return keyIsLost
    ? `${jumps}, and ${letsNobodyIn}: reboot the machine if it did, and run the workflow again`
    : `${jumps}: run the workflow again, it takes the machine as it finds it`;
}

function withWhatGoesOn({ keyIsLost }: Stopped): string {
  return keyIsLost
    ? `, but ${letsNobodyIn}: ${bootAnother}`
    : ': run the workflow again, it waits for that and continues';
}

function ofDisks({ plan, keyIsLost }: Stopped): string {
  const isKept = plan !== undefined && keepsDisks(plan);
  const isSpared = plan !== undefined && wipesNothing(plan);
  const data = isKept ? '' : isSpared ? 'nothing was wiped, but ' : 'the old data is gone and ';
  const anew = isKept ? 'installs anew on what is mounted there' : 'starts anew with the disks';
  return keyIsLost
    ? `${data}the new system is not complete, and ${letsNobodyIn}: ${bootAnother}`
    : `${data}the new system is not complete: run the workflow again, it takes the installer over and ${anew}`;
}

function isUpdate({ plan }: Stopped): boolean {
  return plan !== undefined && plan.online !== null && plan.action === 'update';
}

const byState: Record<Exclude<TargetState, 'partitioned' | 'untouched'>, string> = {
  installer:
    'the machine runs the installer in its memory, and nothing on its disks was changed: run the workflow again, it takes the installer over, or reboot the machine into its old system',
  installed:
    'the new system is on the disks and the machine was rebooted, but was not seen running: log in or look at its console; once it is up, a run with on-installed: update proves what runs there, and wipes nothing',
  unlocking:
    'the new system boots, and waits in its initrd for a disk’s passphrase: unlock it, and nothing is left to do',
  booted: 'the machine runs the new system: nothing is left to do',
};
