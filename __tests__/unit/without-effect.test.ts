// No input is passed over in silence: what does nothing in a run is a warning.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { readSettings } from '../../src/inputs/read-settings';
import { SecretRegistry } from '../../src/secrets';
import { makeTestKey } from './support';

const needed = { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': makeTestKey() };

function noticesOf(raw: RawInputs): string[] {
  const notices: string[] = [];
  const warn = (notice: string) => notices.push(notice);
  readSettings({ ...needed, ...raw }, new SecretRegistry(() => undefined), new Map(), warn);
  return notices;
}

describe('inputs of a phase that is not carried out', () => {
  const url = 'https://example.org/image.tar';
  test.each([
    [
      'kexec',
      'disko,install',
      { kexec: url, 'kexec-sha256': 'a'.repeat(64), 'kexec-extra-flags': '--no-sync' },
    ],
    ['disko', 'kexec,install', { 'disko-mode': 'mount', 'no-disko-deps': 'true' }],
    ['install', 'kexec,disko', { 'install-bootloader': 'false' }],
  ])('%s', (phase, phases, inputs) => {
    expect(noticesOf(inputs)).toEqual([]);
    expect(noticesOf({ ...inputs, phases })).toEqual(
      Object.keys(inputs).map(
        (input) => `input ${input}: has no effect: it is for the ${phase} phase, which is not among phases`,
      ),
    );
  });

  test('that is switched off says nothing', () => {
    expect(noticesOf({ 'no-disko-deps': 'false', phases: 'kexec' })).toEqual([]);
  });
});

describe('sudo-password', () => {
  const root = 'input sudo-password: has no effect: root logs in, who needs no sudo; leave it out';
  test.each<[RawInputs, string[]]>([
    [{}, [root]],
    [{ 'target-host': 'admin@example.org' }, []],
    [{ 'ssh-option': 'User=admin' }, []],
    [{ 'post-install-ssh-user': 'admin' }, []],
    [{ 'post-install-ssh-user': 'root' }, [root]],
  ])('of %j', (inputs, notices) => {
    expect(noticesOf({ ...inputs, 'sudo-password': 'hunter2hunter2' })).toEqual(notices);
  });
});

describe('inputs of a cache that keeps nothing', () => {
  // NAME:, seed and public key, as `nix key generate-secret` makes them
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = [
    privateKey.export({ format: 'der', type: 'pkcs8' }),
    publicKey.export({ format: 'der', type: 'spki' }),
  ];
  const signingKey = `k-1:${Buffer.concat(raw.map((der) => der.subarray(-32))).toString('base64')}`;
  const given = { 'cache-key': 'ours', 'cache-signing-key': signingKey };
  const idle = (input: string, why: string) => `input ${input}: has no effect: ${why}; leave it out`;
  const system = '/nix/store/00000000000000000000000000000000-nixos-system-demo';
  const paths = { flake: '', 'store-paths': system, phases: 'install', from: 'https://example.org' };
  test.each<[string, RawInputs, string[]]>([
    ['none', {}, []],
    ['a plan', { plan: 'true' }, []],
    ['build-only', { 'build-only': 'true' }, []],
    [
      'cache: false',
      { cache: 'false' },
      [idle('cache-key', 'cache is false'), idle('cache-signing-key', 'cache is false')],
    ],
    ['store-paths', paths, [idle('cache-signing-key', 'of store-paths nothing is built that could be kept')]],
    [
      'build-on: remote',
      { 'build-on': 'remote' },
      [idle('cache-signing-key', 'what build-on has built on the machine is not kept')],
    ],
  ])('%s', (_name, inputs, notices) => {
    expect(noticesOf({ ...given, ...inputs })).toEqual(notices);
    // what is not given has no effect that somebody expects
    expect(noticesOf(inputs)).toEqual([]);
  });
});
