// The guards that look at what comes after the reboot: who may log in, what the firmware starts, what can be proven.
import { describe, expect, test } from 'vitest';
import type {
  ConfigurationEvaluation,
  ConfiguredBootLoader,
  ConfiguredLogin,
} from '../../src/plan/evaluation';
import type { Facts } from '../../src/plan/facts';
import { checkFirmware, firmwareWarnings } from '../../src/plan/firmware';
import { checkLockOut, lockOutWarnings } from '../../src/plan/lock-out';
import { checkVerification, isVerifiable, verificationWarnings } from '../../src/plan/verification';
import { configured } from '../support/evaluation';
import { machineSettings } from '../support/settings';
import { makeTestKey } from './support';

const key = makeTestKey();
const settingsWith = (inputs: Record<string, string> = {}) =>
  machineSettings({ flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': key, ...inputs });
const { publicKey } = settingsWith().login;
const ours = `${publicKey.type} ${publicKey.base64}`;

const with_ = (change: Partial<ConfigurationEvaluation>): ConfigurationEvaluation => ({
  ...configured,
  ...change,
});
const login = (name: string, keys: string[] = [], password = false): ConfiguredLogin => ({
  name,
  keys,
  password,
});
const sshd = (change: Partial<ConfigurationEvaluation['sshd']>) => ({ ...configured.sshd, ...change });

describe('the lock-out guard', () => {
  test.each<[string, Partial<ConfigurationEvaluation>, RegExp]>([
    ['no SSH server', { sshd: sshd({ enabled: false }) }, /has no SSH server/],
    ['no login at all', { logins: [] }, /authorizes no key, and no password, of any user/],
    ['root alone, and barred', { sshd: sshd({ rootLogin: 'no' }) }, /PermitRootLogin is no\)/],
    [
      'root with forced commands only',
      { sshd: sshd({ rootLogin: 'forced-commands-only' }) },
      /forced-commands-only/,
    ],
    [
      'root with a password that is not taken',
      { logins: [login('root', [], true)] },
      /authorizes no key, and no password/,
    ],
    ['a comment for a key', { logins: [login('root', ['# ssh-ed25519 AAAA'])] }, /keys for root only|no key/],
    ['a key that is cut off', { logins: [login('bob', ['ssh-ed25519'])] }, /authorizes no key/],
    [
      'a placeholder',
      { logins: [login('root', ['# CHANGE'])] },
      /authorized keys of root hold a placeholder/,
    ],
    [
      'a placeholder beside a key',
      { logins: [login('bob', ['ssh-rsa CHANGE', ours])] },
      /authorized keys of bob hold a placeholder/,
    ],
    ['CHANGE_ME', { logins: [login('root', ['ssh-ed25519 CHANGE_ME'])] }, /placeholder/],
  ])('stops at %s', (_, change, message) => {
    const check = () => checkLockOut(settingsWith(), with_(change));
    expect(check).toThrow(
      expect.objectContaining({
        kind: 'guard',
        message: expect.stringMatching(message),
        hint: expect.any(String),
      }),
    );
    expect(() => checkLockOut(settingsWith({ 'allow-lockout': 'true' }), with_(change))).not.toThrow();
  });

  test.each<[string, Partial<ConfigurationEvaluation>]>([
    ['a key of root', {}],
    ['a key of another user', { logins: [login('bob', [ours])], sshd: sshd({ rootLogin: 'no' }) }],
    ['a password', { logins: [login('bob', [], true)] }],
    [
      'a password of root that is taken',
      { logins: [login('root', [], true)], sshd: sshd({ rootLogin: 'yes' }) },
    ],
    ['keys from elsewhere', { logins: [], sshd: sshd({ otherKeys: true }) }],
    ['a FIDO key', { logins: [login('bob', ['sk-ssh-ed25519@openssh.com AAAAG me'])] }],
    ['an ECDSA key', { logins: [login('bob', ['ecdsa-sha2-nistp256 AAAAE me'])] }],
    ['a name with CHANGE in it', { logins: [login('root', ['ssh-ed25519 AAAA me@EXCHANGE01'])] }],
    ['key bytes with CHANGE in them', { logins: [login('root', ['ssh-ed25519 AAAA/CHANGE'])] }],
  ])('lets %s pass', (_, change) => {
    expect(() => checkLockOut(settingsWith(), with_(change))).not.toThrow();
  });

  test('says when the login will not prove anything', () => {
    const warnings = (change: Partial<ConfigurationEvaluation>, inputs = {}) =>
      lockOutWarnings(settingsWith(inputs), with_(change));
    expect(warnings({})).toEqual([
      // an update has no reboot
      expect.stringMatching(
        /does not authorize ssh-private-key for root: which system runs afterwards cannot/,
      ),
    ]);
    expect(warnings({ logins: [login('root', [ours])] })).toEqual([]);
    expect(warnings({ logins: [login('root', [ours])] }, { 'post-install-ssh-user': 'bob' })).toEqual([
      expect.stringMatching(/ for bob/),
    ]);
    expect(warnings({ sshd: sshd({ otherKeys: true }) })).toEqual([]);
  });
});

describe('the firmware', () => {
  const bios = { uefi: false } as Facts;
  const uefi = { uefi: true } as Facts;
  const loader = (change: Partial<ConfiguredBootLoader>) =>
    with_({ bootLoader: { ...configured.bootLoader, ...change } });
  const grub = (grubDevices: string[], grubEfi: boolean) => loader({ kind: 'grub', grubDevices, grubEfi });

  test.each([
    ['systemd-boot', loader({})],
    ['GRUB for UEFI', grub(['nodev'], true)],
    ['GRUB for UEFI without a device', grub([], true)],
  ])('BIOS cannot start %s', (_, evaluation) => {
    expect(() => checkFirmware(bios, evaluation)).toThrow(/needs UEFI, but the machine was booted by BIOS/);
    expect(() => checkFirmware(uefi, evaluation)).not.toThrow();
    expect(firmwareWarnings(uefi, evaluation)).toEqual([]);
  });

  test.each([
    ['GRUB for BIOS', grub(['/dev/sda'], false), 1],
    ['GRUB for both', grub(['/dev/sda'], true), 0],
    ['a menu only', grub(['nodev'], false), 0],
    ['another loader', loader({ kind: 'other' }), 0],
  ])('%s passes', (_, evaluation, warnings) => {
    for (const facts of [bios, uefi]) expect(() => checkFirmware(facts, evaluation)).not.toThrow();
    expect(firmwareWarnings(uefi, evaluation)).toHaveLength(warnings);
    expect(firmwareWarnings(bios, evaluation)).toEqual([]);
  });
});

describe('what can be proven afterwards', () => {
  const hostKey = (path: string) => [{ type: 'ed25519', path, bits: '' }];
  const line = 'example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea';

  test.each<[string, Partial<ConfigurationEvaluation>, Record<string, string>, boolean]>([
    ['a configured key', {}, {}, true],
    ['no SSH server', { sshd: sshd({ enabled: false }) }, {}, false],
    ['no host keys', { hostKeys: [] }, {}, false],
    ['host keys that are made at boot', { hostKeys: hostKey('/run/secrets/ssh_host_key') }, {}, false],
    ['one of them on the disk', { hostKeys: [...hostKey('/run/k'), ...hostKey('/persist/k')] }, {}, true],
    ['the same, copied', { hostKeys: [] }, { 'copy-host-keys': 'true' }, true],
    ['the same, given', { hostKeys: [] }, { 'post-install-known-hosts': line }, true],
    ['a reboot of what is there', { hostKeys: [] }, { phases: 'reboot' }, true],
  ])('with %s', (_, change, inputs, verifiable) => {
    const evaluation = with_(change);
    expect(isVerifiable(settingsWith(inputs), evaluation, 'install')).toBe(verifiable);
    expect(verificationWarnings(settingsWith(inputs), evaluation, 'install')).toHaveLength(
      verifiable ? 0 : 1,
    );
    expect(() => checkVerification(settingsWith(inputs), evaluation, 'install')).not.toThrow();
    for (const verify of ['system', 'host-key']) {
      const check = () => checkVerification(settingsWith({ ...inputs, verify }), evaluation, 'install');
      if (verifiable) expect(check).not.toThrow();
      else expect(check).toThrow(`verify: ${verify} is not possible: `);
    }
  });

  test('lines for another port than the configuration’s are refused', () => {
    const inputs = { 'post-install-known-hosts': `[example.org]:2222 ${line.replace(/^\S+ /, '')}` };
    const check = (ports: number[]) =>
      checkVerification(settingsWith(inputs), with_({ sshd: sshd({ ports }) }), 'install');
    expect(() => check([2222])).not.toThrow();
    expect(() => check([22])).toThrow(/post-install-known-hosts has no key for example\.org,/);
  });

  test('an update is looked for where the machine is, behind a forwarded port too', () => {
    const inputs = { 'post-install-known-hosts': `[example.org]:2222 ${line.replace(/^\S+ /, '')}` };
    const check = (more: Record<string, string>) =>
      checkVerification(settingsWith({ ...inputs, ...more }), configured, 'update');
    expect(() => check({ 'ssh-port': '2222' })).not.toThrow();
    expect(() => check({ 'post-install-ssh-port': '2222' })).not.toThrow();
    expect(() => check({})).toThrow(/post-install-known-hosts has no key for example\.org,/);
  });
});
