import { GuardError } from '../errors';
import type { MachineSettings } from '../inputs/settings';
import { type Evaluation, systemPathOf } from './evaluation';
import type { Facts } from './facts';

export type Action = 'install' | 'update' | 'nothing';

export interface Decision {
  readonly action: Action;
  readonly reason: string;
}

/**
 * What to do with the machine, as `on-installed` and `install-id` say it for one that runs NixOS already. So running a
 * workflow again never wipes a machine twice.
 *
 * @throws GuardError when the machine runs NixOS and may not be touched
 */
export function decide(settings: MachineSettings, facts: Facts, evaluation: Evaluation): Decision {
  if (facts.isInstaller) return { action: 'install', reason: 'the machine runs a NixOS installer' };
  if (!facts.isNixos)
    return { action: 'install', reason: `the machine runs ${facts.distribution || facts.os}` };
  switch (settings.onInstalled.value) {
    case 'fail':
      return whereAllowed(settings, facts);
    case 'skip':
      return { action: 'nothing', reason: 'the machine runs NixOS, and on-installed is skip' };
    case 'update':
      return update(facts, evaluation, 'the machine runs NixOS, and on-installed is update');
    case 'reinstall':
      return { action: 'install', reason: 'the machine runs NixOS, and on-installed is reinstall' };
    case 'converge':
      return converge(settings, facts, evaluation);
  }
}

/** Phases that keep the disks as they are (a reboot, for one) may be asked for on any system. */
function whereAllowed(settings: MachineSettings, facts: Facts): Decision {
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

function update(facts: Facts, evaluation: Evaluation, reason: string): Decision {
  return facts.systemPath === systemPathOf(evaluation)
    ? { action: 'nothing', reason: `${reason}; it runs ${facts.systemPath} already` }
    : { action: 'update', reason };
}

function converge(settings: MachineSettings, facts: Facts, evaluation: Evaluation): Decision {
  const wanted = settings.installId.value ?? '';
  const recorded = facts.installId;
  if (recorded === '') {
    throw new GuardError(
      'the machine runs NixOS, but records no install-id: this action did not install it, or without an id',
      {
        hint: `to take it over as it is, run once with on-installed: update and install-id: ${wanted}; to wipe it, with on-installed: reinstall`,
      },
    );
  }
  return recorded === wanted
    ? update(facts, evaluation, `the machine was installed as ${recorded}`)
    : {
        action: 'install',
        reason: `the machine was installed as ${recorded}, and install-id is ${wanted} now`,
      };
}
