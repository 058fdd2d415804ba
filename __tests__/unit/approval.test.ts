// Which plans may be carried out with an approval: the one that was approved, or what is left of it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Approval,
  approvalOf,
  beyondApproval,
  formatApproval,
  isApproved,
  parseApproval,
} from '../../src/plan/approval';
import type { DiskPlan } from '../../src/plan/disks/fates';
import { type OnlinePlan, type Plan, planDigest } from '../../src/plan/plan';
import { systemAlone } from '../support/situation';
import { nastyText } from './support';

const disk: DiskPlan = {
  device: '/dev/vda',
  fate: 'wiped',
  named: ['/dev/vda'],
  bytes: 1e9,
  model: 'Disk',
  serial: 'one',
  wwn: '',
  byId: '/dev/disk/by-id/one',
  contents: [],
};
/** What a machine with these disks adds to a plan; the first is the one that is named. */
const onDisks = (...disks: DiskPlan[]): Pick<OnlinePlan, 'disks' | 'bindings'> => ({
  disks,
  bindings: disks.slice(0, 1).map((each) => ({ path: '/dev/vda', disks: [each], part: '' })),
});
const hostKey = 'ssh-ed25519 SHA256:abc';
const online: OnlinePlan = {
  target: 'admin@example.org:2222',
  hostKeys: [hostKey, 'ssh-rsa SHA256:def'],
  machineId: '0123456789abcdef0123456789abcdef',
  architecture: 'x86_64',
  runsNixos: false,
  isInstaller: false,
  currentSystem: '',
  installId: '',
  disksKnown: true,
  ...onDisks(disk),
  observed: { distribution: 'Debian', kernel: '6.1', memoryKiB: 1, uefi: true, addresses: [], uses: {} },
};
const approved: Plan = {
  action: 'install',
  reason: 'the machine runs Debian',
  phases: ['preflight', 'build', 'kexec', 'disko', 'install', 'reboot', 'verify'],
  authorizeKey: true,
  kexec: null,
  mayWipe: null,
  ...systemAlone,
  offline: {
    configuration: '.#nixosConfigurations."demo"',
    system: 'x86_64-linux',
    hostName: 'demo',
    toplevel: '/nix/store/t',
    diskoScript: '/nix/store/d',
    vmTest: null,
    diskoMode: 'disko',
    buildOn: 'local',
    hardwareConfig: null,
    provisional: false,
    disks: [{ device: '/dev/vda', destroy: true }],
    installId: null,
  },
  online,
};
const digest = planDigest(approved);
const installerAt = (host: string) => ({
  ...approved.terms,
  installer: { ...approved.terms.installer, host },
});

/** How the same machine looks in the installer. */
const resumed: Plan = {
  ...approved,
  reason: 'the machine runs a NixOS installer',
  phases: ['preflight', 'build', 'disko', 'install', 'reboot', 'verify'],
  authorizeKey: false,
  kexec: null,
  online: {
    ...online,
    target: 'root@example.org:22',
    hostKeys: [hostKey],
    runsNixos: true,
    isInstaller: true,
    currentSystem: '/nix/store/installer',
    // the kernel found it in another place
    ...onDisks({ ...disk, device: '/dev/sda' }),
  },
};

describe('isApproved', () => {
  test('the same plan, whatever was merely observed', () => {
    expect(isApproved(approved, digest)).toBe(true);
    const observed = { ...online.observed, kernel: '6.2', addresses: ['192.0.2.1/24'] };
    expect(isApproved({ ...approved, online: { ...online, observed } }, digest)).toBe(true);
  });

  test.each<[string, Partial<Plan>]>([
    ['system', { offline: { ...approved.offline, toplevel: '/nix/store/other' } }],
    ['disko script', { offline: { ...approved.offline, diskoScript: '/nix/store/other' } }],
    [
      'configured disks',
      { offline: { ...approved.offline, disks: [{ device: '/dev/vdb', destroy: true }] } },
    ],
    ['machine ID', { online: { ...online, machineId: 'f'.repeat(32) } }],
    ['host key', { online: { ...online, hostKeys: ['ssh-ed25519 SHA256:other'] } }],
    ['disk at that path', { online: { ...online, ...onDisks({ ...disk, serial: 'two' }) } }],
    [
      'other disks',
      { online: { ...online, ...onDisks(disk, { ...disk, serial: 'two', fate: 'untouched' }) } },
    ],
    ['what runs there', { online: { ...online, currentSystem: '/nix/store/x' } }],
    ['action', { action: 'update' }],
    ['phases', { phases: ['preflight', 'build', 'kexec'] }],
    ['place of the installer', { terms: installerAt('203.0.113.66') }],
    ['proof', { terms: { ...approved.terms, verify: 'host-key' } }],
    ['where it was only half approved', { authorizeKey: true, phases: ['preflight', 'build'] }],
  ])('not another %s', (_, change) => {
    expect(isApproved({ ...approved, ...change }, digest)).toBe(false);
  });

  test('a key that is there already, but not one that is to be added without approval', () => {
    expect(isApproved({ ...approved, authorizeKey: false }, digest)).toBe(true);
    const without = planDigest({ ...approved, authorizeKey: false });
    expect(isApproved(approved, without)).toBe(false);
  });

  test('doing nothing needs none: a workflow that has ended may be run again', () => {
    expect(isApproved({ ...approved, action: 'nothing', phases: ['preflight'] }, digest)).toBe(true);
  });

  test('but a hook that would run all the same was to be approved', () => {
    const hooks = [{ when: 'after-verify', where: 'target', path: './x', sha256: 'f'.repeat(64) }] as const;
    const plan: Plan = { ...approved, action: 'nothing', phases: ['preflight', 'verify'], hooks };
    expect(isApproved(plan, digest)).toBe(false);
    expect(isApproved(plan, planDigest(plan))).toBe(true);
  });
});

