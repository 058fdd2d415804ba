import { ConnectionError } from '../errors';
import { type MachineSettings, secretsToSend } from '../inputs/settings';
import type { Logger } from '../runtime';
import { nameOf } from '../ssh/connection';
import type { HostKeyTrust } from '../ssh/host-key-trust';
import { fingerprint, knownHostsLine } from '../ssh/host-keys';
import type { Target } from '../ssh/target';

/** Says whose host keys were checked against something, and how to have the others checked. */
export function reportHostKeys(settings: MachineSettings, target: Target, log: Logger): void {
  for (const { endpoint, trust } of target.jumpHosts)
    report(settings, `The jump host ${nameOf(endpoint)}`, trust, endpoint, '', log);
  const { hostKeyAlias } = settings.sshOptions.value;
  const place = hostKeyAlias === undefined ? target.endpoint : { host: hostKeyAlias, port: 22 };
  const secret = secretsToSend(settings, 'install').join(', ');
  const without =
    secret === '' ? '' : `\nWithout it the install stops here, because it sends secrets (${secret}).`;
  report(settings, 'The target', target.trust, place, without, log);
}

/** @param without what comes of it when the key is not pinned */
function report(
  settings: MachineSettings,
  who: string,
  trust: HostKeyTrust,
  { host, port }: { readonly host: string; readonly port: number },
  without: string,
  log: Logger,
): void {
  const key = trust.offered;
  if (key === undefined) throw new ConnectionError('protocol', `${who} showed no host key`);
  const shown = `${key.type} ${fingerprint(key)}`;
  if (trust.isPinned) {
    log.info(`${who}: host key ${shown}, as known-hosts says`);
    return;
  }
  const line = knownHostsLine(host, port, key);
  const text = `${who}'s host key was not checked against anything; ${shown} is trusted for this run. To pin it, compare it over another way and set known-hosts to:\n${line}`;
  if (settings.sshOptions.value.strictHostKeyChecking === 'accept-new') log.info(text);
  else log.warning(`${text}${without}`);
}
