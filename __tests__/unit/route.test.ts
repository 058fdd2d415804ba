// How the machine is reached, as far as that is a matter of inputs and of what a kernel says.
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { installerEndpoint, trustOfInstaller } from '../../src/plan/installer-access';
import { loginOfJumpHost } from '../../src/plan/logins';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import { defaultLink, explainSocketError } from '../../src/ssh/tcp';
import { machineSettings } from '../support/settings';
import { makeTestKey } from './support';

const key = makeTestKey();
const needed = { flake: '.#demo', 'target-host': 'admin@203.0.113.7', 'ssh-private-key': key };
const read = (inputs: RawInputs = {}) => machineSettings({ ...needed, ...inputs });
const { publicKey } = read().login;
const line = (host: string) => `${host} ${publicKey.type} ${publicKey.base64}`;

/** The problems, by input. */
function problemsOf(inputs: RawInputs): Record<string, string> {
  try {
    read(inputs);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return Object.fromEntries(error.problems.map(({ input, problem }) => [input, problem]));
  }
  return {};
}

describe('target-host and ssh-option', () => {
  test.each<[string, RawInputs, string, number]>([
    ['User, where target-host names nobody', { 'target-host': 'web', 'ssh-option': 'User=me' }, 'me@web', 22],
    ['the same user twice', { 'ssh-option': 'User=admin' }, 'admin@203.0.113.7', 22],
    [
      'HostName',
      { 'target-host': 'web', 'ssh-option': 'HostName=%h.example.org' },
      'root@web.example.org',
      22,
    ],
    ['Port', { 'ssh-option': 'Port=2222' }, 'admin@203.0.113.7', 2222],
    ['the same port twice', { 'ssh-port': '2222', 'ssh-option': 'Port=2222' }, 'admin@203.0.113.7', 2222],
  ])('%s', (_, inputs, who, port) => {
    const { targetHost, sshPort } = read(inputs);
    expect(`${targetHost.value.user}@${targetHost.value.host}`).toBe(who);
    expect(sshPort.value).toBe(port);
  });

  test('what contradicts is said', () => {
    expect(problemsOf({ 'ssh-option': 'User=me' })['ssh-option']).toBe(
      'has User=me, but target-host says admin; leave out one of them',
    );
    expect(problemsOf({ 'ssh-port': '22', 'ssh-option': 'Port=2222' })['ssh-option']).toBe(
      'has Port=2222, but ssh-port is 22; leave out one of them',
    );
  });

  test('an address that every network has needs its zone', () => {
    expect(problemsOf({ 'target-host': 'fe80::1' })['target-host']).toMatch(
      /^is "fe80::1", which every network has: add the interface that leads to it, as in fe80::1%eth0$/,
    );
    expect(read({ 'target-host': '[FE80::1%eth0]' }).targetHost.value.host).toBe('fe80::1%eth0');
  });

  test('an alias, and a key of a kind that is not among HostKeyAlgorithms', () => {
    const known = { 'known-hosts': line('web-1') };
    expect(problemsOf({ ...known, 'ssh-option': 'HostKeyAlias=web-1' })).toEqual({});
    expect(problemsOf({ ...known, 'ssh-option': 'HostKeyAlias=web-2' })['known-hosts']).toMatch(
      /has no key for web-2, only for web-1/,
    );
    const options = 'HostKeyAlias=web-1\nHostKeyAlgorithms=rsa-sha2-512';
    expect(problemsOf({ ...known, 'ssh-option': options })['ssh-option']).toMatch(
      /^has HostKeyAlgorithms without the kind of key that known-hosts gives for web-1 \(ssh-ed25519\)$/,
    );
  });
});

