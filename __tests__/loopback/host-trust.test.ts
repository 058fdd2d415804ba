// Which host keys are accepted before the first login, from the inputs to a real sshd.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { openTarget } from '../../src/open-target';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import { fingerprint } from '../../src/ssh/host-keys';
import type { Sshd } from '../../testbed/sshd.mts';
import { atEnd, test, testEach } from '../support/concurrent';
import { hostKeysOf, script, startMachine, targetOf } from '../support/machine';
import { failure, temporaryFolder, testRuntime } from '../support/runtime';
import { machineSettings } from '../support/settings';

const diskKey = new Map([['env:DISK_KEY', { ok: Buffer.from('a passphrase') }]]);
const sendsSecret = { 'disk-encryption-keys': '/tmp/disk.key env:DISK_KEY' };

/** The machine as the action opens it. */
function opened(sshd: Sshd, inputs: Record<string, string>) {
  const settings = machineSettings(
    {
      flake: '.#test',
      'target-host': sshd.host,
      'ssh-port': String(sshd.port),
      'ssh-private-key': sshd.clientKey.private,
      'connect-timeout': '10s',
      ...inputs,
    },
    undefined,
    diskKey,
  );
  const target = openTarget(settings, testRuntime());
  atEnd(() => target.close());
  return target;
}

/** The lines, as ssh-keygen -H hides their hosts. */
function hashed(lines: string): string {
  const file = join(temporaryFolder('hash'), 'known_hosts');
  writeFileSync(file, `${lines}\n`);
  execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(/^\|1\|/);
  expect(text).not.toContain('127.0.0.1');
  return text;
}

const withoutHost = (line: string) => line.replace(/^\S+ /, '');
const loggedIn = (sshd: Sshd) => /userauth|authenticating user|Accepted/.test(sshd.log());

describe('known-hosts', () => {
  testEach([['rsa'], ['ecdsa']])('a pinned %s key, though the server also has ed25519', async (type) => {
    const sshd = await startMachine({ hostKeys: ['ed25519', type] });
    const target = opened(sshd, { ...sendsSecret, 'known-hosts': sshd.hostKeyLine(type) });
    await target.connect();
    expect(target.trust.offered).toEqual(hostKeysOf(sshd, type)[0]);
  });

  testEach<'ed25519' | 'rsa'>([['ed25519'], ['rsa']])('a hashed line with an %s key', async (type) => {
    const sshd = await startMachine({ hostKeys: ['ed25519', 'rsa'] });
    const target = opened(sshd, { 'known-hosts': hashed(sshd.hostKeyLine(type)) });
    await target.connect();
    expect(target.trust.offered).toEqual(hostKeysOf(sshd, type)[0]);
  });

  test('several keys, of which the server has one, among lines for others', async () => {
    const sshd = await startMachine({ hostKeys: ['rsa'] });
    const other = await startMachine({ hostKeys: ['ed25519', 'ecdsa'] });
    const name = `[127.0.0.1]:${sshd.port}`;
    const lines = [
      '# keys of the machine',
      `${name} ${withoutHost(other.hostKeyLine('ed25519'))}`,
      `[203.0.113.7]:22,${name} ${withoutHost(other.hostKeyLine('ecdsa'))}`,
      sshd.hostKeyLine('rsa'),
      `*,!${name} ${withoutHost(other.hostKeyLine('ed25519'))}`,
    ];
    const target = opened(sshd, { 'known-hosts': lines.join('\n') });
    await target.connect();
    expect(target.trust.accepted).toHaveLength(3);
  });

  test('a revoked key is refused before the login, with its fingerprint, though it is pinned', async () => {
    const sshd = await startMachine();
    const line = sshd.hostKeyLine('ed25519');
    const known = `${line}\n@revoked * ${withoutHost(line)}`;
    const error = await failure(opened(sshd, { 'known-hosts': known }).connect());
    expect(error).toMatchObject({ reason: 'host-key' });
    const [key] = hostKeysOf(sshd, 'ed25519');
    expect(error.message).toContain(
      `${key === undefined ? '' : fingerprint(key)}, which known-hosts marks as revoked`,
    );
    expect(loggedIn(sshd)).toBe(false);
  });

  test('a revoked key is not accepted as a new one either', async () => {
    const sshd = await startMachine();
    const inputs = {
      'known-hosts': `@revoked * ${withoutHost(sshd.hostKeyLine('ed25519'))}`,
      'ssh-option': 'StrictHostKeyChecking=accept-new',
    };
    expect((await failure(opened(sshd, inputs).connect())).message).toContain('marks as revoked');
    expect(loggedIn(sshd)).toBe(false);
  });

  test('a hashed line of another machine does not help, and both fingerprints are named', async () => {
    const sshd = await startMachine();
    const other = await startMachine();
    const line = other.hostKeyLine('ed25519').replace(String(other.port), String(sshd.port));
    const error = await failure(opened(sshd, { 'known-hosts': hashed(line) }).connect());
    for (const [key] of [hostKeysOf(sshd, 'ed25519'), hostKeysOf(other, 'ed25519')])
      expect(error.message).toContain(key === undefined ? 'no key' : fingerprint(key));
    expect(loggedIn(sshd)).toBe(false);
  });

  test('a key type that cannot be checked does not keep the others from being used', async () => {
    const sshd = await startMachine();
    const token = { type: 'sk-ssh-ed25519@openssh.com', base64: 'AAAA' };
    const trust = HostKeyTrust.pinned([token, ...hostKeysOf(sshd, 'ed25519')]);
    await targetOf(sshd, testRuntime(), { trust }).connect();
    expect(trust.offered?.type).toBe('ssh-ed25519');
  });
});

