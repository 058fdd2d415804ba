import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../src/plan/canonical';
import { planDigest } from '../../src/plan/plan';
import { describePlan } from '../../src/report/describe-plan';
import { configured as demo } from '../support/evaluation';
import { bothDisks, type Change, key, planFor as plan, settingsWith } from '../support/planned';
import { debian, installer, nixos } from '../support/situation';
import { fs, type MachineText } from './disks/inventories';
import { makeTestKey } from './support';

function onSdb(props: Record<string, string>): MachineText {
  const partition = { name: 'sdb1', props };
  return {
    devices: [
      { name: 'sda', props: { serial: 'A' } },
      { name: 'sdb', partitions: [partition] },
    ],
    links: bothDisks.links ?? {},
  };
}
const rootOnSdb: MachineText = {
  ...onSdb(fs('ext4')),
  more: ['mount\t1 1 253:2 / / rw - ext4 /dev/sdb1 rw'],
};

test('a machine that is connected by wireless alone is not sent where nobody can follow', () => {
  expect(() => plan({ facts: { ...debian, wirelessOnly: true } })).toThrow(/connected by wireless alone/);
  // who has joined a network in an installer by hand stays there
  expect(plan({ facts: { ...installer, wirelessOnly: true } }).phases).not.toContain('kexec');
});

describe('makePlan', () => {
  test('installs a machine that runs another Linux, by way of kexec', () => {
    expect(plan()).toMatchObject({
      action: 'install',
      reason: 'the machine runs Debian GNU/Linux 12',
      phases: ['preflight', 'build', 'kexec', 'disko', 'install', 'reboot', 'verify'],
      authorizeKey: false,
      offline: { configuration: '.#nixosConfigurations."demo"', toplevel: '/nix/store/t' },
      online: {
        target: 'me@example.org:22',
        disksKnown: true,
        disks: [
          { device: '/dev/sda', fate: 'wiped', named: ['/dev/disk/by-id/a'], bytes: 1e12, model: 'Big' },
          { device: '/dev/sdb', fate: 'untouched', contents: [{ device: '/dev/sdb1', lost: false }] },
        ],
        bindings: [{ path: '/dev/disk/by-id/a', disks: [{ serial: 'A', wwn: '', bytes: 1e12 }], part: '' }],
        observed: { uses: { '/dev/sdb1': ['/srv'] } },
      },
    });
  });

  test('an installer needs no kexec', () => {
    const result = plan({ facts: installer, access: { keyIsCarried: false } });
    expect(result.phases).toEqual(['preflight', 'build', 'disko', 'install', 'reboot', 'verify']);
    expect(result.reason).toBe('the machine runs a NixOS installer');
    expect(result.authorizeKey).toBe(false);
  });

  test('an installer is kexec’ed all the same with force-kexec, which makes another plan of it', () => {
    const inputs = { 'force-kexec': 'true' };
    const result = plan({ facts: installer, access: { keyIsCarried: false }, inputs });
    expect(result.phases).toEqual(['preflight', 'build', 'kexec', 'disko', 'install', 'reboot', 'verify']);
    expect(result.reason).toBe('the machine runs a NixOS installer (force-kexec starts another)');
    expect(result.authorizeKey).toBe(true);
    expect(result.kexec?.image).toMatch(/nixos-kexec-installer-noninteractive-x86_64-linux\.tar\.gz$/);
    expect(planDigest(result)).not.toBe(planDigest(plan({ facts: installer })));
    // a machine that is only updated is not
    expect(plan({ facts: nixos, inputs: { ...inputs, 'on-installed': 'update' } }).kexec).toBe(null);
  });

  test.each([{ 'kexec-sha256': 'a'.repeat(64) }, { 'kexec-extra-flags': '--no-sync' }])(
    'is another plan with %j',
    (inputs: Record<string, string>) => {
      expect(planDigest(plan({ inputs }))).not.toBe(planDigest(plan()));
      // nothing of it matters where nothing is started
      expect(planDigest(plan({ facts: installer, inputs }))).toBe(planDigest(plan({ facts: installer })));
    },
  );

  test('a key that the image would not take along is authorized first', () => {
    expect(plan({ access: { keyIsCarried: false } }).authorizeKey).toBe(true);
  });

  test.each([
    [{ phases: 'kexec' }, ['preflight', 'build', 'kexec']],
    [{ phases: 'kexec,disko' }, ['preflight', 'build', 'kexec', 'disko']],
    [{ verify: 'off' }, ['preflight', 'build', 'kexec', 'disko', 'install', 'reboot']],
    [{ phases: 'reboot' }, ['preflight', 'build', 'reboot', 'verify']],
  ])('does the phases asked for: %j', (inputs: Record<string, string>, phases) => {
    expect(plan({ inputs }).phases).toEqual(phases);
  });

  test('verifies nothing where nothing could be recognised', () => {
    const { phases } = plan({ evaluation: { hostKeys: [] } });
    expect(phases).toEqual(['preflight', 'build', 'kexec', 'disko', 'install', 'reboot']);
  });
});

