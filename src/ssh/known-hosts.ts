import { createHmac, timingSafeEqual } from 'node:crypto';
import { type HostKey, hostKeyOfBlob, knownHostsName } from './host-keys';

/** One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHost {
  readonly hosts: string;
  readonly key: HostKey;
  readonly revoked: boolean;
}

/** The lines, or what is wrong with each line that cannot be used. */
export interface ParsedKnownHosts {
  readonly lines: readonly KnownHost[];
  readonly problems: readonly string[];
}

export function parseKnownHosts(text: string): ParsedKnownHosts {
  const lines: KnownHost[] = [];
  const problems: string[] = [];
  text.split(/\r\n|\r|\n/).forEach((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) return;
    const parsed = parseLine(line);
    if (typeof parsed === 'string') problems.push(`line ${index + 1} ${parsed}`);
    else lines.push(parsed);
  });
  return { lines, problems };
}

function parseLine(line: string): KnownHost | string {
  const words = line.split(/\s+/);
  const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
  if (marker === '@cert-authority')
    return 'is a certificate authority (@cert-authority): host certificates are not supported, give the host key itself';
  if (marker !== undefined && marker !== '@revoked') return `has the unknown marker ${marker}`;
  const [hosts, type, base64] = words;
  if (hosts === undefined || type === undefined || base64 === undefined) {
    return 'is not of the form `host key-type base64-key` (ssh-keyscan prints such lines)';
  }
  const blob = Buffer.from(base64, 'base64');
  if (blob.toString('base64').replace(/=+$/, '') !== base64.replace(/=+$/, '') || blob.length < 8) {
    return 'has a key that is not valid base64, or was cut off';
  }
  const key = hostKeyOfBlob(blob);
  if (key.type !== type) return `says ${type}, but its key is not of that type`;
  return { hosts, key, revoked: marker === '@revoked' };
}

/** The keys that known_hosts lines give for one host and port. */
export interface PinnedKeys {
  readonly accepted: readonly HostKey[];
  readonly revoked: readonly HostKey[];
}

/** As OpenSSH looks them up: for another port than 22 by `[host]:port` first, and by the bare host if there is none. */
export function pinnedKeys(lines: readonly KnownHost[], host: string, port: number): PinnedKeys {
  const matching = (name: string) => lines.filter((line) => matchesHost(line.hosts, name.toLowerCase()));
  const withPort = matching(knownHostsName(host, port));
  const withoutPort = matching(host);
  const accepted = [withPort, withoutPort].map((found) => found.filter((line) => !line.revoked));
  return {
    accepted: (accepted.find((found) => found.length > 0) ?? []).map((line) => line.key),
    // a key that is revoked for the machine is so on every port
    revoked: [...new Set([...withPort, ...withoutPort])]
      .filter((line) => line.revoked)
      .map((line) => line.key),
  };
}

function matchesHost(patterns: string, name: string): boolean {
  if (patterns.startsWith('|1|')) return matchesHash(patterns, name);
  let matches = false;
  for (const pattern of patterns.toLowerCase().split(',')) {
    if (pattern.startsWith('!') && matchesWildcard(pattern.slice(1), name)) return false;
    if (matchesWildcard(pattern, name)) matches = true;
  }
  return matches;
}

/** `|1|salt|HMAC-SHA1(salt, name)`, as ssh-keygen -H writes it. */
function matchesHash(field: string, name: string): boolean {
  const [, , salt, hash] = field.split('|');
  if (salt === undefined || hash === undefined) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** `*` and `?` as in OpenSSH's match_pattern; in linear space, and without a regular expression that many `*` could stall. */
function matchesWildcard(pattern: string, name: string): boolean {
  let [at, star, resume] = [0, -1, 0];
  for (let i = 0; i < name.length; ) {
    if (pattern[at] === '*') {
      star = at++;
      resume = i;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[i])) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(at));
}