describe('without known-hosts', () => {
  test('a run that sends secrets stops before the login, and its line pins the machine', async () => {
    const sshd = await startMachine();
    const error = await failure(opened(sshd, sendsSecret).connect());
    expect(error).toMatchObject({
      reason: 'host-key',
      hint: expect.stringContaining('StrictHostKeyChecking=accept-new'),
    });
    expect(error.message).toContain('is not known, and this run sends secrets (disk-encryption-keys)');
    expect(loggedIn(sshd)).toBe(false);
    const line = error.message.split('\n').at(-1) ?? '';
    expect(line).toBe(sshd.hostKeyLine('ed25519').split(' ').slice(0, 3).join(' '));
    await opened(sshd, { ...sendsSecret, 'known-hosts': line }).connect();
    expect(loggedIn(sshd)).toBe(true);
  });

  test('accept-new lets it go on, with the first key held', async () => {
    const sshd = await startMachine();
    const inputs = { ...sendsSecret, 'ssh-option': 'stricthostkeychecking accept-new' };
    const target = opened(sshd, inputs);
    expect((await target.run(script('echo in'), [])).stdout).toBe('in\n');
    expect(target.trust.accepted).toEqual(hostKeysOf(sshd, 'ed25519'));
    expect(target.trust.isPinned).toBe(false);
  });

  test('upstream: host key checking cannot be turned on; StrictHostKeyChecking=yes does, secrets or not', async () => {
    const sshd = await startMachine();
    const error = await failure(opened(sshd, { 'ssh-option': 'StrictHostKeyChecking=yes' }).connect());
    expect(error.message).toContain('is not known, and ssh-option says StrictHostKeyChecking=yes');
    expect(loggedIn(sshd)).toBe(false);
  });

  testEach([
    ['a plan', { ...sendsSecret, plan: 'true' }],
    ['an install without secrets', {}],
  ])('%s takes the first key', async (_, inputs) => {
    const sshd = await startMachine();
    await opened(sshd, { ...inputs }).connect();
    expect(loggedIn(sshd)).toBe(true);
  });
});
