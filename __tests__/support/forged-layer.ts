// Layers as somebody makes them who knows the format and can write the repository's cache; written down here once more, so
// that what the action reads is not what only it writes.
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { toNixBase32 } from '../../src/nix/hash';

const format = 'nixos-anywhere-action layer 1';
const footerBytes = 128;

/** A path in a manifest, as far as a forger changes it. */
export interface ForgedPath extends Record<string, unknown> {
  path: string;
  offset: number;
  fileSize: number;
}

export interface ForgedManifest extends Record<string, unknown> {
  storeFolder: string;
  layers: { key: string; made: number; paths: ForgedPath[] }[];
}

export interface LayerParts {
  /** The compressed NARs, one after another. */
  nars: Buffer;
  manifest: ForgedManifest;
  /** As it stands in the last line. */
  signature: string;
}

/** What stands in the last line for a compressed manifest. */
export type Signing = (manifest: Buffer) => string;

export const unsigned: Signing = () => 'unsigned';

/** @param secretKey of Nix, `NAME:BASE64` */
export function signedBy(secretKey: string): Signing {
  const seed = Buffer.from(secretKey.slice(secretKey.indexOf(':') + 1), 'base64').subarray(0, 32);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return (manifest) =>
    sign(null, Buffer.concat([Buffer.from(`${format}\n`), manifest]), key).toString('base64');
}

/** Where the parts of a layer begin: the manifest, and the last line. */
export function placesIn(layer: Buffer): { manifest: number; footer: number } {
  const footer = layer.length - footerBytes;
  const [, length] =
    /^nixos-anywhere-action layer 1 (\d+) /.exec(layer.subarray(footer).toString('latin1')) ?? [];
  return { manifest: footer - Number(length), footer };
}

export function takeApart(layer: Buffer): LayerParts {
  const { manifest, footer } = placesIn(layer);
  return {
    nars: layer.subarray(0, manifest),
    manifest: JSON.parse(zstdDecompressSync(layer.subarray(manifest, footer)).toString('utf8')),
    signature: layer.subarray(footer).toString('latin1').split(' ')[4]?.trim() ?? '',
  };
}

/** @param manifest as text where it shall be something that JSON cannot say */
export function putTogether(nars: Buffer, manifest: unknown, signing: Signing): Buffer {
  const text = typeof manifest === 'string' ? manifest : JSON.stringify(manifest);
  return withManifest(nars, zstdCompressSync(text), signing);
}

/** @param manifest compressed */
export function withManifest(nars: Buffer, manifest: Buffer, signing: Signing): Buffer {
  const footer = `${format} ${manifest.length} ${signing(manifest)}`.padEnd(footerBytes - 1);
  return Buffer.concat([nars, manifest, Buffer.from(`${footer}\n`)]);
}

/** The layer with these contents in each of its paths that is a plain file, and all hashes as they have to be. */
export function withContents(layer: Buffer, contents: string, signing: Signing): Buffer {
  const { manifest } = takeApart(layer);
  const nar = narOf(contents);
  const blob = zstdCompressSync(nar);
  const [own] = manifest.layers;
  own?.paths.forEach((path, index) => {
    Object.assign(path, {
      narHash: `sha256:${hashOf(nar)}`,
      narSize: nar.length,
      fileHash: hashOf(blob),
      fileSize: blob.length,
      offset: index * blob.length,
    });
  });
  const nars = Buffer.concat((own?.paths ?? []).map(() => blob));
  return putTogether(nars, manifest, signing);
}

export function hashOf(bytes: Buffer): string {
  return toNixBase32(createHash('sha256').update(bytes).digest());
}

/** A plain file in Nix's archive format. */
export function narOf(contents: string): Buffer {
  const strings = ['nix-archive-1', '(', 'type', 'regular', 'contents', contents, ')'].map((text) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return Buffer.concat([length, bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
  });
  return Buffer.concat(strings);
}
