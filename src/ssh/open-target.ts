import type { MachineSettings } from '../inputs/settings';
import type { Progress } from '../report/result';
import type { Runtime } from '../runtime';
import { nameOf } from './connection';
import { HostKeyTrust } from './host-key-trust';
import { pinnedKeys } from './known-hosts';
import { Target } from './target';

/** The machine that the settings name; nothing is sent yet. */
export function openTarget(settings: MachineSettings, runtime: Runtime, progress: Progress): Target {
  const endpoint = { ...settings.targetHost.value, port: settings.sshPort.value };
  progress.target = nameOf(endpoint);
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