describe('beyondApproval', () => {
  const approval = approvalOf(approved, 'example.org', digest);
  const beyond = (plan: Plan, host = 'example.org', key = hostKey) =>
    beyondApproval(approval, plan, host, key);

  test('nothing for the rest of the same work in the installer', () => {
    expect(isApproved(resumed, digest)).toBe(false);
    expect(beyond(resumed)).toEqual([]);
  });

  test('nothing when less is lost than was approved', () => {
    const more = { ...approved, online: { ...online, ...onDisks(disk, { ...disk, serial: 'two' }) } };
    expect(beyondApproval(approvalOf(more, 'example.org', digest), resumed, 'example.org', hostKey)).toEqual(
      [],
    );
  });

  const changed = (change: Partial<OnlinePlan>): Plan => ({
    ...resumed,
    online: { ...resumed.online, ...change },
  });
  test.each<[string, Plan, RegExp]>([
    [
      'another system',
      { ...resumed, offline: { ...resumed.offline, toplevel: '/nix/store/u' } },
      /another system/,
    ],
    ['another machine ID', changed({ machineId: 'f'.repeat(32) }), /machine ID was 0123/],
    [
      'another disk at that path',
      changed(onDisks({ ...disk, serial: 'two' })),
      /\/dev\/vda was the disk with serial one, .* and is the disk with serial two/,
    ],
    [
      'one more disk',
      changed(onDisks(disk, { ...disk, serial: 'two' })),
      /serial two.* everything would be lost too/,
    ],
    ['other disks that a provisional plan may wipe', { ...resumed, mayWipe: ['two'] }, /wipe-disks/],
    ['another place later', { ...resumed, terms: installerAt('203.0.113.66') }, /would be met elsewhere/],
    ['kexec again', { ...resumed, phases: [...approved.phases, 'update'] }, /further phases: update/],
  ])('names %s', (_, plan, says) => {
    expect(beyond(plan).join('; ')).toMatch(says);
  });

  test('names another address and another host key', () => {
    expect(beyond(resumed, 'other.example')).toEqual(['the address was example.org']);
    expect(beyond(resumed, 'example.org', 'ssh-ed25519 SHA256:other')).toEqual([
      'the host key is now ssh-ed25519 SHA256:other',
    ]);
  });

  test('an approval of kexec alone does not cover disko', () => {
    const only = approvalOf({ ...approved, phases: ['preflight', 'build', 'kexec'] }, 'example.org', digest);
    expect(beyondApproval(only, resumed, 'example.org', hostKey).join()).toMatch(/further phases: disko/);
  });

  test('a disk without an id is told by its size, not by its name', () => {
    const nameless = { ...disk, serial: '' };
    const record = approvalOf({ ...approved, online: { ...online, ...onDisks(nameless) } }, 'h', digest);
    const moved = changed(onDisks({ ...nameless, device: '/dev/sdb' }));
    expect(beyondApproval(record, moved, 'h', hostKey)).toEqual([]);
    const other = changed(onDisks({ ...nameless, bytes: 2e9 }));
    expect(beyondApproval(record, other, 'h', hostKey)).toHaveLength(2);
  });

  test('a disk may tell more or less of itself in the installer, as long as it tells the same', () => {
    expect(beyond(changed(onDisks({ ...disk, wwn: '0x5000c500a1b2c3d4' })))).toEqual([]);
    expect(beyond(changed(onDisks({ ...disk, serial: '' })))).toHaveLength(2);
  });
});

describe('the record', () => {
  test('is read as it was written, for any text in it', () => {
    const list = fc.array(nastyText, { maxLength: 5 });
    const names = [
      'digest',
      'offline',
      'newSystem',
      'host',
      'machineId',
      'kexec',
      'mayWipe',
      'terms',
    ] as const;
    const record = Object.fromEntries(names.map((name) => [name, nastyText])) as Record<
      (typeof names)[number],
      typeof nastyText
    >;
    const identity = { serial: nastyText, wwn: nastyText, bytes: fc.nat() };
    const lists = {
      hostKeys: list,
      hooks: list,
      phases: list,
      bindings: fc.array(
        fc.record({ path: nastyText, part: nastyText, disks: fc.array(fc.record(identity)) }),
      ),
      losses: fc.array(fc.record({ ...identity, losses: list })),
    };
    fc.assert(
      fc.property(fc.record({ ...record, ...lists }), (approval: Approval) => {
        expect(parseApproval(`${formatApproval(approval)}\n`)).toEqual(approval);
        expect(formatApproval(approval)).not.toContain('\n');
      }),
    );
  });

  test('anything else is no record', () => {
    const whole = JSON.parse(formatApproval(approvalOf(approved, 'example.org', digest)));
    for (const name of Object.keys(whole)) {
      const { [name]: _, ...part } = whole;
      expect(parseApproval(JSON.stringify(part)), name).toBeUndefined();
      expect(parseApproval(JSON.stringify({ ...whole, [name]: [1] })), name).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.oneof(nastyText, fc.json()), (text) => {
        expect(parseApproval(text)).toBeUndefined();
      }),
    );
  });
});
