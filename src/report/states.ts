import type { TargetState } from './result';

/** What a state means for who cares for the machine. */
export const stateWords: Record<TargetState, string> = {
  untouched: 'untouched: nothing on its disks was changed',
  installer: 'in the installer; its disks were not changed',
  partitioned: 'in the installer; its disks were partitioned anew and the old data is gone',
  installed: 'installed, but not seen running',
  unlocking: 'installed; its initrd waits for a disk’s passphrase',
  booted: 'running the system of the configuration',
};
