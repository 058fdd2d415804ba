import { ConnectionError } from '../errors';
import { type Endpoint, nameOf } from './connection';
import type { HostKeyTrust } from './host-key-trust';
import { fingerprint, knownHostsLine } from './host-keys';

/**
 * Why a host key was refused.
 *
 * @param line where known_hosts lines are looked up for the server
 */
export function explainHostKey(
  error: ConnectionError,
  endpoint: Endpoint,
  trust: HostKeyTrust,
  line: { readonly host: string; readonly port: number },
): ConnectionError {
  const key = trust.offered;
  if (trust.whyRefused === undefined || key === undefined) {
    return new ConnectionError('host-key', `${error.message}: ${trust.describeMismatch()}`, {
      cause: error,
      hint: 'the machine was reinstalled (an install by this action has the new keys in its summary), or this is another machine, or somebody is in between: compare the fingerprint with that summary or over another way (console, provider) before you change known-hosts',
    });
  }
  return new ConnectionError(
    'host-key',
    `the host key of ${nameOf(endpoint)} is not known, and ${trust.whyRefused}. It shows ${key.type} ${fingerprint(key)}; the line for known-hosts:\n${knownHostsLine(line.host, line.port, key)}`,
    {
      cause: error,
      hint: 'compare the fingerprint over another way (console, provider), then set known-hosts to that line; or trust the first key that answers, with ssh-option: StrictHostKeyChecking=accept-new',
    },
  );
}
