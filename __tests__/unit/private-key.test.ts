// Keys made by ssh-keygen and openssl: every type, in every format, with and without a passphrase.
import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { utils } from 'ssh2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPrivateKey } from '../../src/ssh/private-key';
import { nastyText } from './support';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'private-key-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const passphrase = ' pässphrase "with" $everything\\ ';
const types = ['ed25519', 'rsa', 'nistp256', 'nistp384', 'nistp521'] as const;
type Type = (typeof types)[number];
interface TestKey {
  readonly text: string;
  /** As ssh-keygen says it: `type base64`. */
  readonly publicKey: string;
}

let count = 0;
const newFile = () => join(dir, `key${count++}`);
const keygen = (...options: string[]) =>
  execFileSync('ssh-keygen', options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const openssl = (...options: string[]) =>
  execFileSync('openssl', options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const withoutComment = (line: string) => line.trim().split(' ').slice(0, 2).join(' ');
const publicHalf = (file: string, secret = '') => withoutComment(keygen('-y', '-P', secret, '-f', file));

function fileOf(text: string): string {
  const file = newFile();
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

const made = new Map<string, TestKey & { file: string }>();

/** A key as ssh-keygen makes it without further wishes, one of each type. */
function keyOf(type: Type): TestKey & { file: string } {
  const known = made.get(type);
  if (known !== undefined) return known;
  const file = newFile();
  const options = type.startsWith('nistp') ? ['ecdsa', '-b', type.slice(-3)] : [type];
  const bits = type === 'rsa' ? ['-b', '2048'] : [];
  keygen('-q', '-t', ...options, ...bits, '-N', '', '-C', 'comment', '-f', file);
  const key = { file, text: readFileSync(file, 'utf8'), publicKey: publicHalf(file) };
  made.set(type, key);
  return key;
}

/** The same key as ssh-keygen writes it; one round, where bcrypt is. */
function rewritten(type: Type, secret: string, ...options: string[]): TestKey {
  const { file, publicKey } = keyOf(type);
  const copy = newFile();
  copyFileSync(file, copy);
  keygen('-p', '-q', '-P', '', '-N', secret, '-a', '1', '-f', copy, ...options);
  expect(publicHalf(copy, secret)).toBe(publicKey);
  return { text: readFileSync(copy, 'utf8'), publicKey };
}

/** In PKCS#8 as openssl writes it: of ed25519 the only one who does here. */
function byOpenssl(type: Type, ...options: string[]): TestKey {
  const { text, publicKey } = keyOf(type);
  // ssh-keygen writes no ed25519 for openssl, so it is taken out of the file: its seed stands before its public half
  const pkcs8 = type === 'ed25519' ? pkcs8OfEd25519(text) : rewritten(type, '', '-m', 'PKCS8').text;
  return { text: openssl('pkcs8', '-topk8', '-in', fileOf(pkcs8), ...options), publicKey };
}

function pkcs8OfEd25519(text: string): string {
  const bytes = Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64');
  const pair = bytes.indexOf(Buffer.from([0, 0, 0, 64]), bytes.length / 2) + 4;
  const start = Buffer.from('302e020100300506032b657004220420', 'hex');
  const der = Buffer.concat([start, bytes.subarray(pair, pair + 32)]);
  return createPrivateKey({ key: der, type: 'pkcs8', format: 'der' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

const pass = ['-passout', `pass:${passphrase}`];
type Cell = readonly [name: string, begin: string, make: (secret: string) => TestKey];

const cells: readonly Cell[] = types.flatMap((type): Cell[] => [
  [`${type} in OpenSSH format`, 'OPENSSH ', (secret) => rewritten(type, secret)],
  // there is no PEM format of its own for ed25519
  ...(type === 'ed25519'
    ? []
    : [
        [
          `${type} in PEM`,
          type === 'rsa' ? 'RSA ' : 'EC ',
          (s: string) => rewritten(type, s, '-m', 'PEM'),
        ] as const,
        [`${type} in PKCS#8 by ssh-keygen`, '', (s: string) => rewritten(type, s, '-m', 'PKCS8')] as const,
      ]),
  [`${type} in PKCS#8 by openssl`, '', (secret) => byOpenssl(type, ...(secret === '' ? ['-nocrypt'] : pass))],
]);

const bytesOf = (secret: string) => (secret === '' ? undefined : Buffer.from(secret));
const read = (text: string, secret = '') => readPrivateKey(text, bytesOf(secret));

/** What is said against the text; fails when it is a key. */
function problemOf(text: string, secret = ''): string {
  const reading = read(text, secret);
  if ('key' in reading) throw new Error('it was read');
  return 'problem' in reading ? reading.problem : `passphrase ${reading.passphrase}`;
}

/** Its public half, after it has been proven that ssh2 signs with it so that the public half verifies it. */
function usable(text: string, secret = ''): string {
  const reading = read(text, secret);
  if (!('key' in reading)) throw new Error(JSON.stringify(reading));
  const { privateKey, publicKey } = reading.key;
  expect(privateKey).toMatch(/^-----BEGIN [^\r]*-----\n$/s);
  const line = `${publicKey.type} ${publicKey.base64}`;
  const [signer, verifier] = [utils.parseKey(privateKey), utils.parseKey(line)];
  if (signer instanceof Error || verifier instanceof Error) throw new Error('ssh2 does not read it');
  const data = randomBytes(40);
  const hash = publicKey.type === 'ssh-rsa' ? 'sha512' : undefined;
  expect(verifier.verify(data, signer.sign(data, hash), hash)).toBe(true);
  return line;
}

describe.each(cells)('%s', (_, begin, make) => {
  test('without a passphrase', () => {
    const { text, publicKey } = make('');
    expect(text).toContain(`-----BEGIN ${begin}PRIVATE KEY-----`);
    expect(usable(text)).toBe(publicKey);
    expect(read(text, 'some')).toEqual({ passphrase: 'needless' });
  });

  test('with a passphrase: opened, and the key that is used has none', () => {
    const { text, publicKey } = make(passphrase);
    expect(text).toMatch(/-----BEGIN (ENCRYPTED|RSA|EC|OPENSSH) PRIVATE KEY-----/);
    expect(usable(text, passphrase)).toBe(publicKey);
    const reading = read(text, passphrase);
    const opened = 'key' in reading ? reading.key.privateKey : '';
    expect(publicHalf(fileOf(opened))).toBe(publicKey);
    expect(usable(opened)).toBe(publicKey);
  });

  test('with a passphrase that is missing or wrong', () => {
    const { text } = make(passphrase);
    expect(read(text)).toEqual({ passphrase: 'missing' });
    for (const wrong of ['x', passphrase.trim(), `${passphrase}\n`, 'x'.repeat(5000)])
      expect(read(text, wrong)).toEqual({ passphrase: 'wrong' });
  });

  test.each(['', passphrase])(
    'upstream: a missing last newline or CRLF gives error in libcrypto; mended, with blanks and indentation %j',
    (secret) => {
      const { text, publicKey } = make(secret);
      const lines = text.trimEnd();
      for (const form of [
        lines,
        text.replaceAll('\n', '\r\n'),
        text.replaceAll('\n', '\r'),
        `\n  ${lines}  \n\n`,
        text.replace(/^(?=.)/gm, '    '),
        `\ufeff${text}`,
      ])
        expect(usable(form, secret)).toBe(publicKey);
    },
  );

  test.each(['', passphrase])('cut off, or lines are missing in its middle %j', (secret) => {
    const { text } = make(secret);
    for (const part of [0.3, 0.6, 0.9])
      expect(problemOf(text.slice(0, text.length * part), secret)).toMatch(/cut off/);
    const lines = text.trimEnd().split('\n');
    expect(problemOf(lines.slice(0, -1).join('\n'), secret)).toMatch(/cut off/);
    problemOf([...lines.slice(0, -3), ...lines.slice(-2)].join('\n'), secret);
  });

  test.each(['', passphrase])('damaged: noticed, or its public half is still the same %j', (secret) => {
    const { text, publicKey } = make(secret);
    // here nothing is there twice: another seed is another key
    const isOnlySeed = publicKey.startsWith('ssh-ed25519') && begin === '';
    const place = fc.nat({ max: text.length - 1 });
    const instead = fc.constantFrom('A', 'B', '/', '\n', '-', 'é', ' ', '');
    fc.assert(
      fc.property(place, instead, (at, character) => {
        const damaged = text.slice(0, at) + character + text.slice(at + 1);
        const reading = read(damaged, secret);
        if ('key' in reading && !isOnlySeed) expect(usable(damaged, secret)).toBe(publicKey);
      }),
      // each opening of an encrypted key costs bcrypt's rounds
      { numRuns: secret === '' ? 60 : 20 },
    );
  });
});

describe('with a passphrase', () => {
  test.each(['aes128-ctr', 'aes256-cbc', 'aes192-cbc', '3des-cbc', 'aes256-gcm@openssh.com'])(
    'OpenSSH format, encrypted with %s',
    (cipher) => {
      const { text, publicKey } = rewritten('ed25519', passphrase, '-Z', cipher);
      expect(usable(text, passphrase)).toBe(publicKey);
      expect(read(text, 'wrong')).toEqual({ passphrase: 'wrong' });
    },
  );

  test.each([
    ['rsa', 'rsa', '-aes256'],
    ['rsa', 'rsa', '-des3'],
    ['rsa', 'rsa', '-camellia128'],
    ['nistp256', 'ec', '-aes192'],
  ] as const)('PEM of %s, encrypted by openssl %s %s', (type, command, cipher) => {
    const { text, publicKey } = rewritten(type, '', '-m', 'PEM');
    const traditional = command === 'rsa' ? ['-traditional'] : [];
    const locked = openssl(command, ...traditional, cipher, '-in', fileOf(text), ...pass);
    expect(locked).toContain('DEK-Info: ');
    expect(usable(locked, passphrase)).toBe(publicKey);
  });

  test.each([
    ['-scrypt'],
    ['-v2', 'aes-128-cbc'],
    ['-v2', 'des3'],
    ['-v2prf', 'hmacWithSHA512'],
    ['-v1', 'PBE-SHA1-3DES'],
  ])('PKCS#8, encrypted with %s %s', (...options) => {
    const { text, publicKey } = byOpenssl('ed25519', ...options.filter(Boolean), ...pass);
    expect(usable(text, passphrase)).toBe(publicKey);
    expect(read(text, 'wrong')).toEqual({ passphrase: 'wrong' });
  });

  test('bytes that are no text', () => {
    const bytes = Buffer.from('p\xe4ss', 'latin1');
    const { privateKey } = generateKeyPairSync('ed25519');
    const locked = { cipher: 'aes-256-cbc', passphrase: bytes };
    const text = privateKey.export({ type: 'pkcs8', format: 'pem', ...locked }).toString();
    expect(readPrivateKey(text, bytes)).toHaveProperty('key');
    expect(readPrivateKey(text, Buffer.from('päss'))).toEqual({ passphrase: 'wrong' });
  });

  test('a wrong one that the padding does not show is wrong all the same', () => {
    const { text } = rewritten('rsa', passphrase, '-m', 'PEM');
    const wrong = Array.from({ length: 600 }, (_, index) => read(text, `wrong${index}`));
    expect(new Set(wrong.map((reading) => JSON.stringify(reading)))).toEqual(
      new Set(['{"passphrase":"wrong"}']),
    );
  });

  test('as many rounds of bcrypt as there may be, and more', () => {
    const { text, publicKey } = rewritten('ed25519', passphrase, '-a', '40');
    expect(usable(text, passphrase)).toBe(publicKey);
    expect(problemOf(withRounds(text, 1001), passphrase)).toMatch(/1001 rounds.*ssh-keygen -p -a 100/);
    expect(problemOf(withRounds(text, 0xffff_ffff))).toMatch(/rounds/);
    expect(read(withRounds(text, 41), passphrase)).toEqual({ passphrase: 'wrong' });
  });
});

/** The key with another number of rounds, which stands behind the salt. */
function withRounds(text: string, rounds: number): string {
  const bytes = Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64');
  const salt = bytes.indexOf('bcrypt') + 'bcrypt'.length + 4;
  bytes.writeUInt32BE(rounds, salt + 4 + bytes.readUInt32BE(salt));
  return armoured('OPENSSH PRIVATE KEY', bytes);
}

function armoured(name: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,70}/g) ?? [];
  return [`-----BEGIN ${name}-----`, ...lines, `-----END ${name}-----`, ''].join('\n');
}

test('an EC key behind its parameters, as openssl ecparam writes it', () => {
  const text = openssl('ecparam', '-name', 'secp384r1', '-genkey');
  expect(text).toMatch(/^-----BEGIN EC PARAMETERS-----/);
  expect(usable(text)).toBe(publicHalf(fileOf(text)));
});

test.each(['P-256', 'P-384', 'P-521'])('a %s key whose number begins with zeros', (crv) => {
  for (let found = 0; found < 3; ) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: crv });
    const { d = '' } = privateKey.export({ format: 'jwk' });
    // of P-521 the first byte is 0 or 1, half of the time
    if (Buffer.from(d, 'base64url')[0] !== 0) continue;
    found++;
    const file = fileOf(privateKey.export({ type: 'sec1', format: 'pem' }).toString());
    const publicKey = publicHalf(file);
    expect(usable(readFileSync(file, 'utf8'))).toBe(publicKey);
    keygen('-p', '-q', '-P', '', '-N', 'secret', '-a', '1', '-f', file);
    expect(usable(readFileSync(file, 'utf8'), 'secret')).toBe(publicKey);
  }
});

test('an EC key whose public half is another’s is damaged', () => {
  for (const type of ['sec1', 'pkcs8'] as const) {
    const [mine, other] = [0, 1].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
    const point = (pair = mine) => pair?.publicKey.export({ type: 'spki', format: 'der' }).subarray(-65);
    const der = mine?.privateKey.export({ type, format: 'der' }) ?? Buffer.alloc(0);
    point(other)?.copy(der, der.indexOf(point() ?? ''));
    const name = type === 'sec1' ? 'EC PRIVATE KEY' : 'PRIVATE KEY';
    expect(problemOf(armoured(name, der))).toMatch(/damaged/);
  }
});

describe('readPrivateKey says what else it was given', () => {
  test.each(['ed25519', 'rsa', 'nistp256'] as const)(
    'upstream: a public key gives error in libcrypto; it is called what it is, %s',
    (type) => {
      expect(problemOf(`${keyOf(type).publicKey} me@here\n`)).toMatch(/is a public key/);
    },
  );

  test('a public key in PEM and in RFC 4716', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const type of ['spki', 'pkcs1'] as const)
      expect(problemOf(publicKey.export({ type, format: 'pem' }).toString())).toMatch(/is a public key/);
    expect(problemOf(keygen('-e', '-f', keyOf('ed25519').file))).toMatch(/is a public key/);
  });

  test('certificates', () => {
    const ca = keyOf('nistp256').file;
    const { file } = keyOf('ed25519');
    writeFileSync(`${file}.pub`, `${keyOf('ed25519').publicKey}\n`);
    keygen('-q', '-s', ca, '-I', 'me', `${file}.pub`);
    expect(problemOf(readFileSync(`${file}-cert.pub`, 'utf8'))).toMatch(
      /SSH certificate.*without -cert\.pub/,
    );
    const key = fileOf(byOpenssl('nistp256', '-nocrypt').text);
    const x509 = openssl('req', '-x509', '-key', key, '-subj', '/CN=x');
    expect(problemOf(x509)).toMatch(/X\.509/);
  });

  test('a PuTTY key', () => {
    const text =
      'PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\nComment: x\r\nPublic-Lines: 2\r\n';
    expect(problemOf(text)).toMatch(/PuTTY/);
  });

  test('DSA in every format, with and without a passphrase', () => {
    for (const secret of ['', passphrase])
      for (const options of [[], ['-m', 'PEM'], ['-m', 'PKCS8']]) {
        const file = newFile();
        keygen('-q', '-t', 'dsa', '-N', secret, '-a', '1', '-f', file, ...options);
        expect(problemOf(readFileSync(file, 'utf8'), secret)).toMatch(/DSA/);
      }
  });

  test.each(['', 'secret'])('the handle of a FIDO key %j', (secret) => {
    // made of another key: ssh-keygen makes none without the device
    const { text } = rewritten('ed25519', secret);
    const bytes = Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64');
    const at = bytes.indexOf('ssh-ed25519') - 8;
    const type = 'sk-ssh-ed25519@openssh.com';
    const blob = Buffer.concat([Buffer.alloc(8), Buffer.from(type)]);
    blob.writeUInt32BE(type.length + 4, 0);
    blob.writeUInt32BE(type.length, 4);
    const handle = Buffer.concat([bytes.subarray(0, at), blob]);
    expect(problemOf(armoured('OPENSSH PRIVATE KEY', handle), secret)).toMatch(/FIDO/);
  });

  test('OpenSSH’s cipher that ssh2 does not have', () => {
    const { text } = rewritten('ed25519', passphrase, '-Z', 'chacha20-poly1305@openssh.com');
    const named = /chacha20-poly1305@openssh\.com.*ssh-keygen -p -Z aes256-ctr -f KEY/;
    expect(problemOf(text, passphrase)).toMatch(named);
    expect(problemOf(text)).toMatch(named);
    // the command does what is said of it
    const file = fileOf(text);
    keygen('-p', '-q', '-P', passphrase, '-N', passphrase, '-a', '1', '-Z', 'aes256-ctr', '-f', file);
    expect(usable(readFileSync(file, 'utf8'), passphrase)).toBe(keyOf('ed25519').publicKey);
  });

  test.each([
    ['-v1', 'PBE-MD5-DES'],
    ['-v2', 'des-cbc'],
  ])('PKCS#8 with a cipher that OpenSSL has given up: %s %s', (...options) => {
    const legacy = ['-provider', 'legacy', '-provider', 'default'];
    const { text, publicKey } = byOpenssl('ed25519', ...options, ...legacy, ...pass);
    expect(problemOf(text, passphrase)).toMatch(/given up.*openssl pkcs8 -topk8 -provider legacy/);
    // the command does what is said of it
    const secrets = ['-passin', `pass:${passphrase}`, ...pass];
    const modern = openssl('pkcs8', '-topk8', ...legacy, '-in', fileOf(text), ...secrets);
    expect(usable(modern, passphrase)).toBe(publicKey);
  });

  test('a type that is not for SSH', () => {
    const keys = [
      generateKeyPairSync('ed448'),
      generateKeyPairSync('x25519'),
      generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    ];
    for (const { privateKey } of keys)
      expect(problemOf(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())).toMatch(
        /type that is not supported/,
      );
  });

  test.each([
    ['nothing', ''],
    ['blanks', ' \r\n '],
    ['a word', 'hunter2'],
    ['a path', '/home/me/.ssh/id_ed25519'],
    ['a NUL', '\0'],
    ['an age key', 'AGE-SECRET-KEY-1QQQQ'],
  ])('%s', (_, text) => {
    expect(problemOf(text)).toMatch(/is not a private key/);
  });

  test('armour around garbage, of any kind and size', () => {
    const kind = fc.constantFrom(
      'OPENSSH PRIVATE KEY',
      'RSA PRIVATE KEY',
      'EC PRIVATE KEY',
      'DSA PRIVATE KEY',
      'PRIVATE KEY',
      'ENCRYPTED PRIVATE KEY',
    );
    const magic = Buffer.from('openssh-key-v1\0').toString('base64');
    const body = fc.oneof(
      fc.base64String({ maxLength: 400 }),
      fc.base64String({ maxLength: 400 }).map((text) => magic + text),
      nastyText,
      fc.constant(''),
    );
    fc.assert(
      fc.property(kind, body, fc.boolean(), (name, text, given) => {
        problemOf(`-----BEGIN ${name}-----\n${text}\n-----END ${name}-----\n`, given ? 'secret' : '');
      }),
      { numRuns: 400 },
    );
    for (const name of ['OPENSSH PRIVATE KEY', 'PRIVATE KEY'])
      expect(problemOf(armoured(name, randomBytes(3_000_000)))).toMatch(/damaged/);
  });

  test('never quotes the text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9+/]{20,60}$/), (secret) => {
        for (const text of [
          secret,
          `-----BEGIN RSA PRIVATE KEY-----\n${secret}\n-----END RSA PRIVATE KEY-----`,
        ])
          expect(problemOf(text)).not.toContain(secret);
      }),
    );
  });

  test('nor what a damaged length makes part of a name', () => {
    const bytes = Buffer.from(keyOf('ed25519').text.split('\n').slice(1, -2).join(''), 'base64');
    const seed = pkcs8OfEd25519(keyOf('ed25519').text);
    const readable = Buffer.from(seed.split('\n')[1] ?? '', 'base64').subarray(16);
    const pair = bytes.indexOf(readable);
    // a seed that could be read in a message
    const marker = Buffer.from('this-is-the-seed-of-a-secret-key');
    marker.copy(bytes, pair);
    // the type of the private half, made longer until the seed is part of it
    const type = bytes.lastIndexOf('ssh-ed25519');
    bytes.writeUInt32BE(pair + 64 - type, type - 4);
    expect(problemOf(armoured('OPENSSH PRIVATE KEY', bytes))).not.toContain('seed');
  });
});
