import { type ParsedKey, utils } from 'ssh2';
import type { HostKey } from './host-keys';

/** A private key that ssh2 can use, and its public half as authorized_keys files hold it. */
export interface UsableKey {
  /** With Unix line ends and a last newline, as parsers want it. */
  readonly privateKey: string;
  readonly publicKey: HostKey;
}

/**
 * Reads a private key as people paste it: Windows line ends and a missing last newline are mended, anything that
 * is not a usable private key is named as what it is.
 *
 * @returns the key, or what is wrong with it and what to do
 */
export function readPrivateKey(text: string): UsableKey | string {
  const privateKey = `${text.replace(/\r\n?/g, '\n').trim()}\n`;
  const misfit = nameMisfit(privateKey);
  if (misfit !== undefined) return misfit;
  const parsed = parseKey(privateKey);
  if (parsed instanceof Error) return explainParseError(parsed.message);
  const blob = parsed.getPublicSSH();
  return { privateKey, publicKey: { type: parsed.type, base64: blob.toString('base64') } };
}

/** ssh2 returns undefined for some damaged keys, throws for others, and some it only notices when they sign. */
function parseKey(text: string): ParsedKey | Error {
  try {
    const parsed: ParsedKey | Error | undefined = utils.parseKey(text);
    if (parsed === undefined) return new Error('it is damaged');
    if (parsed instanceof Error) return parsed;
    const data = Buffer.from('nixos-anywhere-action');
    const halvesFit = parsed.isPrivateKey() && parsed.verify(data, parsed.sign(data)) === true;
    return halvesFit ? parsed : new Error('it is damaged');
  } catch (error) {
    return error instanceof Error ? error : new Error('it is damaged');
  }
}

function nameMisfit(text: string): string | undefined {
  if (
    /^(ssh|ecdsa|sk)-[a-z0-9@.-]+ AAAA|^-----BEGIN (RSA )?PUBLIC KEY-|^---- BEGIN SSH2 PUBLIC KEY/.test(text)
  ) {
    return 'is a public key; paste the whole private key (the file without .pub)';
  }
  if (text.startsWith('PuTTY-User-Key-File')) {
    return 'is a PuTTY key; export it in OpenSSH format (puttygen KEY -O private-openssh)';
  }
  if (
    text.startsWith('-----BEGIN PRIVATE KEY-----') ||
    text.startsWith('-----BEGIN ENCRYPTED PRIVATE KEY-----')
  ) {
    return 'is in PKCS#8 format, which is not read yet; convert it with `ssh-keygen -p -N "" -f KEY`';
  }
  if (!text.startsWith('-----BEGIN ')) {
    return 'is not a private key: it must begin with a line such as -----BEGIN OPENSSH PRIVATE KEY-----';
  }
  if (!/-----END [A-Z ]+-----\n$/.test(text)) {
    return 'is cut off: its last line, -----END … PRIVATE KEY-----, is missing; paste the whole file';
  }
  return undefined;
}

function explainParseError(message: string): string {
  if (/passphrase|encrypted/i.test(message)) {
    return 'is protected by a passphrase, which is not supported yet; give a key without one (ssh-keygen -p -N "" -f KEY)';
  }
  return `cannot be read as a private key (${message}); paste the whole file, with its first and last line`;
}
