import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { bech32 } from '@scure/base';
import { expect, test } from 'vitest';
import { ageRecipient } from '../../src/ssh/age-recipient';
import { type HostKey, hostKeyOfBlob } from '../../src/ssh/host-keys';

/** The blob of an ed25519 public key (RFC 8709, 4). */
function hostKey(bytes: Uint8Array): HostKey {
  const field = (data: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    return Buffer.concat([length, data]);
  };
  return hostKeyOfBlob(Buffer.concat([field(Buffer.from('ssh-ed25519')), field(bytes)]));
}

// RFC 8032, 7.1, test 1; the recipient is what `age-keygen -y` (age 1.1.1) printed for the identity that has the
// clamped SHA-512 of that secret key
test('a known key', () => {
  const key = hostKey(Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex'));
  expect(ageRecipient(key)).toBe('age1mp0q0mpzkzkcs9fhct6y6e3drg2re7psc4av5sc9mpw84y8kkchq6r9kjp');
});

/** The other way to the same point: from the private key, by node's own X25519. */
function publicX25519(secret: Buffer): Buffer {
  const prefix = Buffer.from('302e020100300506032b656e04220420', 'hex');
  const key = createPrivateKey({ key: Buffer.concat([prefix, secret]), format: 'der', type: 'pkcs8' });
  return Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url');
}

test('is the recipient of the private half, for any key', () => {
  for (let round = 0; round < 20; round++) {
    const pair = generateKeyPairSync('ed25519');
    const { x = '', d = '' } = pair.privateKey.export({ format: 'jwk' });
    const recipient = ageRecipient(hostKey(Buffer.from(x, 'base64url'))) ?? '';
    const scalar = createHash('sha512').update(Buffer.from(d, 'base64url')).digest().subarray(0, 32);
    const { prefix, bytes } = bech32.decodeToBytes(recipient);
    expect(prefix).toBe('age');
    expect(Buffer.from(bytes)).toEqual(publicX25519(scalar));
  }
});

test.each<[string, HostKey]>([
  ['RSA', { type: 'ssh-rsa', base64: 'AAAAB3NzaC1yc2EAAAADAQABAAAAQQ==' }],
  ['a blob that is cut off', { type: 'ssh-ed25519', base64: 'AAAAC3NzaC1lZDI1NTE5AAAAIA==' }],
  ['bytes that are no point', hostKey(Buffer.alloc(32, 0xff))],
  ['the neutral point', hostKey(Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]))],
])('%s has none', (_, key) => {
  expect(ageRecipient(key)).toBeUndefined();
});
