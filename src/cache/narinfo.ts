import { verify } from 'node:crypto';
import type { PathInfo } from '../nix/path-info';
import type { StoredPath } from './layer';
import type { LayerKey, PublicKey } from './layer-key';

/** What Nix signs of a path (ValidPathInfo::fingerprint of libstore). */
export function fingerprint(info: Pick<PathInfo, 'path' | 'narHash' | 'narSize' | 'references'>): Buffer {
  const { path, narHash, narSize, references } = info;
  return Buffer.from(`1;${path};${narHash};${narSize};${references.join(',')}`);
}

/**
 * Whether one of these keys has signed what the store knows of the path. That a name is in the signature proves nothing.
 */
export function isSignedByOneOf(info: PathInfo, keys: readonly PublicKey[]): boolean {
  const signed = fingerprint(info);
  return info.signatures.some((signature) => {
    const [name, base64 = ''] = signature.split(':');
    return keys.some(
      (each) => each.name === name && verify(null, signed, each.key, Buffer.from(base64, 'base64')),
    );
  });
}

/** The name of the file that describes a path in a binary cache. */
export function narinfoName(path: string): string {
  return `${hashPart(path)}.narinfo`;
}

/** Where in the binary cache the contents are. */
export function narName({ fileHash }: StoredPath): string {
  return `nar/${fileHash}.nar.zst`;
}

/** @param storeFolder `/nix/store` */
export function narinfo(stored: StoredPath, storeFolder: string, key: LayerKey): string {
  const references = stored.references.map((name) => `${storeFolder}/${name}`);
  const signature = key.sign(fingerprint({ ...stored, references })).toString('base64');
  return [
    `StorePath: ${stored.path}`,
    `URL: ${narName(stored)}`,
    'Compression: zstd',
    `FileHash: sha256:${stored.fileHash}`,
    `FileSize: ${stored.fileSize}`,
    `NarHash: ${stored.narHash}`,
    `NarSize: ${stored.narSize}`,
    `References: ${stored.references.join(' ')}`,
    ...(stored.deriver === '' ? [] : [`Deriver: ${stored.deriver}`]),
    ...(stored.ca === '' ? [] : [`CA: ${stored.ca}`]),
    `Sig: ${key.name}:${signature}`,
    '',
  ].join('\n');
}

export function hashPart(path: string): string {
  return baseName(path).slice(0, 32);
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
