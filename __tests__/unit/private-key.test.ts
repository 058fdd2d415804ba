import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readPrivateKey } from '../../src/ssh/private-key';
import { nastyText } from './support';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'private-key-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let count = 0;
const generated = new Map<string, { text: string; publicKey: string }>();

/** A key as ssh-keygen makes it, one for each kind: the private text, and the public `type base64`. */
function generate(...options: string[]): { text: string; publicKey: string } {
  const kind = options.join(' ');
  const key = generated.get(kind) ?? generateNew(options);
  generated.set(kind, key);
  return key;
}

function generateNew(options: readonly string[]): { text: string; publicKey: string } {
  const file = join(dir, `key${count++}`);
  execFileSync('ssh-keygen', ['-q', '-N', '', '-C', 'comment', '-f', file, ...options]);
  const publicKey = readFileSync(`${file}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
  return { text: readFileSync(file, 'utf8'), publicKey };
}

function usable(text: string): string {
  const key = readPrivateKey(text);
  if (typeof key === 'string') throw new Error(key);
  expect(key.privateKey).toMatch(/^-----BEGIN [^\r]*-----\n$/s);
  return `${key.publicKey.type} ${key.publicKey.base64}`;
}

describe.each([
  ['ed25519', ['-t', 'ed25519']],
  ['RSA', ['-t', 'rsa', '-b', '2048']],
  ['RSA in PEM', ['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
  ['ECDSA', ['-t', 'ecdsa']],
  ['ECDSA 521', ['-t', 'ecdsa', '-b', '521']],
  ['ECDSA in PEM', ['-t', 'ecdsa', '-m', 'PEM']],
])('a private key, %s', (_, options) => {
  test('is read, and its public half is what ssh-keygen says', () => {
    const { text, publicKey } = generate(...options);
    expect(usable(text)).toBe(publicKey);
  });

  test('is mended: Windows and old Mac line ends, blanks around it, no last newline', () => {
    const { text, publicKey } = generate(...options);
    const lines = text.trimEnd();
    for (const form of [
      lines,
      text.replaceAll('\n', '\r\n'),
      text.replaceAll('\n', '\r'),
      `\n  ${lines}  \n\n`,
    ])
      expect(usable(form)).toBe(publicKey);
  });

  test('is named as cut off when its end is missing', () => {
    const { text } = generate(...options);
    for (const part of [0.3, 0.6, 0.9])
      expect(readPrivateKey(text.slice(0, text.length * part))).toMatch(/cut off|cannot be read/);
    expect(readPrivateKey(text.trimEnd().split('\n').slice(0, -1).join('\n'))).toMatch(/cut off/);
  });

  test('is not read when lines are missing in its middle', () => {
    const { text } = generate(...options);
    const lines = text.split('\n');
    expect(readPrivateKey([...lines.slice(0, 2), ...lines.slice(3)].join('\n'))).toEqual(expect.any(String));
  });
});

describe('readPrivateKey says what else it was given', () => {
  test.each([
    ['ed25519', ['-t', 'ed25519']],
    ['RSA', ['-t', 'rsa', '-b', '2048']],
    ['ECDSA', ['-t', 'ecdsa']],
  ])('a public key, %s', (_, options) => {
    expect(readPrivateKey(`${generate(...options).publicKey} me@here\n`)).toMatch(/is a public key/);
  });

  test('a public key in PEM and in RFC 4716', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const type of ['spki', 'pkcs1'] as const)
      expect(readPrivateKey(publicKey.export({ type, format: 'pem' }).toString())).toMatch(/is a public key/);
    generateNew(['-t', 'ed25519']);
    const file = join(dir, `key${count - 1}.pub`);
    const rfc4716 = execFileSync('ssh-keygen', ['-e', '-f', file], { encoding: 'utf8' });
    expect(readPrivateKey(rfc4716)).toMatch(/is a public key/);
  });

  test.each([
    ['OpenSSH', []],
    ['PEM', ['-m', 'PEM']],
  ])('a key with a passphrase, %s', (_, options) => {
    const file = join(dir, `key${count++}`);
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-N', 'passphrase', '-f', file, ...options]);
    expect(readPrivateKey(readFileSync(file, 'utf8'))).toMatch(/protected by a passphrase/);
  });

  test('PKCS#8, plain and encrypted', () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const plain = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const locked = { cipher: 'aes-256-cbc', passphrase: 'x' };
    const encrypted = privateKey.export({ type: 'pkcs8', format: 'pem', ...locked }).toString();
    expect(readPrivateKey(plain)).toMatch(/PKCS#8/);
    expect(readPrivateKey(encrypted)).toMatch(/PKCS#8/);
  });

  test('a PuTTY key', () => {
    const text =
      'PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\nComment: x\r\nPublic-Lines: 2\r\n';
    expect(readPrivateKey(text)).toMatch(/PuTTY/);
  });

  test.each([
    ['nothing', ''],
    ['blanks', ' \r\n '],
    ['a word', 'hunter2'],
    ['a path', '/home/me/.ssh/id_ed25519'],
    ['a NUL', '\0'],
    ['an age key', 'AGE-SECRET-KEY-1QQQQ'],
  ])('%s', (_, text) => {
    expect(readPrivateKey(text)).toMatch(/is not a private key/);
  });

  test('a certificate', () => {
    const text = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    expect(readPrivateKey(text)).toEqual(expect.any(String));
  });

  test('armour around garbage, of any kind and size', () => {
    const kind = fc.constantFrom(
      'OPENSSH PRIVATE KEY',
      'RSA PRIVATE KEY',
      'EC PRIVATE KEY',
      'DSA PRIVATE KEY',
    );
    const body = fc.oneof(fc.base64String({ maxLength: 400 }), nastyText, fc.constant(''));
    fc.assert(
      fc.property(kind, body, (name, text) => {
        const armoured = `-----BEGIN ${name}-----\n${text}\n-----END ${name}-----\n`;
        expect(readPrivateKey(armoured)).toEqual(expect.any(String));
      }),
      { numRuns: 300 },
    );
    const huge = randomBytes(3_000_000).toString('base64').replace(/.{70}/g, '$&\n');
    expect(
      readPrivateKey(`-----BEGIN OPENSSH PRIVATE KEY-----\n${huge}\n-----END OPENSSH PRIVATE KEY-----\n`),
    ).toEqual(expect.any(String));
  });

  test.each(['ed25519', 'ecdsa'])(
    'a damaged %s key: noticed, or its public half is still the same',
    (type) => {
      const { text, publicKey } = generate('-t', type);
      fc.assert(
        fc.property(
          fc.nat({ max: text.length - 1 }),
          fc.constantFrom('A', '\n', '-', 'é', ' '),
          (at, character) => {
            const damaged = text.slice(0, at) + character + text.slice(at + 1);
            if (typeof readPrivateKey(damaged) !== 'string') expect(usable(damaged)).toBe(publicKey);
          },
        ),
        { numRuns: 400 },
      );
    },
  );

  test('never quotes the text', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9+/]{20,60}$/), (secret) => {
        for (const text of [
          secret,
          `-----BEGIN RSA PRIVATE KEY-----\n${secret}\n-----END RSA PRIVATE KEY-----`,
        ])
          expect(readPrivateKey(text)).not.toContain(secret);
      }),
    );
  });
});
