import type { Progress, TargetState } from './result';

type Stopped = Pick<Progress, 'phase' | 'targetState' | 'goesOn'>;

/** What the machine does once nobody looks after it any more, and how to go on: by how far the run came. */
export function howToResume({ phase, targetState, goesOn }: Stopped): string {
  if (goesOn === 'kexec')
    return 'the machine may still jump into the installer, with nothing on its disks changed: run the workflow again, it takes the machine as it finds it';
  if (goesOn !== undefined)
    return `${goesOn} goes on on the machine until it ends: run the workflow again, it waits for that and continues`;
  if (targetState === 'installed' && phase !== 'verify')
    return 'the new system is on the disks, and the machine may still run the installer: reboot it';
  return byState[targetState];
}

const byState: Record<TargetState, string> = {
  untouched:
    'nothing on the machine’s disks was changed and nothing goes on there: run the workflow again when you like',
  installer:
    'the machine runs the installer in its memory, and nothing on its disks was changed: run the workflow again, or reboot the machine into its old system',
  partitioned:
    'the old data is gone and the new system is not complete: run the workflow again, it takes the installer over and starts anew with the disks',
  installed:
    'the new system is on the disks and the machine was rebooted, but was not seen running: log in and look; to run the workflow again on a machine that runs NixOS needs on-installed',
  unlocking:
    'the new system boots, and waits in its initrd for a disk’s passphrase: unlock it, and nothing is left to do',
  booted: 'the machine runs the new system: nothing is left to do',
};
