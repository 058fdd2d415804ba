import type { MachineSettings } from '../inputs/settings';
import type { Endpoint } from '../ssh/connection';
import type { HostKey } from '../ssh/host-keys';
import { pinnedKeys } from '../ssh/known-hosts';
import type { ConfiguredLogin, Evaluation } from './evaluation';
import { installerEndpoint } from './installer-access';

/** How the installed system is reached. */
export interface AccessAfterwards {
  readonly endpoint: Endpoint;
  /** Whether that is the address at which the installer answers, so that either of them may be met there. */
  readonly sameHost: boolean;
  /** The public half of the key that logs in; undefined where that is another one, or none. */
  readonly publicKey: HostKey | undefined;
  /** Whether the configuration lets that user in, as far as it says. */
  readonly loginExpected: boolean;
}

/**
 * Where, as whom and by which key the installed system is reached: as the inputs say it, else as the configuration
 * does, where one was evaluated. A `post-kexec-ssh-port` that was given is that of a port forwarding, and wins over the port
 * that sshd listens on; a `post-kexec-ssh-host` is where the machine's network put it when it came up anew.
 */
export function accessAfterwards(settings: MachineSettings, evaluation: Evaluation): AccessAfterwards {
  const { postInstall, targetHost, postKexecSshPort } = settings;
  const installerHost = installerEndpoint(settings).host;
  const host = postInstall.host.value ?? installerHost;
  const forwarded = postKexecSshPort.source === 'default' ? undefined : postKexecSshPort.value;
  const port = postInstall.port.value ?? forwarded ?? evaluation.sshd?.ports[0] ?? 22;
  const publicKey = keyAfterwards(settings);
  const withKey = publicKey === undefined ? [] : usersWithKey(evaluation, publicKey);
  const others = otherUsers(settings, evaluation);
  const known = ['root', targetHost.value.user];
  // a password, or whatever an agent holds, is for those whom one knows
  const preferred = [withKey, others].map((names) => known.find((name) => names.includes(name)));
  const user = postInstall.user.value ?? preferred[0] ?? withKey[0] ?? preferred[1] ?? 'root';
  return {
    endpoint: { host, port, user },
    sameHost: host.toLowerCase() === installerHost.toLowerCase(),
    publicKey,
    loginExpected: [...withKey, ...others].includes(user),
  };
}

function keyAfterwards({ postInstall, login }: MachineSettings): HostKey | undefined {
  return postInstall.publicKey ?? (login.keyIsGiven ? login.publicKey : undefined);
}

/** The users whom the configuration lets in by a password, or, for an agent, by any key; whether by ours it does not say. */
function otherUsers({ login }: MachineSettings, evaluation: Evaluation): string[] {
  if (evaluation.sshd === undefined || !evaluation.sshd.enabled) return [];
  const { sshd, logins } = evaluation;
  return logins
    .filter(
      (each) =>
        (login.password !== undefined && passwordLetsIn(each, sshd.rootLogin)) ||
        (login.agentSocket !== undefined && keyLetsIn(each, sshd.rootLogin)),
    )
    .map(({ name }) => name);
}

/** The users whom the configuration lets in by this key. */
function usersWithKey(evaluation: Evaluation, key: HostKey): string[] {
  if (evaluation.sshd === undefined || !evaluation.sshd.enabled || key.base64 === '') return [];
  const { sshd, logins } = evaluation;
  return logins
    .filter((login) => keyLetsIn(login, sshd.rootLogin))
    .filter(({ keys }) => keys.some((line) => isKeyLine(line) && line.split(/\s+/).includes(key.base64)))
    .map(({ name }) => name);
}

/** Whether sshd lets this user in by one of its keys at all. */
export function keyLetsIn({ name, keys }: ConfiguredLogin, rootLogin: string): boolean {
  return keys.some(isKeyLine) && !(name === 'root' && ['no', 'forced-commands-only'].includes(rootLogin));
}

/** Whether this user has a password, and it is of use to log in: root's is not with prohibit-password, the default. */
export function passwordLetsIn({ name, password }: ConfiguredLogin, rootLogin: string): boolean {
  return password && (name !== 'root' || rootLogin === 'yes');
}

/** A line of an authorized_keys file that holds a key, rather than a comment, a placeholder or something cut off. */
function isKeyLine(line: string): boolean {
  return /^[^#]*\b(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+\s+AAAA/.test(line);
}

/** How a machine is reached that was not installed anew: as before (a port that was forwarded still is), but for the inputs. */
export function endpointUnlessInstalled({ postInstall }: MachineSettings, before: Endpoint): Endpoint {
  return {
    host: postInstall.host.value ?? before.host,
    port: postInstall.port.value ?? before.port,
    user: postInstall.user.value ?? before.user,
  };
}

/** What post-install-known-hosts says about the system that is reached there; undefined where it was not given. */
export function pinnedAfterwards(settings: MachineSettings, endpoint: Endpoint) {
  const lines = settings.postInstall.knownHosts.value;
  return lines === undefined ? undefined : pinnedKeys(lines, endpoint.host, endpoint.port);
}
