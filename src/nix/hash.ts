/** Nix's own alphabet, without e, o, u and t (libutil/hash.cc). */
const alphabet = '0123456789abcdfghijklmnpqrsvwxyz';

/** How Nix writes hashes: the bits from the last to the first, five a character. */
export function toNixBase32(bytes: Uint8Array): string {
  const length = Math.ceil((bytes.length * 8) / 5);
  let text = '';
  for (let n = length - 1; n >= 0; n--) {
    const byte = Math.floor((n * 5) / 8);
    const both = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8);
    text += alphabet[(both >> ((n * 5) % 8)) & 31];
  }
  return text;
}

/** `sha256:` and Nix's base 32, of whatever form Nix has printed. @returns undefined where it is another hash */
export function nixHash(text: string): string | undefined {
  if (/^sha256:[0-9a-z]{52}$/.test(text)) return text;
  const [, base64 = ''] = /^sha256-(.*)$/.exec(text) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length === 32 ? `sha256:${toNixBase32(bytes)}` : undefined;
}