describe('makePlan for a machine that runs NixOS', () => {
  const running = demo.toplevel.outPath;
  const same = { ...nixos, systemPath: running, profilePath: running };
  test.each<[string, Change, string, string[]]>([
    [
      'an update',
      { facts: nixos, inputs: { 'on-installed': 'update' } },
      'update',
      ['preflight', 'build', 'update', 'verify'],
    ],
    [
      'an update without proof',
      { facts: nixos, inputs: { 'on-installed': 'update', verify: 'off' } },
      'update',
      ['preflight', 'build', 'update'],
    ],
    [
      'nothing to update',
      { facts: same, inputs: { 'on-installed': 'update' } },
      'nothing',
      ['preflight', 'verify'],
    ],
    [
      'nothing to update, nor to prove',
      { facts: same, inputs: { 'on-installed': 'update', verify: 'off' } },
      'nothing',
      ['preflight'],
    ],
    [
      'a machine that is skipped',
      { facts: same, inputs: { 'on-installed': 'skip' } },
      'nothing',
      ['preflight'],
    ],
  ])('%s', (_, change, action, phases) => {
    const made = plan(change);
    expect(made).toMatchObject({ action, phases, authorizeKey: false });
    expect(made.online.disks.map(({ fate }) => fate)).toEqual(['untouched', 'untouched']);
  });

  describe('an installer, asked to keep an installed system', () => {
    const withRoot = (label: string, on: 'sda' | 'sdb'): MachineText => ({
      devices: ['sda', 'sdb'].map((name) => ({
        name,
        kib: 976_562_500,
        props: { serial: name },
        partitions: [{ name: `${name}1`, kib: 500_000, props: fs('ext4', name === on ? label : 'data') }],
      })),
      links: { '/dev/disk/by-id/a': 'sda' },
    });
    const onInstaller = (machine: MachineText, choice: string, facts = installer) =>
      plan({ facts, machine, inputs: { 'on-installed': choice, 'install-id': 'a' } });

    test.each(['skip', 'update', 'converge'])('%s: leaves a NixOS on its disk alone', (choice) => {
      expect(() => onInstaller(withRoot('nixos', 'sda'), choice)).toThrow(/\/dev\/sda1: ext4 nixos/);
    });

    test('installs where there is none on the disk that is wiped, or an earlier run began to', () => {
      expect(onInstaller(withRoot('debian', 'sda'), 'converge').action).toBe('install');
      expect(onInstaller(withRoot('nixos', 'sdb'), 'converge').action).toBe('install');
      const begun = { ...installer, earlierRun: true };
      expect(onInstaller(withRoot('nixos', 'sda'), 'converge', begun).action).toBe('install');
      expect(onInstaller(withRoot('nixos', 'sda'), 'reinstall').action).toBe('install');
    });
  });

  test('the wrong machine is called that, before anything is said about its system', () => {
    const inputs = { 'expect-machine': 'f'.repeat(32) };
    expect(() => plan({ facts: nixos, inputs })).toThrow(/another machine has this address/);
  });
});

