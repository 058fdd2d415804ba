// The keys that sign layers: from Nix's own, or from the key that logs in, whatever form that comes in.
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { derivedLayerKey, freshLayerKey, nixLayerKey } from '../../src/cache/layer-key';
import { readPrivateKey, secretPartOf } from '../../src/ssh/private-key';
import { nastyText } from './support';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cache-key-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const keygen = (...options: string[]) => execFileSync('ssh-keygen', ['-q', ...options]);
let files = 0;

/** The key that signs layers, of a key that logs in. */
function derived(text: string, passphrase?: string): string {
  const reading = readPrivateKey(text, passphrase === undefined ? undefined : Buffer.from(passphrase));
  if (!('key' in reading)) throw new Error(JSON.stringify(reading));
  return derivedLayerKey(secretPartOf(reading.key.privateKey)).publicKey;
}

/** The key of this file in another form. */
function rewritten(text: string, ...options: string[]): string {
  const file = join(dir, `key${files++}`);
  writeFileSync(file, text, { mode: 0o600 });
  keygen(...options, '-f', file);
  return readFileSync(file, 'utf8');
}

function generate(...type: string[]): string {
  const file = join(dir, `key${files++}`);
  keygen(...type, '-N', '', '-C', 'first', '-f', file);
  return readFileSync(file, 'utf8');
}

const types = [
  ['-t', 'ed25519'],
  ['-t', 'rsa', '-b', '2048'],
  ['-t', 'ecdsa', '-b', '256'],
  ['-t', 'ecdsa', '-b', '384'],
  ['-t', 'ecdsa', '-b', '521'],
];

describe.each(types)('the key derived from %s %s %s %s', (...type) => {
  const given = type.filter((part) => part !== undefined);

  test('is the same in every format, with every comment, behind a passphrase, and as it was pasted', () => {
    const key = generate(...given);
    const forms: [string, string?][] = [
      [rewritten(key, '-c', '-C', 'another comment')],
      [rewritten(key, '-p', '-P', '', '-N', 'secret', '-a', '1'), 'secret'],
      [`\n  ${key.replaceAll('\n', '\r\n  ')}`],
    ];
    if (given[1] === 'ed25519') forms.push([pkcs8OfEd25519(key)]);
    else
      for (const format of ['PEM', 'PKCS8'])
        forms.push(
          [rewritten(key, '-p', '-P', '', '-N', '', '-m', format)],
          [rewritten(key, '-p', '-P', '', '-N', 'secret', '-m', format), 'secret'],
        );
    const expected = derived(key);
    expect(expected).toMatch(/^nixos-anywhere-action-cache:[A-Za-z0-9+/]{43}=$/);
    expect(forms.map(([text, passphrase]) => derived(text, passphrase))).toEqual(forms.map(() => expected));
    expect(new Set([key, ...forms.map(([text]) => text)]).size).toBe(forms.length + 1);
  });

  test('is another one for another key', () => {
    expect(derived(generate(...given))).not.toBe(derived(generate(...given)));
  });
});

function pkcs8OfEd25519(text: string): string {
  const reading = readPrivateKey(text);
  if (!('key' in reading)) throw new Error('no key');
  const seed = secretPartOf(reading.key.privateKey).subarray(-32);
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: der, type: 'pkcs8', format: 'der' });
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

describe('the derived key', () => {
  test('is the same where a number begins with zeros, which formats write or leave out', () => {
    for (;;) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      if (Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')[0] !== 0) continue;
      const sec1 = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
      expect(derived(rewritten(sec1, '-p', '-P', '', '-N', ''))).toBe(derived(sec1));
      return;
    }
  });

  test('has nothing of the key in it, and stays what it is from release to release', () => {
    const seed = Buffer.alloc(32, 7);
    const key = derivedLayerKey(Buffer.concat([Buffer.from('OKP Ed25519 '), seed]));
    const raw = Buffer.from(key.publicKey.split(':')[1] ?? '', 'base64');
    const header = Buffer.from('302e020100300506032b657004220420', 'hex');
    const login = createPublicKey(
      createPrivateKey({ key: Buffer.concat([header, seed]), format: 'der', type: 'pkcs8' }),
    );
    expect(raw.equals(login.export({ format: 'der', type: 'spki' }).subarray(12))).toBe(false);
    // by HKDF of RFC 5869, written down elsewhere; another one would make every layer that there is a miss
    expect(key.publicKey).toBe('nixos-anywhere-action-cache:nuGo50xbg8vByYej6Tfe5uz0XO8qzydO50yIR3rEpuQ=');
  });
});

describe('a secret key of Nix', () => {
  /** As `nix key generate-secret` writes it. */
  function nixKey(name: string): string {
    const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    return `${name}:${Buffer.concat([d, x].map((half) => Buffer.from(half, 'base64url'))).toString('base64')}`;
  }

  test('signs so that its public half verifies it', () => {
    const key = nixLayerKey(`${nixKey('cache.example.org-1')}\n`);
    const [name, base64 = ''] = key?.publicKey.split(':') ?? [];
    expect(name).toBe('cache.example.org-1');
    const der = Buffer.concat([
      Buffer.from('302a300506032b6570032100', 'hex'),
      Buffer.from(base64, 'base64'),
    ]);
    const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
    const data = Buffer.from('data');
    expect(verify(null, data, publicKey, key?.sign(data) ?? Buffer.alloc(0))).toBe(true);
    expect(key?.verifies(data, key.sign(data))).toBe(true);
    expect(key?.verifies(data, freshLayerKey().sign(data))).toBe(false);
    expect(key?.verifies(data, Buffer.alloc(0))).toBe(false);
  });

  const [one, other] = [nixKey('a'), nixKey('a')];
  const halves = (text: string) => Buffer.from(text.slice(2), 'base64');
  test.each<[string, string]>([
    ['nothing', ''],
    ['its name alone', 'a:'],
    ['no name', one.slice(1)],
    [
      'halves of different keys',
      `a:${Buffer.concat([halves(one).subarray(0, 32), halves(other).subarray(32)]).toString('base64')}`,
    ],
    ['a public key', `a:${halves(one).subarray(32).toString('base64')}`],
    ['a private key of SSH', '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----\n'],
    ['a byte too much', `a:${Buffer.concat([halves(one), Buffer.alloc(1)]).toString('base64')}`],
    ['without its padding', one.replaceAll('=', '')],
    ['in two lines', one.replace(/^(.{40})/, '$1\n')],
    ['a name with a line', `a\nb${one.slice(1)}`],
    ['a name with a blank', `a b${one.slice(1)}`],
    ['a name with a NUL', `a\0b${one.slice(1)}`],
    ['a name with an escape', `a\u001b[31m${one.slice(1)}`],
    ['a name without end', `${'a'.repeat(1e6)}${one.slice(1)}`],
    ['another alphabet', one.replace(/:./, ':_')],
    ['two keys', `${one}\n${other}`],
  ])('is not %s', (_, text) => {
    expect(nixLayerKey(text)).toBeUndefined();
  });

  test('may have a name of any letters', () => {
    expect(nixLayerKey(nixKey('schlüssel-😀'))?.name).toBe('schlüssel-😀');
  });

  test('is nothing else that somebody may write', () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        expect(nixLayerKey(text)).toBeUndefined();
        const named = nixLayerKey(`${text}${one.slice(1)}`);
        if (named !== undefined) expect(named.publicKey).toMatch(/^[^\s:\p{Cc}]+:[A-Za-z0-9+/]{43}=$/u);
      }),
    );
  });
});
