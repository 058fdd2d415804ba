import { bech32 } from '@scure/base';
import type { HostKey } from './host-keys';

/** string "ssh-ed25519", string key (RFC 8709, 4) */
const ed25519Blob = { type: 'ssh-ed25519', keyAt: 4 + 11 + 4, length: 4 + 11 + 4 + 32 };
/** The field of Curve25519 and of its Edwards form. */
const prime = 2n ** 255n - 19n;

/**
 * The age recipient whose identity is this host key's private half, as ssh-to-age makes it: the point on Curve25519 that
 * corresponds to the ed25519 key, in bech32 (age's format v1, X25519 recipients). sops-nix opens what was
 * encrypted for it. agenix does not: it gives age the key itself, which opens only what was encrypted for the SSH key.
 *
 * @returns undefined for keys of other types, which have none
 */
export function ageRecipient(key: HostKey): string | undefined {
  const blob = Buffer.from(key.base64, 'base64');
  if (key.type !== ed25519Blob.type || blob.length !== ed25519Blob.length) return undefined;
  const u = montgomeryU(blob.subarray(ed25519Blob.keyAt));
  return u === undefined ? undefined : bech32.encodeFromBytes('age', u);
}

/** The u coordinate that belongs to the y coordinate of an Edwards point (RFC 7748, 4.1): (1 + y) / (1 - y). */
function montgomeryU(edwards: Buffer): Buffer | undefined {
  // little-endian; the highest bit is the sign of x (RFC 8032, 5.1.2)
  const y = BigInt(`0x${Buffer.from(edwards).reverse().toString('hex')}`) & (2n ** 255n - 1n);
  // 1 is the neutral point, which is nobody's key
  if (y === 1n || y >= prime) return undefined;
  const u = ((1n + y) * inverse(prime + 1n - y)) % prime;
  return Buffer.from(u.toString(16).padStart(64, '0'), 'hex').reverse();
}

/** By Fermat's little theorem; what is computed with here is public, so that its time may show. */
function inverse(value: bigint): bigint {
  let result = 1n;
  let square = value % prime;
  for (let exponent = prime - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % prime;
    square = (square * square) % prime;
  }
  return result;
}
