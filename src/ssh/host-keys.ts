import { createHash } from 'node:crypto';

/** A server's public key. */
export interface HostKey {
  /** As in an authorized_keys or known_hosts line: `ssh-ed25519`, `ssh-rsa`, `ecdsa-sha2-nistp256`. */
  readonly type: string;
  /** The key blob (RFC 4253, 6.6) in base64. */
  readonly base64: string;
}

/** Reads a key blob as the server sent it; its type is its first string (RFC 4253, 6.6), empty if there is none. */
export function hostKeyOfBlob(blob: Buffer): HostKey {
  const length = blob.length < 4 ? 0 : blob.readUInt32BE(0);
  if (length > blob.length - 4) return { type: '', base64: blob.toString('base64') };
  return { type: blob.toString('latin1', 4, 4 + length), base64: blob.toString('base64') };
}

/** `SHA256:…`, as OpenSSH prints it. */
export function fingerprint(key: HostKey): string {
  const digest = createHash('sha256').update(Buffer.from(key.base64, 'base64')).digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}

export function sameKey(a: HostKey, b: HostKey): boolean {
  return a.base64 === b.base64;
}

/** How known_hosts writes a host: the bare name on port 22, else `[name]:port`. */
export function knownHostsName(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/** The known_hosts line that pins this key. */
export function knownHostsLine(host: string, port: number, key: HostKey): string {
  return `${knownHostsName(host, port)} ${key.type} ${key.base64}`;
}

/** Keys out of text with one public key a line; anything else in it is passed over. */
export function parsePublicKeys(text: string): HostKey[] {
  const keys: HostKey[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*([a-z0-9@.-]+)\s+(AAAA[A-Za-z0-9+/=]+)/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) keys.push({ type: match[1], base64: match[2] });
  }
  return keys;
}

/** What the SSH client can check; it refuses to begin when it is told to offer anything else. */
export const hostKeyAlgorithms: readonly string[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/**
 * Signature algorithms to offer for a key type: an RSA key signs with SHA-2, SHA-1 is long refused (RFC 8332). None for
 * a type that cannot be checked: DSA, keys in hardware tokens, certificates.
 */
export function signatureAlgorithms(keyType: string): string[] {
  const algorithms = keyType === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [keyType];
  return algorithms.filter((algorithm) => hostKeyAlgorithms.includes(algorithm));
}
