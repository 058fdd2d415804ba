import { randomBytes } from 'node:crypto';

/** What a key in OpenSSH's own format (openssh-key-v1) says about itself without being opened. */
export interface KeyHeader {
  /** `none` where there is no passphrase. */
  readonly cipher: string;
  /** How often bcrypt goes over the passphrase; 0 where there is none. */
  readonly rounds: number;
  /** As in authorized_keys. */
  readonly type: string;
}

export const firstLine = '-----BEGIN OPENSSH PRIVATE KEY-----';
const lastLine = '-----END OPENSSH PRIVATE KEY-----';
const magic = Buffer.from('openssh-key-v1\0');

/** @returns undefined when it is damaged */
export function readHeader(text: string): KeyHeader | undefined {
  const bytes = Buffer.from(text.slice(firstLine.length, text.lastIndexOf(lastLine)), 'base64');
  if (!bytes.subarray(0, magic.length).equals(magic)) return undefined;
  const fields = new Fields(bytes.subarray(magic.length));
  try {
    const cipher = fields.string().toString();
    const derivation = fields.string().toString();
    const options = new Fields(fields.string());
    const rounds = derivation === 'bcrypt' ? options.skip().number() : 0;
    // how many keys; nothing writes more than one
    fields.number();
    const type = new Fields(fields.string()).string().toString();
    return { cipher, rounds, type };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** An ed25519 key without a passphrase, in the only format in which ssh2 reads one. */
export function writeEd25519(seed: Buffer, publicHalf: Buffer): string {
  const type = field(Buffer.from('ssh-ed25519'));
  const publicKey = Buffer.concat([type, field(publicHalf)]);
  // twice the same: how whoever decrypts sees that the passphrase is right
  const check = randomBytes(4);
  const comment = field(Buffer.alloc(0));
  const pair = field(Buffer.concat([seed, publicHalf]));
  const privateKey = padded(Buffer.concat([check, check, publicKey, pair, comment]));
  const none = field(Buffer.from('none'));
  const bytes = Buffer.concat([
    magic,
    ...[none, none, field(Buffer.alloc(0)), number(1), field(publicKey), field(privateKey)],
  ]);
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? [];
  return `${[firstLine, ...lines, lastLine].join('\n')}\n`;
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function field(bytes: Buffer): Buffer {
  return Buffer.concat([number(bytes.length), bytes]);
}

/** To whole blocks of eight, with 1, 2, 3 and so on. */
function padded(bytes: Buffer): Buffer {
  const missing = -bytes.length & 7;
  return Buffer.concat([bytes, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
}

/** Numbers and strings one after another, as SSH writes them. Throws a RangeError behind the end. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number {
    const value = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  string(): Buffer {
    const length = this.number();
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError('the field is longer than what is left');
    return this.#bytes.subarray(start, this.#at);
  }

  skip(): this {
    this.string();
    return this;
  }
}
