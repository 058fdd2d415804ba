import type { MachineSettings } from '../inputs/settings';
import type { Endpoint } from '../ssh/connection';
import type { HostKeyTrust } from '../ssh/host-key-trust';
import { pinnedKeys } from '../ssh/known-hosts';

/** Where the installer answers, and whom it lets in. */
export function installerEndpoint(settings: MachineSettings): Endpoint {
  return {
    host: settings.postKexecSshHost.value ?? settings.targetHost.value.host,
    port: settings.postKexecSshPort.value,
    user: settings.postKexecSshUser.value,
  };
}

/** The keys of the machine go with it to another address; what known-hosts says of that address holds as well. */
export function trustOfInstaller(settings: MachineSettings, trust: HostKeyTrust): HostKeyTrust {
  const { host, port } = installerEndpoint(settings);
  const pinned = pinnedKeys(settings.knownHosts.value ?? [], host, port);
  return pinned.accepted.length === 0
    ? trust
    : trust.pinnedTo([...trust.accepted, ...pinned.accepted], pinned.revoked);
}