describe('the guards', () => {
  test.each<[string, Change, RegExp]>([
    ['another system than Linux', { facts: { ...debian, os: 'FreeBSD' } }, /runs FreeBSD, not Linux/],
    [
      'a user without rights',
      { facts: { ...debian, isRoot: false, privilege: undefined } },
      /cannot become root/,
    ],
    ['NixOS that is in use', { facts: nixos }, /already runs NixOS \(\/nix\/store\/old-system\)/],
    [
      'NixOS even if only kexec is asked for',
      { facts: nixos, inputs: { phases: 'kexec' } },
      /already runs NixOS/,
    ],
    ['NixOS even without kexec', { facts: nixos, inputs: { phases: 'disko' } }, /already runs NixOS/],
    [
      'an architecture without a default image',
      { facts: { ...debian, architecture: 'riscv64' }, evaluation: { system: 'riscv64-linux' } },
      /no default kexec image for riscv64/,
    ],
    ['lockdown', { facts: { ...debian, lockdown: 'integrity' } }, /locked down \(integrity\)/],
    ['missing tools', { facts: { ...debian, missingTools: ['tar', 'cpio'] } }, /lacks tar, cpio/],
    ['too little memory', { facts: { ...debian, memoryKiB: 900 * 1024 - 1 } }, /899 MiB of memory/],
    ['kexec switched off', { facts: { ...debian, kexecDisabled: true } }, /kexec is switched off/],
    ['disko without an installer', { inputs: { phases: 'disko' } }, /need a NixOS installer/],
    ['install without an installer', { inputs: { phases: 'install' } }, /need a NixOS installer/],
    [
      'install on NixOS in use',
      { facts: nixos, inputs: { phases: 'install', 'on-installed': 'reinstall' } },
      /need a NixOS installer/,
    ],
    ['a system that lets nobody in', { evaluation: { logins: [] } }, /authorizes no key, and no password/],
    [
      'an update that lets nobody in',
      { facts: nixos, inputs: { 'on-installed': 'update' }, evaluation: { logins: [] } },
      /authorizes no key, and no password/,
    ],
    ['a boot loader for another firmware', { facts: { ...debian, uefi: false } }, /needs UEFI/],
    [
      'a proof that cannot be given',
      { inputs: { verify: 'system' }, evaluation: { hostKeys: [] } },
      /verify: system is not possible/,
    ],
    [
      'another architecture',
      { evaluation: { system: 'aarch64-linux' } },
      /for aarch64-linux, but the machine is x86_64/,
    ],
    ['a configuration for macOS', { evaluation: { system: 'x86_64-darwin' } }, /not for Linux/],
    [
      'a missing disk',
      { evaluation: { disks: [{ device: '/dev/vda', destroy: true }] } },
      /no disk \/dev\/vda/,
    ],
    ['a machine without disks', { machine: { devices: [] } }, /it has none/],
    [
      'a disk that wipe-disks does not name',
      { inputs: { 'wipe-disks': 'B' } },
      /wipe-disks does not allow.*\/dev\/sda/,
    ],
    ['an entry of wipe-disks that is no disk', { inputs: { 'wipe-disks': 'any-thing' } }, /names any-thing/],
  ])('stop at %s', (_, change, message) => {
    let thrown: unknown;
    try {
      plan(change);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ kind: 'guard', message: expect.stringMatching(message) });
  });

  test.each<[string, Change]>([
    [
      'a system that lets nobody in and is not installed',
      { inputs: { phases: 'kexec' }, evaluation: { logins: [] } },
    ],
    ['NixOS that may be wiped', { facts: nixos, inputs: { 'on-installed': 'reinstall' } }],
    ['a reboot of NixOS', { facts: nixos, inputs: { phases: 'reboot' } }],
    ['sudo', { facts: { ...debian, isRoot: false, privilege: 'sudo' } }],
    ['just enough memory', { facts: { ...debian, memoryKiB: 900 * 1024 } }],
    [
      'an installer, whatever kexec would need',
      { facts: { ...installer, missingTools: ['tar'], memoryKiB: 1, kexecDisabled: true } },
    ],
    ['32 bits on 64', { evaluation: { system: 'i686-linux' } }],
    ['a missing disk that no phase needs', { inputs: { phases: 'kexec' }, machine: { devices: [] } }],
  ])('let %s pass', (_, change) => {
    expect(plan(change).action).toBe('install');
  });

  test('advise what fits the machine', () => {
    const without = { ...debian, isRoot: false, privilege: undefined };
    expect(() => plan({ facts: without })).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/neither sudo nor doas/) }),
    );
    expect(() => plan({ facts: { ...without, sudoInstalled: true } })).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/NOPASSWD/) }),
    );
  });
});

