import { GuardError } from '../errors';
import type { MachineSettings } from '../inputs/settings';
import { knownHostsName } from '../ssh/host-keys';
import { accessAfterwards, endpointUnlessInstalled, pinnedAfterwards } from './access-afterwards';
import type { Action } from './decide';
import type { Evaluation } from './evaluation';

/** What is mounted there at boot hides, or never had, what lies on the disk. */
const madeAtBoot = /^\/(run|dev|proc|sys)\//;

/** Why nothing can be proven about the new system after the reboot; undefined where something can. */
function obstacle(settings: MachineSettings, evaluation: Evaluation, action: Action): string | undefined {
  if (settings.postInstall.knownHosts.value !== undefined) return undefined;
  // looked at when it is known
  if (evaluation.source === 'provisional') return undefined;
  if (evaluation.sshd?.enabled === false) return 'the configuration has no SSH server';
  // what is not installed anew keeps the keys that it shows now
  if (action !== 'install' || !settings.phases.value.includes('install')) return undefined;
  const paths = evaluation.hostKeys.map(({ path }) => path);
  if (settings.copyHostKeys.value || paths.some((path) => !madeAtBoot.test(path))) return undefined;
  if (evaluation.source === 'outputs')
    return 'no configuration was evaluated that would name its SSH host keys';
  return paths.length === 0
    ? 'the configuration names no SSH host keys (services.openssh.hostKeys)'
    : `its SSH host keys are made when it boots (${paths.join(', ')})`;
}

/** Whether the new system can be recognised when it answers. */
export function isVerifiable(settings: MachineSettings, evaluation: Evaluation, action: Action): boolean {
  return obstacle(settings, evaluation, action) === undefined;
}

/** @throws GuardError where the proof that is asked for cannot be given, or post-install-known-hosts is for others */
export function checkVerification(settings: MachineSettings, evaluation: Evaluation, action: Action): void {
  const endpoint =
    action === 'install'
      ? accessAfterwards(settings, evaluation).endpoint
      : endpointUnlessInstalled(settings, { ...settings.targetHost.value, port: settings.sshPort.value });
  if (pinnedAfterwards(settings, endpoint)?.accepted.length === 0) {
    const name = knownHostsName(endpoint.host, endpoint.port);
    throw new GuardError(
      `post-install-known-hosts has no key for ${name}, which is how the new system is reached`,
      { hint: `begin its lines with ${name}, or set post-install-ssh-host and post-install-ssh-port` },
    );
  }
  const why = obstacle(settings, evaluation, action);
  const level = settings.verify.value;
  if (why === undefined || level === 'auto' || level === 'off') return;
  throw new GuardError(`verify: ${level} is not possible: ${why}`, {
    hint: 'give the new system’s keys as post-install-known-hosts, or set verify: auto or off',
  });
}

export function verificationWarnings(
  settings: MachineSettings,
  evaluation: Evaluation,
  action: Action,
): string[] {
  const why = obstacle(settings, evaluation, action);
  if (why === undefined || settings.verify.value !== 'auto') return [];
  return [
    `Whether the new system runs will not be verified: ${why}. To have it verified, give its keys as post-install-known-hosts.`,
  ];
}
