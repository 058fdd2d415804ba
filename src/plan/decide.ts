import { GuardError } from '../errors';
import { systemPathOf } from './evaluation';
import type { Situation } from './plan';

export type Action = 'install' | 'update' | 'nothing';

export interface Decision {
  readonly action: Action;
  readonly reason: string;
}

/** What the decision is made from. */
type Seen = Pick<Situation, 'settings' | 'facts' | 'evaluation'> & {
  /** What looks like an installed NixOS on the disks that an install would change, in words. */
  readonly nixosOnDisks: readonly string[];
};

/**
 * What to do with the machine, as `on-installed` and `install-id` say it for one that runs NixOS already. So running a
 * workflow again never wipes a machine twice.
 *
 * @throws GuardError when the machine holds NixOS and may not be touched
 */
export function decide(seen: Seen): Decision {
  const { settings, facts } = seen;
  if (facts.isInstaller) return onInstaller(seen);
  if (!facts.isNixos)
    return { action: 'install', reason: `the machine runs ${facts.distribution || facts.os}` };
  switch (settings.onInstalled.value) {
    case 'fail':
      return whereAllowed(seen);
    case 'skip':
      return { action: 'nothing', reason: 'the machine runs NixOS, and on-installed is skip' };
    case 'update':
      return update(seen, 'the machine runs NixOS, and on-installed is update');
    case 'reinstall':
      return { action: 'install', reason: 'the machine runs NixOS, and on-installed is reinstall' };
    case 'converge':
      return converge(seen);
  }
}

/**
 * An installer cannot tell what the machine was installed as. Whoever asks to keep an installed system means the one
 * on the disks, too; but disks that a run of ours has begun to install are for the next run to complete.
 */
function onInstaller({ settings, facts, nixosOnDisks }: Seen): Decision {
  const choice = settings.onInstalled.value;
  const anew = settings.kexec.force.value ? ' (force-kexec starts another)' : '';
  const runs = `the machine runs a NixOS installer${anew}`;
  if (choice === 'fail' || choice === 'reinstall') return { action: 'install', reason: runs };
  if (facts.earlierRun)
    return { action: 'install', reason: `${runs}, in which an earlier run had begun to install` };
  if (nixosOnDisks.length === 0)
    return { action: 'install', reason: `${runs}, and no NixOS was found on the disks that it installs to` };
  throw new GuardError(
    `the machine runs a NixOS installer, but holds a NixOS already (${nixosOnDisks.join('; ')}); on-installed: ${choice} cannot see from here which one`,
    {
      hint: 'reboot the machine into the system on its disks and run again; or, if all that is on these disks may be wiped, run once with on-installed: reinstall',
    },
  );
}

/** Phases that keep the disks as they are (a reboot, for one) may be asked for on any system. */
function whereAllowed({ settings, facts }: Seen): Decision {
  const phases = settings.phases.value;
  if (!phases.includes('kexec') && !phases.includes('disko'))
    return {
      action: 'install',
      reason: 'the machine runs NixOS, and no phase is asked for that replaces it',
    };
  throw new GuardError(`the machine already runs NixOS (${facts.systemPath || facts.distribution})`, {
    hint: 'set on-installed: update to change it without wiping anything, converge with an install-id for workflows that run again and again, or reinstall if this machine and all that is on its disks may be wiped',
  });
}

function update({ settings, facts, evaluation }: Seen, reason: string): Decision {
  // a check says no to it
  if (evaluation.source === 'provisional') return { action: 'update', reason };
  const system = systemPathOf(evaluation);
  if (facts.systemPath !== system) return { action: 'update', reason };
  const runsIt = `${reason}; it runs ${system} already`;
  // an update that was cut off, or a rollback that takes effect with the next boot
  if (facts.profilePath !== system)
    return { action: 'update', reason: `${runsIt}, but its system profile does not lead there` };
  if (settings.installId.value !== undefined && facts.installId === '')
    return { action: 'update', reason: `${runsIt}, but records no install-id` };
  return { action: 'nothing', reason: runsIt };
}

function converge(seen: Seen): Decision {
  const recorded = seen.facts.installId;
  const wanted = seen.settings.installId.value ?? '';
  if (recorded === '') {
    throw new GuardError(
      'the machine runs NixOS, but records no install-id: this action did not install it, or without an id',
      {
        hint: `to take it over as it is, run once with on-installed: update and install-id: ${wanted}; to wipe it, with on-installed: reinstall`,
      },
    );
  }
  return recorded === wanted
    ? update(seen, `the machine was installed as ${recorded}`)
    : {
        action: 'install',
        reason: `the machine was installed as ${recorded}, and install-id is ${wanted} now`,
      };
}