describe('the disks of the plan', () => {
  const fates = (change: Change) => plan(change).online.disks.map(({ device, fate }) => [device, fate]);
  const none = [
    ['/dev/sda', 'untouched'],
    ['/dev/sdb', 'untouched'],
  ];

  test.each<[string, Change]>([
    ['disko', { inputs: { phases: 'kexec' } }],
    ['a mode that wipes', { inputs: { 'disko-mode': 'mount' } }],
    ['an install', { facts: nixos, inputs: { 'on-installed': 'update' } }],
  ])('without %s nothing is wiped', (_, change) => {
    expect(fates(change)).toEqual(none);
    expect(plan(change).online.disksKnown).toBe(true);
  });

  test('a configuration that does not tell its disks may wipe all', () => {
    const evaluation = { disks: [] };
    expect(() => plan({ evaluation })).toThrow(
      /configuration without disko.devices.disk may wipe any disk, and wipe-disks does not allow \/dev\/sda .*, \/dev\/sdb /,
    );
    const { online } = plan({ evaluation, inputs: { 'wipe-disks': 'any' } });
    expect(online.disksKnown).toBe(false);
    expect(online.disks.map(({ fate }) => fate)).toEqual(['wiped', 'wiped']);
  });

  test('two paths to one disk are both named', () => {
    const disks = ['/dev/sda', '/dev/disk/by-id/a'].map((device) => ({ device, destroy: true }));
    expect(plan({ evaluation: { disks } }).online.disks[0]?.named).toEqual(['/dev/sda', '/dev/disk/by-id/a']);
  });

  test('are named in the log, with what is on them and where it is in use', () => {
    const text = describePlan({ ...plan(), work: null });
    expect(text).toContain('  WIPED      /dev/disk/by-id/a = /dev/sda, 1.0 TB, Big, serial A\n');
    expect(text).toContain('  untouched  /dev/sdb, 2.0 TB, serial B\n');
    expect(text).toContain('    kept /dev/sdb1, 512.0 MB, partition 1, ext4 "data", mounted at /srv');
    expect(text).toContain('because the machine runs Debian');
  });

  test.each<[string, Change, boolean]>([
    ['a label', { machine: onSdb({ ...fs('ext4', 'NixOS') }) }, true],
    [
      'a partition that disko made',
      { machine: onSdb({ ...fs('ext4'), ID_PART_ENTRY_NAME: 'disk-main-root' }) },
      true,
    ],
    ['the root of the NixOS that runs', { machine: rootOnSdb, facts: nixos }, true],
    ['the root of another system', { machine: rootOnSdb }, false],
    ['a label that only begins so', { machine: onSdb({ ...fs('ext4', 'nixos-data') }) }, false],
  ])('NixOS on them is recognised: %s', (_, change, isNixos) => {
    const inputs = { 'on-installed': 'reinstall' };
    expect(describePlan({ ...plan({ inputs, ...change }), work: null }).includes('looks like NixOS')).toBe(
      isNixos,
    );
  });

  test('of a changed disk the reader is told what that means', () => {
    expect(describePlan({ ...plan({ inputs: { 'disko-mode': 'format' } }), work: null })).toContain(
      'only what is marked as lost is lost',
    );
    expect(describePlan({ ...plan(), work: null })).not.toContain('only what is marked');
  });

  test('labels make no lines', () => {
    const partition = {
      name: 'sdb1',
      props: { ...fs('ext4'), ID_FS_LABEL_ENC: 'x\\x0a    kept everything' },
    };
    const machine = {
      ...bothDisks,
      devices: [{ name: 'sdb', props: { serial: 'B' }, partitions: [partition] }],
    };
    const found = plan({ machine, evaluation: { disks: [{ device: '/dev/sdb', destroy: true }] } });
    const text = describePlan({ ...found, work: null });
    expect(text).toContain('ext4 "x kept everything"');
    expect(text.split('\n').filter((line) => line.includes('kept everything'))).toHaveLength(1);
  });
});

