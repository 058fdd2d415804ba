import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { type ParsedKey, utils } from 'ssh2';
import type { HostKey } from './host-keys';
import { damaged, dsa, nameMisfit, unknownType } from './key-misfits';
import { firstLine, readHeader, writeEd25519 } from './openssh-key';

/** A private key that ssh2 can use, and its public half as authorized_keys files hold it. */
export interface UsableKey {
  /** Without a passphrase, with Unix line ends and a last newline. */
  readonly privateKey: string;
  readonly publicKey: HostKey;
}

/** Whether the key needs one that was not given, was given one that does not open it, or one that it does not need. */
export type PassphraseProblem = 'missing' | 'wrong' | 'needless';

export type KeyReading =
  | { readonly key: UsableKey }
  /** What is wrong with the key, and what to do; quotes nothing of it. */
  | { readonly problem: string }
  | { readonly passphrase: PassphraseProblem };

/**
 * Reads a private key as people paste it: in OpenSSH's format, PEM (PKCS#1, SEC1) or PKCS#8. Windows line ends,
 * blanks around lines and a missing last newline are mended; anything that is not a usable private key is named as what it is.
 */
export function readPrivateKey(text: string, passphrase?: Uint8Array): KeyReading {
  const lines = text.split(/\r\n?|\n/).map((line) => line.trim());
  const mended = `${lines.join('\n').trim()}\n`;
  const misfit = nameMisfit(mended);
  if (misfit !== undefined) return { problem: misfit };
  const locked = isLocked(mended);
  if (locked && passphrase === undefined) return { passphrase: 'missing' };
  const open = mended.startsWith(firstLine) ? openOpenSsh : openPem;
  const reading = open(mended, locked ? passphrase : undefined);
  return 'key' in reading && passphrase !== undefined && !locked ? { passphrase: 'needless' } : reading;
}

/** What is secret in a usable key, the same in whatever format, with whatever comment it comes. */
export function secretPartOf(privateKey: string): Buffer {
  const parsed = parseKey(privateKey);
  if (parsed instanceof Error) throw new Error('a usable key was expected');
  const { kty = '', crv = '', d = '' } = createPrivateKey(parsed.getPrivatePEM()).export({ format: 'jwk' });
  return Buffer.concat([Buffer.from(`${kty} ${crv} `), Buffer.from(d, 'base64url')]);
}

/** A new key that lies nowhere but in memory. Not made by ssh2, which damages one in some hundred. */
export function makeKey(): UsableKey {
  const reading = converted(generateKeyPairSync('ed25519').privateKey);
  if ('key' in reading) return reading.key;
  throw new Error('a key that was just made cannot be read');
}

function isLocked(text: string): boolean {
  return text.startsWith(firstLine)
    ? readHeader(text)?.cipher !== 'none'
    : text.startsWith('-----BEGIN ENCRYPTED ') || /^(Proc-Type: *4, *ENCRYPTED|DEK-Info:.*)$/m.test(text);
}

function openOpenSsh(text: string, passphrase: Uint8Array | undefined): KeyReading {
  const parsed = parseKey(text, passphrase);
  if (!(parsed instanceof Error))
    return passphrase === undefined ? usable(text) : converted(createPrivateKey(parsed.getPrivatePEM()));
  // the second of these is what node says of a cipher that authenticates
  return /bad passphrase|unable to authenticate/.test(parsed.message)
    ? { passphrase: 'wrong' }
    : { problem: damaged };
}

function openPem(text: string, passphrase: Uint8Array | undefined): KeyReading {
  try {
    const locked = passphrase !== undefined && { passphrase: Buffer.from(passphrase) };
    return converted(createPrivateKey({ key: text, ...locked }));
  } catch (error) {
    if (passphrase === undefined) return { problem: damaged };
    return (error as NodeJS.ErrnoException).code === 'ERR_OSSL_EVP_UNSUPPORTED'
      ? {
          problem:
            'is encrypted with a cipher that OpenSSL has given up; convert it with `openssl pkcs8 -topk8 -provider legacy -provider default -in KEY -out NEW-KEY`',
        }
      : { passphrase: 'wrong' };
  }
}

/** Into a format that ssh2 reads. */
function converted(key: KeyObject): KeyReading {
  switch (key.asymmetricKeyType) {
    case 'ed25519': {
      const { d = '', x = '' } = key.export({ format: 'jwk' });
      return usable(writeEd25519(Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')));
    }
    case 'rsa':
      return usable(key.export({ type: 'pkcs1', format: 'pem' }).toString());
    case 'ec': {
      if (!/^(prime256v1|secp384r1|secp521r1)$/.test(key.asymmetricKeyDetails?.namedCurve ?? ''))
        return { problem: unknownType };
      // ssh2 would make the public half anew, of whatever is there
      const fit = verify('sha256', sample, createPublicKey(key), sign('sha256', sample, key));
      return fit ? usable(key.export({ type: 'sec1', format: 'pem' }).toString()) : { problem: damaged };
    }
    case 'dsa':
      return { problem: dsa };
    default:
      return { problem: unknownType };
  }
}

function usable(privateKey: string): KeyReading {
  const parsed = parseKey(privateKey);
  if (parsed instanceof Error) return { problem: damaged };
  const base64 = parsed.getPublicSSH().toString('base64');
  return { key: { privateKey, publicKey: { type: parsed.type, base64 } } };
}

const sample = Buffer.from('nixos-anywhere-action');

/**
 * ssh2 returns undefined for some damaged keys, throws for others, and some it only notices when they sign. What it
 * says is not to be repeated: it may quote what it took for a name.
 */
function parseKey(text: string, passphrase?: Uint8Array): ParsedKey | Error {
  try {
    const parsed: ParsedKey | Error | undefined = utils.parseKey(text, passphrase && Buffer.from(passphrase));
    if (parsed === undefined) return new Error(damaged);
    if (parsed instanceof Error) return parsed;
    const halvesFit = parsed.isPrivateKey() && parsed.verify(sample, parsed.sign(sample)) === true;
    return halvesFit ? parsed : new Error(damaged);
  } catch (error) {
    return error instanceof Error ? error : new Error(damaged);
  }
}
