import { describe, expect, test } from 'vitest';
import { GuardError } from '../../src/errors';
import { parseRequirements } from '../../src/nix/derivation';
import { parseSettings, parseStoreInfo } from '../../src/nix/settings';
import { kvmForBuildUsers } from '../../src/plan/test-builder';
import { checkTestBuilder, type TestBuilder } from '../../src/plan/vm-test';

const runner: TestBuilder = {
  systems: ['x86_64-linux', 'i686-linux'],
  hasRemoteBuilders: false,
  features: ['kvm', 'nixos-test'],
  kvm: { kind: 'usable' },
};
const needsKvm = { system: 'x86_64-linux', features: ['kvm', 'nixos-test'] };

describe('checkTestBuilder', () => {
  test.each<[string, Partial<TestBuilder>, RegExp]>([
    ['no device', { kvm: { kind: 'missing' } }, /^the VM test needs KVM, and this runner has no \/dev\/kvm$/],
    [
      'a device that is closed',
      { kvm: { kind: 'closed', builder: "Nix's build users (nixbld)", mode: 'mode 0660, group kvm' } },
      /Nix's build users \(nixbld\) may not open \/dev\/kvm \(mode 0660, group kvm\)/,
    ],
    ['features without it', { features: ['nixos-test'] }, /system-features does not have it \(nixos-test\)/],
  ])('%s', (_, change, message) => {
    const check = () => checkTestBuilder(needsKvm, { ...runner, ...change });
    expect(check).toThrow(GuardError);
    expect(check).toThrow(message);
    // a test that does not ask for it runs, and so may one that others build
    checkTestBuilder({ ...needsKvm, features: ['nixos-test'] }, { ...runner, ...change });
    checkTestBuilder(needsKvm, { ...runner, ...change, hasRemoteBuilders: true });
  });

  test('the advice has the rule for GitHub’s runners, and what others need', () => {
    try {
      checkTestBuilder(needsKvm, { ...runner, kvm: { kind: 'missing' } });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        hint: expect.stringMatching(/GROUP="kvm", MODE="0666".*99-kvm4all\.rules.*nested/),
      });
    }
  });

  test('another system is said before all else; a daemon’s features are not known', () => {
    const foreign = { ...needsKvm, system: 'aarch64-linux' };
    expect(() => checkTestBuilder(foreign, { ...runner, kvm: { kind: 'missing' } })).toThrow(
      'the VM test is for aarch64-linux, and this runner builds for x86_64-linux, i686-linux',
    );
    checkTestBuilder({ ...needsKvm, system: 'i686-linux' }, runner);
    checkTestBuilder(needsKvm, { ...runner, features: undefined });
  });
});

describe('kvmForBuildUsers', () => {
  const groups = 'root:x:0:\nkvm:x:104:nixbld1,nixbld2\nnixbld:x:30000:nixbld1,nixbld2\nother:x:5:me\n';
  test.each<[string, number, number, string, string]>([
    ['everybody may', 0o20666, 0, 'nixbld', 'usable'],
    ['a group of theirs may', 0o20660, 104, 'nixbld', 'usable'],
    ['a group of others may', 0o20660, 5, 'nixbld', 'closed'],
    ['the group may only read', 0o20640, 104, 'nixbld', 'closed'],
    ['root alone may', 0o20600, 0, 'nixbld', 'closed'],
    ['the group has no users', 0o20660, 104, '', 'closed'],
  ])('%s', (_, mode, gid, group, kind) => {
    expect(kvmForBuildUsers({ mode, gid }, group, groups)).toMatchObject({ kind });
  });

  test('says who may not, and what the mode is', () => {
    expect(kvmForBuildUsers({ mode: 0o20660, gid: 4_000_000 }, 'nixbld', groups)).toEqual({
      kind: 'closed',
      builder: "Nix's build users (nixbld)",
      mode: 'mode 0660, group 4000000',
    });
  });
});

describe('what Nix prints', () => {
  test.each<[string, object]>([
    [
      'in the environment',
      { '/nix/store/x.drv': { system: 'x86_64-linux', env: { requiredSystemFeatures: 'kvm  nixos-test' } } },
    ],
    [
      'with structured attributes',
      {
        '/nix/store/x.drv': {
          system: 'x86_64-linux',
          env: { __json: '{"requiredSystemFeatures":["kvm","nixos-test"]}' },
        },
      },
    ],
    [
      'in the newest form',
      {
        version: 4,
        derivations: {
          'x.drv': {
            system: 'x86_64-linux',
            env: {},
            structuredAttrs: { requiredSystemFeatures: ['kvm', 'nixos-test'] },
          },
        },
      },
    ],
  ])('of a derivation, %s', (_, answer) => {
    expect(parseRequirements(answer)).toEqual(needsKvm);
  });

  test('of a derivation that asks for nothing, or in a way that is not known', () => {
    expect(parseRequirements({ x: { system: 's', env: {} } })).toEqual({ system: 's', features: [] });
    for (const answer of [null, [], 42, {}, { x: null }])
      expect(parseRequirements(answer)).toEqual({ system: '', features: [] });
  });

  test('of its settings and its store', () => {
    const value = (of: unknown) => ({ value: of, defaultValue: 'x' });
    expect(
      parseSettings({
        system: value('x86_64-linux'),
        'extra-platforms': value(['i686-linux']),
        builders: value('@/x'),
      }),
    ).toEqual({
      system: 'x86_64-linux',
      extraPlatforms: ['i686-linux'],
      systemFeatures: [],
      builders: '@/x',
      buildUsersGroup: '',
      store: '',
      substituters: [],
      substitute: true,
      trustedPublicKeys: [],
      secretKeyFiles: [],
    });
    expect([{ url: 'daemon', trusted: 0 }, { url: 1, trusted: true }, null].map(parseStoreInfo)).toEqual([
      { url: 'daemon', trusted: false },
      { url: '', trusted: true },
      { url: '', trusted: undefined },
    ]);
  });
});
