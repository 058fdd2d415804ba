import { type OnMachine, secretsToSend } from './inputs/settings';
import { loginNow } from './plan/logins';
import type { Runtime } from './runtime';
import { HostKeyTrust } from './ssh/host-key-trust';
import { pinnedKeys } from './ssh/known-hosts';
import { Target } from './ssh/target';

/** The machine that the settings name; nothing is sent yet. */
export function openTarget(settings: OnMachine, runtime: Runtime): Target {
  const endpoint = { ...settings.targetHost.value, port: settings.sshPort.value };
  return new Target(
    {
      endpoint,
      login: loginNow(settings),
      trust: trustOf(settings),
      connectMs: settings.deadlines.connect.value,
      idleMs: settings.deadlines.idle.value,
    },
    runtime,
  );
}

/** Which host keys are accepted before anything is sent, a login included. */
function trustOf(settings: OnMachine): HostKeyTrust {
  const { host } = settings.targetHost.value;
  const { accepted, revoked } = pinnedKeys(settings.knownHosts.value ?? [], host, settings.sshPort.value);
  if (accepted.length > 0) return HostKeyTrust.pinned(accepted, revoked);
  const strict = settings.sshOptions.value.strictHostKeyChecking;
  if (strict === 'accept-new') return HostKeyTrust.firstSeen(revoked);
  if (strict === 'yes') return HostKeyTrust.refused('ssh-option says StrictHostKeyChecking=yes');
  const secret = secretsToSend(settings, settings.kind);
  return secret.length === 0
    ? HostKeyTrust.firstSeen()
    : HostKeyTrust.refused(`this run sends secrets (${secret.join(', ')}) to the machine`);
}
