import type { MachineSettings } from './inputs/settings';
import type { Runtime } from './runtime';
import { HostKeyTrust } from './ssh/host-key-trust';
import { pinnedKeys } from './ssh/known-hosts';
import { Target } from './ssh/target';

/** The machine that the settings name; nothing is sent yet. */
export function openTarget(settings: MachineSettings, runtime: Runtime): Target {
  const endpoint = { ...settings.targetHost.value, port: settings.sshPort.value };
  return new Target(
    {
      endpoint,
      privateKey: settings.privateKey.reveal(),
      trust: trustOf(settings),
      connectMs: settings.deadlines.connect.value,
      idleMs: settings.deadlines.idle.value,
    },
    runtime,
  );
}

function trustOf(settings: MachineSettings): HostKeyTrust {
  const lines = settings.knownHosts.value;
  if (lines === undefined) return HostKeyTrust.firstSeen();
  const { accepted, revoked } = pinnedKeys(lines, settings.targetHost.value.host, settings.sshPort.value);
  return HostKeyTrust.pinned(accepted, revoked);
}
