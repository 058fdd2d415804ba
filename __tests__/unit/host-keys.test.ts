import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { offeredHostKeys } from '../../src/ssh/algorithms';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import {
  fingerprint,
  type HostKey,
  hostKeyOfBlob,
  knownHostsLine,
  parsePublicKeys,
  signatureAlgorithms,
} from '../../src/ssh/host-keys';
import { type KeyPair, type KeyType, makeKey } from '../../testbed/sshd.mts';
import { nastyText } from './support';

let dir: string;
const pairs = new Map<KeyType, KeyPair>();
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'host-keys-'));
  for (const type of ['ed25519', 'rsa', 'ecdsa'] as const) pairs.set(type, makeKey(join(dir, type), type));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function pair(type: KeyType): KeyPair {
  const found = pairs.get(type);
  if (found === undefined) throw new Error(`no ${type} key`);
  return found;
}

function keyOf(type: KeyType): HostKey {
  const [key] = parsePublicKeys(pair(type).public);
  if (key === undefined) throw new Error(`no ${type} key`);
  return key;
}

const blobOf = (key: HostKey) => Buffer.from(key.base64, 'base64');

describe.each<KeyType>(['ed25519', 'rsa', 'ecdsa'])('a host key of type %s', (type) => {
  test('has the fingerprint that ssh-keygen prints', () => {
    const printed = execFileSync('ssh-keygen', ['-lf', `${pair(type).path}.pub`], { encoding: 'utf8' });
    expect(fingerprint(keyOf(type))).toBe(printed.split(' ')[1]);
  });

  test('is the same as a line and as the bytes that a server sends', () => {
    expect(hostKeyOfBlob(blobOf(keyOf(type)))).toEqual(keyOf(type));
  });
});

describe('parsePublicKeys', () => {
  test('finds keys among other lines, in order', () => {
    const text = `Welcome!\r\n${pair('rsa').public}\r\n  ${pair('ed25519').public}\nssh-rsa\nssh-rsa x\n`;
    expect(parsePublicKeys(text)).toEqual([keyOf('rsa'), keyOf('ed25519')]);
  });

  test('never throws, and finds a key again after any noise', () => {
    fc.assert(
      fc.property(nastyText, nastyText, (before, after) => {
        const found = parsePublicKeys(`${before}\n${pair('ed25519').public}\n${after}`);
        expect(found).toContainEqual(keyOf('ed25519'));
      }),
    );
  });
});

test('knownHostsLine names the port only where it is not 22', () => {
  const key = { type: 'ssh-ed25519', base64: 'AAAA' };
  expect(knownHostsLine('h', 22, key)).toBe('h ssh-ed25519 AAAA');
  expect(knownHostsLine('h', 2222, key)).toBe('[h]:2222 ssh-ed25519 AAAA');
  expect(knownHostsLine('2001:db8::1', 2222, key)).toBe('[2001:db8::1]:2222 ssh-ed25519 AAAA');
});

test('an RSA key signs with SHA-2 only', () => {
  expect(signatureAlgorithms('ssh-rsa')).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
  expect(signatureAlgorithms('ecdsa-sha2-nistp256')).toEqual(['ecdsa-sha2-nistp256']);
});

describe('HostKeyTrust', () => {
  test('pinned: accepts the known keys and no other, whatever was shown before', () => {
    const trust = HostKeyTrust.pinned([keyOf('ed25519'), keyOf('rsa')]);
    expect(trust.isPinned).toBe(true);
    const ask = fc.constantFrom<KeyType>('ed25519', 'rsa', 'ecdsa');
    fc.assert(
      fc.property(fc.array(ask, { minLength: 1 }), (asked) => {
        for (const type of asked) expect(trust.accepts(blobOf(keyOf(type)))).toBe(type !== 'ecdsa');
        expect(trust.offered).toEqual(keyOf(asked.at(-1) ?? 'rsa'));
        expect(trust.accepted).toEqual([keyOf('ed25519'), keyOf('rsa')]);
      }),
    );
  });

  test('pinned to nothing: accepts nothing', () => {
    const trust = HostKeyTrust.pinned([]);
    expect(trust.accepts(blobOf(keyOf('rsa')))).toBe(false);
    expect(trust.accepts(blobOf(keyOf('rsa')))).toBe(false);
    expect(trust.accepted).toEqual([]);
  });

  test('first seen: holds the first key for good', () => {
    const trust = HostKeyTrust.firstSeen();
    expect(trust.isPinned).toBe(false);
    expect(offeredHostKeys(trust.accepted, undefined)).toEqual([]);
    for (let time = 0; time < 3; time++) {
      expect(trust.accepts(blobOf(keyOf('rsa')))).toBe(true);
      expect(trust.accepts(blobOf(keyOf('ed25519')))).toBe(false);
    }
    expect(offeredHostKeys(trust.accepted, undefined)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
  });

  test('first seen, then extended by keys read over that connection', () => {
    const trust = HostKeyTrust.firstSeen();
    trust.accepts(blobOf(keyOf('rsa')));
    trust.extend([keyOf('ed25519'), keyOf('rsa')]);
    expect(trust.accepted).toEqual([keyOf('rsa'), keyOf('ed25519')]);
    expect(trust.accepts(blobOf(keyOf('ed25519')))).toBe(true);
    expect(trust.accepts(blobOf(keyOf('ecdsa')))).toBe(false);
  });

  test('a revoked key is refused even if it is also known, and the message says so', () => {
    const trust = HostKeyTrust.pinned([keyOf('rsa')], [keyOf('rsa')]);
    expect(trust.accepts(blobOf(keyOf('rsa')))).toBe(false);
    expect(trust.describeMismatch()).toMatch(/SHA256:.*revoked/);
  });

  test('offers the algorithms of the known keys only, each once', () => {
    const trust = HostKeyTrust.pinned([keyOf('ecdsa'), keyOf('rsa'), keyOf('rsa')]);
    expect(offeredHostKeys(trust.accepted, undefined)).toEqual([
      'ecdsa-sha2-nistp256',
      'rsa-sha2-512',
      'rsa-sha2-256',
    ]);
  });

  test('says which key was shown and which was expected', () => {
    const trust = HostKeyTrust.pinned([keyOf('ed25519')]);
    expect(trust.describeMismatch()).toMatch(/no key of these types/);
    trust.accepts(blobOf(keyOf('ecdsa')));
    expect(trust.describeMismatch()).toContain(`ecdsa-sha2-nistp256 ${fingerprint(keyOf('ecdsa'))}`);
    expect(trust.describeMismatch()).toContain(`expected ssh-ed25519 ${fingerprint(keyOf('ed25519'))}`);
  });

  test('refuses any bytes that are not a known key, without an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(HostKeyTrust.pinned([keyOf('ed25519')]).accepts(Buffer.from(bytes))).toBe(false);
      }),
    );
  });

  test('does not take bytes that are no key for the first key seen', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(4), Buffer.from('ffffffff41', 'hex')])
      expect(HostKeyTrust.firstSeen().accepts(bytes)).toBe(false);
  });
});