describe('who logs in to a jump host', () => {
  const jump = { 'ssh-option': 'ProxyJump=bastion' };
  const other = makeTestKey();

  test('the key of the machine, or one of its own', () => {
    expect(loginOfJumpHost(read(jump))).toEqual({ privateKey: key });
    expect(loginOfJumpHost(read({ ...jump, 'jump-ssh-private-key': other }))).toEqual({ privateKey: other });
  });

  test('a key of its own that has a passphrase', () => {
    const pair = generateKeyPairSync('ed25519');
    const locked = { cipher: 'aes-256-cbc', passphrase: 'correct horse' };
    const pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem', ...locked }).toString();
    const withKey = { ...jump, 'jump-ssh-private-key': pem };
    expect(problemsOf(withKey)['jump-ssh-private-key']).toContain('is protected by a passphrase');
    const settings = read({ ...withKey, 'jump-ssh-private-key-passphrase': 'correct horse' });
    expect(loginOfJumpHost(settings).privateKey).toContain('BEGIN OPENSSH PRIVATE KEY');
  });

  test('never a password: then a key is required', () => {
    const byPassword = { ...jump, 'ssh-private-key': '', 'ssh-password': 'hunter2' };
    expect(problemsOf(byPassword)['jump-ssh-private-key']).toMatch(/^is required: .* by key/);
    const settings = read({ ...byPassword, 'jump-ssh-private-key': other });
    expect(loginOfJumpHost(settings)).toEqual({ privateKey: other });
  });

  test('a key for none is a mistake', () => {
    expect(problemsOf({ 'jump-ssh-private-key': other })['jump-ssh-private-key']).toMatch(
      /ssh-option names none/,
    );
  });
});

describe('the installer', () => {
  test('answers where the machine does, to root, or where and to whom it is said', () => {
    expect(installerEndpoint(read({ 'ssh-port': '2222' }))).toEqual({
      host: '203.0.113.7',
      port: 22,
      user: 'root',
    });
    const elsewhere = {
      'post-kexec-ssh-host': '203.0.113.9',
      'post-kexec-ssh-port': '23',
      'post-kexec-ssh-user': 'nixos',
    };
    expect(installerEndpoint(read(elsewhere))).toEqual({ host: '203.0.113.9', port: 23, user: 'nixos' });
  });

  test('has the keys of the machine, and those that known-hosts has for its address', () => {
    const carried = { type: 'ssh-ed25519', base64: 'AAAA' };
    const trust = HostKeyTrust.pinned([carried]);
    expect(trustOfInstaller(read(), trust)).toBe(trust);
    const known = `${line('203.0.113.7')}\n${line('203.0.113.9')}`;
    const settings = read({ 'post-kexec-ssh-host': '203.0.113.9', 'known-hosts': known });
    expect(trustOfInstaller(settings, trust).accepted).toEqual([carried, publicKey]);
  });
});

describe('no way there', () => {
  const endpoint = { host: 'web.example.org', port: 22, user: 'root' };
  const failed = (code: string, address: string) =>
    Object.assign(new Error(`connect ${code} ${address}`), { code, address, syscall: 'connect' });
  const explain = (error: Error, hasIpv6 = false) =>
    explainSocketError(error, endpoint, defaultLink, () => hasIpv6);

  test.each(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'])(
    'IPv6 alone, from a runner without (%s): nothing to wait for',
    (code) => {
      const error = explain(failed(code, '2001:db8::7'));
      expect(error.reason).toBe('no-route');
      expect(error.message).toBe(
        `root@web.example.org:22 has only IPv6 addresses, and this runner has no IPv6 (${code})`,
      );
      expect(error.hint).toContain('ProxyJump=user@host');
    },
  );

  test('a runner that has IPv6 may find its way again', () => {
    expect(explain(failed('ENETUNREACH', '2001:db8::7'), true)).toMatchObject({ reason: 'unreachable' });
  });

  test('of several addresses the one that answers counts', () => {
    const refused = new AggregateError([
      failed('ENETUNREACH', '2001:db8::7'),
      failed('ECONNREFUSED', '192.0.2.7'),
    ]);
    expect(explain(refused).reason).toBe('refused');
    const silent = new AggregateError([
      failed('ENETUNREACH', '2001:db8::7'),
      failed('ETIMEDOUT', '192.0.2.7'),
    ]);
    expect(explain(silent)).toMatchObject({
      reason: 'unreachable',
      message: expect.stringContaining('192.0.2.7'),
    });
    const both = new AggregateError([
      failed('ENETUNREACH', '2001:db8::7'),
      failed('ENETUNREACH', '2001:db8::8'),
    ]);
    expect(explain(both).reason).toBe('no-route');
  });

  test.each(['::1', 'fe80::1%eth0', '192.0.2.7'])(
    'an address that needs no way out (%s) is another matter',
    (address) => {
      expect(explain(failed('EHOSTUNREACH', address)).reason).toBe('unreachable');
    },
  );
});