describe('canonicalJson', () => {
  /** The same value with the keys of every object in another order. */
  function shuffled(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([name, inner]) => [name, shuffled(inner)]),
    );
  }

  test('gives the same bytes whatever the order of keys, and the same value back', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
        expect(JSON.stringify(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
        expect(canonicalJson(JSON.parse(canonicalJson(value)))).toBe(canonicalJson(value));
      }),
    );
  });

  test('sorts keys at every depth and has no blanks', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
  });
});

/** With another label of the file system on the second disk. */
function relabelled(label: string): MachineText {
  const devices = bothDisks.devices.map((device) => ({
    ...device,
    partitions: (device.partitions ?? []).map((each) => ({ ...each, props: fs('ext4', label, 'ext4-data') })),
  }));
  return { ...bothDisks, devices };
}

describe('planDigest', () => {
  test('is the same for the same situation, and another when anything differs', () => {
    const digest = planDigest(plan());
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(planDigest(plan())).toBe(digest);
    const others: Change[] = [
      { facts: { ...debian, machineId: 'f'.repeat(32) } },
      { evaluation: { toplevel: { drvPath: '', outPath: '/nix/store/other' } } },
      { machine: { ...bothDisks, devices: bothDisks.devices.slice(0, 1) } },
      { machine: relabelled('other') },
      { inputs: { phases: 'kexec' } },
      { access: { keyIsCarried: false } },
    ];
    const digests = others.map((change) => planDigest(plan(change)));
    expect(new Set([digest, ...digests]).size).toBe(others.length + 1);
  });

  test('does not depend on what is mounted, but on what is on the disks', () => {
    expect(planDigest(plan({ machine: { ...bothDisks, more: [] } }))).toBe(planDigest(plan()));
    expect(planDigest(plan({ machine: relabelled('data') }))).toBe(planDigest(plan()));
    expect(planDigest(plan({ machine: relabelled('other') }))).not.toBe(planDigest(plan()));
  });

  test('does not depend on the boot, the time or the key: a second look gives the same', () => {
    const other = plan({
      facts: { ...debian, bootId: 'another', kernel: '6.2', memoryKiB: 3_999_999, addresses: [] },
      inputs: { 'ssh-private-key': makeTestKey() },
    });
    expect(planDigest(other)).toBe(planDigest(plan()));
  });

  test('a plan holds no secret', () => {
    const lines = key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-'));
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) {
      expect(canonicalJson(plan())).not.toContain(line);
      expect(inspect(settingsWith(), { depth: 9 })).not.toContain(line);
    }
  });
});
