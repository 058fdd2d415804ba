import { fingerprint, parsePublicKeys } from '../ssh/host-keys';

/**
 * Whether a machine shows none of the host keys that it was known by: one of them is enough for ssh, and a system need not
 * have a key of every type that the one before it had.
 *
 * @param lines those that it has now, as known_hosts lines
 * @param known their types and fingerprints: `ssh-ed25519 SHA256:…`
 */
export function hasNewKeys(lines: readonly string[], known: readonly string[]): boolean {
  const shown = parsePublicKeys(lines.map(keyOf).join('\n')).map((key) => `${key.type} ${fingerprint(key)}`);
  return lines.length > 0 && !known.some((key) => shown.includes(key));
}

/** A known_hosts line without the name. */
function keyOf(line: string): string {
  return line.replace(/^\S+\s+/, '');
}
