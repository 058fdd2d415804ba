import { ConnectionError } from '../errors';
import type { MachineSettings } from '../inputs/settings';
import { gatherFacts } from '../plan/facts';
import { installerEndpoint, trustOfInstaller } from '../plan/installer-access';
import { loginOfEarlierInstaller } from '../plan/logins';
import type { Runtime } from '../runtime';
import { nameOf } from '../ssh/connection';
import type { Target } from '../ssh/target';

/**
 * Connects as the settings say; where that fails, looks whether an earlier run was cut off after its kexec: the
 * installer lets in another user, mostly, and may answer elsewhere.
 */
export async function findMachine(
  settings: MachineSettings,
  target: Target,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<void> {
  const installer = installerEndpoint(settings);
  try {
    await target.connect(signal);
  } catch (error) {
    // the way to the installer is the same, and a machine that is not the right one is none to look further at
    if (!(error instanceof ConnectionError) || ['host-key', 'jump-host', 'no-route'].includes(error.reason))
      throw error;
    const login = loginOfEarlierInstaller(settings);
    if (login === undefined || nameOf(installer) === nameOf(target.endpoint)) throw error;
    target.moveTo({ endpoint: installer, login, trust: trustOfInstaller(settings, target.trust) });
    if (!(await answersAsInstaller(target, signal))) throw error;
    runtime.log.info(`${error.message}, but the installer of an earlier run answers at ${nameOf(installer)}`);
  }
}

async function answersAsInstaller(target: Target, signal: AbortSignal): Promise<boolean> {
  try {
    await target.connectOnce(signal);
    return (await gatherFacts(target)).isInstaller;
  } catch (error) {
    if (error instanceof ConnectionError && error.reason !== 'host-key') return false;
    throw error;
  }
}
