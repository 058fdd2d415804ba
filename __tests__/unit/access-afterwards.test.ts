import { describe, expect, test } from 'vitest';
import { accessAfterwards } from '../../src/plan/access-afterwards';
import type { ConfigurationEvaluation, ConfiguredLogin } from '../../src/plan/evaluation';
import { configured } from '../support/evaluation';
import { machineSettings } from '../support/settings';
import { makeTestKey } from './support';

const key = makeTestKey();
const otherKey = makeTestKey();
const raw = { flake: '.#demo', 'target-host': 'admin@203.0.113.7', 'ssh-private-key': key };
const { publicKey } = machineSettings(raw).login;
const other = machineSettings({ ...raw, 'ssh-private-key': otherKey }).login.publicKey;
const ours = `${publicKey.type} ${publicKey.base64} me@laptop`;

function access(inputs: Record<string, string> = {}, evaluation: Partial<ConfigurationEvaluation> = {}) {
  return accessAfterwards(machineSettings({ ...raw, ...inputs }), { ...configured, ...evaluation });
}
const login = (name: string, ...keys: string[]): ConfiguredLogin => ({ name, keys, password: false });
const sshd = (change: Partial<ConfigurationEvaluation['sshd']>) => ({
  sshd: { ...configured.sshd, ...change },
});

describe('the port', () => {
  test.each<[string, Record<string, string>, Partial<ConfigurationEvaluation>, number]>([
    ['of the configuration', {}, sshd({ ports: [2200, 22] }), 2200],
    ['22 where it has none', {}, sshd({ ports: [] }), 22],
    ['of a forwarding', { 'post-kexec-ssh-port': '4022' }, sshd({ ports: [2200] }), 4022],
    ['22, when that was given', { 'post-kexec-ssh-port': '22' }, sshd({ ports: [2200] }), 22],
    [
      'that was given',
      { 'post-kexec-ssh-port': '4022', 'post-install-ssh-port': '99' },
      sshd({ ports: [2200] }),
      99,
    ],
  ])('is that %s', (_, inputs, evaluation, port) => {
    expect(access(inputs, evaluation).endpoint.port).toBe(port);
  });
});

test('another address is another place', () => {
  expect(access()).toMatchObject({ endpoint: { host: '203.0.113.7' }, sameHost: true });
  const moved = access({ 'post-install-ssh-host': 'web.example.org' });
  expect(moved).toMatchObject({ endpoint: { host: 'web.example.org' }, sameHost: false });
  const same = { 'target-host': 'Web.example.org', 'post-install-ssh-host': 'web.example.org' };
  expect(access(same).sameHost).toBe(true);
});

test('is where the installer answered, if that was elsewhere', () => {
  const elsewhere = { 'post-kexec-ssh-host': '2001:DB8::7' };
  expect(access(elsewhere)).toMatchObject({ endpoint: { host: '2001:db8::7' }, sameHost: true });
  const back = access({ ...elsewhere, 'post-install-ssh-host': '203.0.113.7' });
  expect(back).toMatchObject({ endpoint: { host: '203.0.113.7' }, sameHost: false });
});

describe('the user', () => {
  test.each<[string, ConfiguredLogin[], Partial<ConfigurationEvaluation>, string, boolean]>([
    ['root, where it has our key', [login('admin', ours), login('root', ours)], {}, 'root', true],
    [
      'the one of target-host, where root is barred',
      [login('aaa', ours), login('admin', ours), login('root', ours)],
      sshd({ rootLogin: 'no' }),
      'admin',
      true,
    ],
    ['whoever has our key', [login('aaa', 'ssh-ed25519 AAAAother'), login('bob', ours)], {}, 'bob', true],
    ['root, where nobody has it', [login('bob', 'ssh-ed25519 AAAAother')], {}, 'root', false],
    ['root, where it is barred', [login('root', ours)], sshd({ rootLogin: 'no' }), 'root', false],
    ['root, without an SSH server', [login('bob', ours)], sshd({ enabled: false }), 'root', false],
    ['nobody by a comment', [login('bob', `# ${ours}`)], {}, 'root', false],
    ['one whose line has options', [login('bob', `no-pty,from="10.0.0.0/8" ${ours}`)], {}, 'bob', true],
  ])('is %s', (_, logins, evaluation, user, expected) => {
    const result = access({}, { logins, ...evaluation });
    expect([result.endpoint.user, result.loginExpected]).toEqual([user, expected]);
  });

  test('that was given is taken, and it is said whether it is let in', () => {
    const logins = [login('root', ours), login('bob', 'ssh-ed25519 AAAAother')];
    const as = (user: string) => access({ 'post-install-ssh-user': user }, { logins });
    expect(as('bob')).toMatchObject({ endpoint: { user: 'bob' }, loginExpected: false });
    expect(as('root')).toMatchObject({ endpoint: { user: 'root' }, loginExpected: true });
  });

  test('is looked up by the key for the installed system, where there is one', () => {
    const logins = [login('bob', `${other.type} ${other.base64}`), login('root', ours)];
    const result = access({ 'post-install-ssh-private-key': otherKey }, { logins });
    expect(result).toMatchObject({ endpoint: { user: 'bob' }, publicKey: other, loginExpected: true });
  });

  describe('without a key', () => {
    const byPassword = { flake: '.#demo', 'target-host': 'admin@203.0.113.7', 'ssh-password': 'x' };
    const accessBy = (logins: ConfiguredLogin[], rootLogin = 'prohibit-password', agent?: string) => {
      const { 'ssh-password': _, ...none } = byPassword;
      const settings = machineSettings(agent === undefined ? byPassword : none, undefined, undefined, {
        SSH_AUTH_SOCK: agent,
      });
      const { endpoint, ...rest } = accessAfterwards(settings, {
        ...configured,
        logins,
        ...sshd({ rootLogin }),
      });
      return { user: endpoint.user, expected: rest.loginExpected, key: rest.publicKey };
    };
    const withPassword = (name: string) => ({ ...login(name), password: true });

    test('is one who has a password, and is known', () => {
      expect(accessBy([withPassword('bob'), withPassword('admin'), withPassword('root')])).toEqual({
        user: 'admin',
        expected: true,
        key: undefined,
      });
      expect(accessBy([withPassword('root')], 'yes')).toMatchObject({ user: 'root', expected: true });
      expect(accessBy([withPassword('bob')])).toMatchObject({ user: 'root', expected: false });
      expect(accessBy([login('root', ours)])).toMatchObject({ user: 'root', expected: false });
    });

    test('is one who has any key, for an agent', () => {
      expect(accessBy([login('admin', ours)], 'no', '/agent')).toMatchObject({
        user: 'admin',
        expected: true,
      });
      expect(accessBy([withPassword('admin')], 'no', '/agent')).toMatchObject({ expected: false });
    });
  });
});
