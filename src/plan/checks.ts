import { GuardError } from '../errors';
import type { MachineSettings } from '../inputs/settings';
import { checkBuildPlace } from './build-place';
import { checkDisks } from './disks/guards';
import { diskSituation } from './disks-of-plan';
import type { Evaluation } from './evaluation';
import type { Facts } from './facts';
import { checkFirmware } from './firmware';
import { checkLockOut } from './lock-out';
import type { KexecPlan, OfflineSituation, Plan, Situation } from './plan';
import { checkVerification } from './verification';

/** Under this the installer does not unpack; above the second it works for sure (MemTotal is less than is built in). */
const leastMemoryKiB = 900 * 1024;
export const comfortableMemoryKiB = 1400 * 1024;

/**
 * Whether this is the machine that is meant, and one that can be worked on at all.
 *
 * @throws GuardError if not
 */
export function checkRightMachine(settings: MachineSettings, facts: Facts): void {
  checkSystem(facts);
  checkIdentity(settings, facts);
}

/** @throws GuardError where there is nothing yet that could be built */
export function checkBuildable({ settings, evaluation }: OfflineSituation): void {
  if (evaluation.source !== 'provisional') return;
  throw new GuardError(
    `nothing can be built before the machine has described itself in ${settings.hardwareConfig.value?.path}`,
    {
      hint: 'commit the file that an install has generated; the log says why it does not evaluate without it',
    },
  );
}

/** What checks look at: not only that of the first plan, but also what is learned in the installer. */
export type CheckedSituation = Omit<Situation, 'access' | 'target' | 'extraFiles'>;

/**
 * Everything that can be checked before anything is done to the machine.
 *
 * @throws GuardError for the first check that says no
 */
export function checkPlan(situation: CheckedSituation, { action, phases, kexec, newSystem }: Plan): void {
  const { settings, facts, evaluation } = situation;
  if (action === 'nothing') return;
  checkArchitecture(facts, evaluation);
  checkBuildPlace(situation, facts);
  if (action === 'update' || phases.includes('install')) checkLockOut(settings, evaluation);
  if (action === 'update' || phases.includes('reboot')) checkVerification(settings, evaluation, action);
  if (action === 'update') {
    checkHardwareFile(situation);
    return;
  }
  if (phases.includes('install') && newSystem.installBootloader) checkFirmware(facts, evaluation);
  if (kexec !== null) checkKexec(facts, kexec);
  else if (!facts.isInstaller && (phases.includes('disko') || phases.includes('install'))) {
    throw new GuardError('disko and install need a NixOS installer, but the machine does not run one', {
      hint: 'add kexec to phases, or boot the machine into an installer',
    });
  }
  // a provisional plan knows no disks: they are checked before any is touched
  if (phases.includes('disko') && evaluation.source !== 'provisional')
    checkDisks(diskSituation(situation, action));
}

function checkHardwareFile({ settings, hardwareFile }: CheckedSituation): void {
  if (hardwareFile !== 'missing') return;
  throw new GuardError(
    `the machine is to be updated, but its hardware configuration ${settings.hardwareConfig.value?.path} is not there, and only an install generates it`,
    { hint: 'commit the file that the install has generated' },
  );
}

function checkSystem(facts: Facts): void {
  if (facts.os !== 'Linux') {
    throw new GuardError(`the machine runs ${facts.os}, not Linux`, {
      hint: 'boot it into a NixOS installer',
    });
  }
  if (facts.privilege === undefined) {
    throw new GuardError('the user who logs in is not root and cannot become root without a password', {
      hint: facts.sudoInstalled
        ? 'give the password as sudo-password, log in as root, or let this user run sudo without a password (NOPASSWD)'
        : 'log in as root: neither sudo nor doas is usable on the machine (doas takes a password at a terminal only; nopass lets it go without)',
    });
  }
}

function checkIdentity({ expectMachine }: MachineSettings, facts: Facts): void {
  const expected = expectMachine.value;
  if (expected === undefined || facts.machineId === expected) return;
  throw new GuardError(
    `the machine's ID is ${facts.machineId || 'not set'}, but expect-machine says ${expected}: another machine has this address now`,
    {
      hint: 'check target-host, or set expect-machine to the contents of /etc/machine-id of the right machine',
    },
  );
}

function checkKexec(facts: Facts, { image }: KexecPlan): void {
  if (image === null) {
    throw new GuardError(`there is no default kexec image for ${facts.architecture}`, {
      hint: 'give one with the input kexec',
    });
  }
  if (facts.missingTools.length > 0) {
    throw new GuardError(`the machine lacks ${facts.missingTools.join(', ')}, which kexec needs`, {
      hint: `install ${facts.missingTools.join(' and ')} there, or boot it into a NixOS installer`,
    });
  }
  checkLink(facts);
  if (facts.memoryKiB > 0 && facts.memoryKiB < leastMemoryKiB) {
    throw new GuardError(
      `the machine has ${mebibytes(facts.memoryKiB)} MiB of memory; the installer needs 1.5 GB, and fails below ${mebibytes(leastMemoryKiB)} MiB`,
      {
        hint: 'use a bigger machine, or boot an installer from other media',
      },
    );
  }
  if (facts.kexecDisabled) {
    throw new GuardError('kexec is switched off on the machine (kernel.kexec_load_disabled is 1)', {
      hint: 'reboot it without that setting, or boot an installer from other media',
    });
  }
  if (facts.lockdown === 'integrity' || facts.lockdown === 'confidentiality') {
    throw new GuardError(`the machine's kernel is locked down (${facts.lockdown}): it refuses kexec`, {
      hint: 'switch off Secure Boot or the kernel option lockdown=, or boot an installer from other media',
    });
  }
}

function checkLink({ wirelessOnly }: Facts): void {
  if (!wirelessOnly) return;
  throw new GuardError(
    'the machine is connected by wireless alone: the installer would not join its network, and nobody could reach it',
    {
      hint: 'connect it by cable, and reach it there; or boot it into an installer from other media, join the network by hand, and run again',
    },
  );
}

export function mebibytes(kib: number): number {
  return Math.floor(kib / 1024);
}

function checkArchitecture(facts: Facts, evaluation: Evaluation): void {
  // a disko script alone does not say what it is for
  if (evaluation.system === undefined) return;
  const [architecture, os] = evaluation.system.split('-');
  if (os !== 'linux') throw new GuardError(`the configuration is for ${evaluation.system}, not for Linux`);
  if (architecture === facts.architecture) return;
  // a 32 bit system runs on a 64 bit machine
  if (architecture === 'i686' && facts.architecture === 'x86_64') return;
  throw new GuardError(
    `the configuration is for ${evaluation.system}, but the machine is ${facts.architecture}`,
    {
      hint: 'set nixpkgs.hostPlatform of the configuration, or check target-host',
    },
  );
}
