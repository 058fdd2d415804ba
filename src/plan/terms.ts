import type { MachineSettings, VerifyChoice } from '../inputs/settings';
import { fingerprint, type HostKey } from '../ssh/host-keys';
import { pinnedKeys } from '../ssh/known-hosts';
import { installerEndpoint } from './installer-access';

/** Where the machine is met later in the run, as far as it is told; null where that follows from other things. */
export interface LaterPlace {
  readonly host: string | null;
  readonly port: number | null;
  readonly user: string | null;
  /** Those that are accepted there beside the machine's own. */
  readonly hostKeys: readonly string[];
}

/**
 * On which terms the plan is carried out. They decide nothing that is done, but whether it is this machine that gets
 * the secrets and the system, and who would notice: whoever approves has approved them too.
 */
export interface Terms {
  readonly installer: LaterPlace;
  readonly afterwards: LaterPlace;
  readonly verify: VerifyChoice;
  readonly allowLockout: boolean;
}

export function termsOf(settings: MachineSettings): Terms {
  const { postKexecSshHost, postInstall, knownHosts, verify, allowLockout } = settings;
  const { host, port, user } = installerEndpoint(settings);
  return {
    installer: {
      ...{ host: postKexecSshHost.value ?? null, port, user },
      hostKeys: named(pinnedKeys(knownHosts.value ?? [], host, port).accepted),
    },
    afterwards: {
      host: postInstall.host.value ?? null,
      port: postInstall.port.value ?? null,
      user: postInstall.user.value ?? null,
      hostKeys: named(
        (postInstall.knownHosts.value ?? []).filter(({ revoked }) => !revoked).map(({ key }) => key),
      ),
    },
    verify: verify.value,
    allowLockout: allowLockout.value,
  };
}

function named(keys: readonly HostKey[]): readonly string[] {
  return keys.map((key) => `${key.type} ${fingerprint(key)}`);
}
