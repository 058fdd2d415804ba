import { knownHostsPlace, type MachineSettings, type OnMachine, secretsToSend } from './inputs/settings';
import type { SshOptions } from './inputs/ssh-option-table';
import { loginNow, loginOfJumpHost } from './plan/logins';
import type { Runtime } from './runtime';
import type { OfferedAlgorithms } from './ssh/algorithms';
import { HostKeyTrust } from './ssh/host-key-trust';
import { JumpRoute } from './ssh/jump-route';
import { pinnedKeys } from './ssh/known-hosts';
import { directRoute, type JumpHost, type Route } from './ssh/route';
import { Target } from './ssh/target';
import { defaultLink, type LinkOptions } from './ssh/tcp';

/** The machine that the settings name; nothing is sent yet. */
export function openTarget(settings: OnMachine, runtime: Runtime): Target {
  const options = settings.sshOptions.value;
  return new Target(
    {
      endpoint: { ...settings.targetHost.value, port: settings.sshPort.value },
      login: loginNow(settings),
      trust: trustOf(settings),
      via: routeOf(settings, runtime),
      algorithms: algorithmsOf(options),
      hostKeyAlias: options.hostKeyAlias,
      connectMs: settings.deadlines.connect.value,
      idleMs: settings.deadlines.idle.value,
    },
    runtime,
  );
}

/** Which host keys are accepted before anything is sent, a login included. */
function trustOf(settings: OnMachine): HostKeyTrust {
  const { host, port } = knownHostsPlace(settings);
  const { accepted, revoked } = pinnedKeys(settings.knownHosts.value ?? [], host, port);
  if (accepted.length > 0) return HostKeyTrust.pinned(accepted, revoked);
  const strict = settings.sshOptions.value.strictHostKeyChecking;
  if (strict === 'accept-new') return HostKeyTrust.firstSeen(revoked);
  if (strict === 'yes') return HostKeyTrust.refused('ssh-option says StrictHostKeyChecking=yes');
  const secret = secretsToSend(settings, settings.kind);
  return secret.length === 0
    ? HostKeyTrust.firstSeen()
    : HostKeyTrust.refused(`this run sends secrets (${secret.join(', ')}) to the machine`);
}

function routeOf(settings: MachineSettings, { clock }: Runtime): Route {
  const { proxyJump = [] } = settings.sshOptions.value;
  return proxyJump.reduce<Route>(
    (before, endpoint) => {
      const host: JumpHost = {
        endpoint,
        login: loginOfJumpHost(settings),
        trust: trustOfJumpHost(settings, endpoint),
      };
      return new JumpRoute(host, before, clock);
    },
    directRoute(linkOf(settings.sshOptions.value)),
  );
}

/**
 * The first key of a jump host that is not pinned is trusted also by a run that sends secrets. All that it is given is a
 * signature that is good for nothing but this login (never a password); what goes on to the machine is encrypted for the machine, whose own
 * key is checked as without jump hosts. A false one can lead to another machine or to none, as anybody in between can.
 */
function trustOfJumpHost(
  settings: MachineSettings,
  { host, port }: { readonly host: string; readonly port: number },
): HostKeyTrust {
  const { accepted, revoked } = pinnedKeys(settings.knownHosts.value ?? [], host, port);
  if (accepted.length > 0) return HostKeyTrust.pinned(accepted, revoked);
  return settings.sshOptions.value.strictHostKeyChecking === 'yes'
    ? HostKeyTrust.refused('ssh-option says StrictHostKeyChecking=yes')
    : HostKeyTrust.firstSeen(revoked);
}

function linkOf(options: SshOptions): LinkOptions {
  return {
    answerMs: options.connectTimeout ?? defaultLink.answerMs,
    keepaliveMs: options.serverAliveInterval ?? defaultLink.keepaliveMs,
    keepaliveCount: options.serverAliveCountMax ?? defaultLink.keepaliveCount,
    family: options.addressFamily ?? defaultLink.family,
    bindAddress: options.bindAddress,
  };
}

/** At the machine only, as OpenSSH does it: what an old machine needs is no reason to speak so with a jump host. */
function algorithmsOf(options: SshOptions): OfferedAlgorithms {
  return {
    kex: options.kexAlgorithms ?? [],
    cipher: options.ciphers ?? [],
    hmac: options.macs ?? [],
    serverHostKey: options.hostKeyAlgorithms ?? [],
    compress: options.compression === true ? ['zlib@openssh.com', 'zlib', 'none'] : [],
  };
}
