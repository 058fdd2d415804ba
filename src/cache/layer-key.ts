import {
  createHash,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';

/** Signs layers and what is in them, as Nix signs paths: with Ed25519. */
export interface LayerKey {
  readonly name: string;
  /** `NAME:BASE64`, as in Nix's trusted-public-keys. */
  readonly publicKey: string;
  /** Tells the layers of this key from those of others. */
  readonly id: string;
  sign(data: Uint8Array): Buffer;
  verifies(data: Uint8Array, signature: Uint8Array): boolean;
}

/** RFC 8410: what comes before the seed, and before the public key, in DER. */
const privateHeader = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicHeader = Buffer.from('302a300506032b6570032100', 'hex');
const ownName = 'nixos-anywhere-action-cache';

/** @param seed 32 bytes */
function layerKey(name: string, seed: Uint8Array): LayerKey {
  const der = Buffer.concat([privateHeader, seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey);
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(publicHeader.length);
  return {
    name,
    publicKey: `${name}:${raw.toString('base64')}`,
    id: createHash('sha256').update(raw).digest('hex').slice(0, 16),
    sign: (data) => sign(null, data, privateKey),
    verifies: (data, signature) => verify(null, data, publicKey, signature),
  };
}

/**
 * Of a key as `nix key generate-secret` makes them: `NAME:` and the base64 of seed and public key.
 *
 * @returns undefined where it is none, or its halves do not belong together
 */
export function nixLayerKey(text: string): LayerKey | undefined {
  // the name stands in arguments of Nix and in lines that it reads
  const [, name = '', base64 = ''] = /^([^\s:\p{Cc}]{1,200}):([A-Za-z0-9+/]{86}==)$/u.exec(text.trim()) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length !== 64) return undefined;
  const key = layerKey(name, bytes.subarray(0, 32));
  return key.publicKey === `${name}:${bytes.subarray(32).toString('base64')}` ? key : undefined;
}

/**
 * For those who have only the key that logs in: from the public half nobody learns anything of it. Never from a password,
 * which whoever can read the cache could then guess without asking anybody.
 *
 * @param secret what is secret in a private key
 */
export function derivedLayerKey(secret: Uint8Array): LayerKey {
  return layerKey(
    ownName,
    Buffer.from(hkdfSync('sha256', secret, '', 'layers of nixos-anywhere-action, 1', 32)),
  );
}

/** For one run. With a name of its own: of two trusted keys of one name Nix knows the first. */
export function freshLayerKey(): LayerKey {
  return layerKey(`${ownName}-${randomBytes(8).toString('hex')}`, randomBytes(32));
}

/** A key that signs store paths. */
export interface PublicKey {
  readonly name: string;
  readonly key: KeyObject;
}

/** @param publicKey as in Nix's trusted-public-keys @returns undefined where it is none */
export function parsePublicKey(publicKey: string): PublicKey | undefined {
  const [, name = '', base64 = ''] = /^([^\s:]+):([A-Za-z0-9+/]+={0,2})$/.exec(publicKey.trim()) ?? [];
  const raw = Buffer.from(base64, 'base64');
  if (raw.length !== 32) return undefined;
  const der = Buffer.concat([publicHeader, raw]);
  return { name, key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}
