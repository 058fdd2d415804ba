import { describe, expect, test } from 'vitest';
import { type OnInstalled, onInstalledChoices } from '../../src/inputs/settings';
import { decide } from '../../src/plan/decide';
import type { Facts } from '../../src/plan/facts';
import { configured as demo } from '../support/evaluation';
import { machineSettings } from '../support/settings';
import { debian, installer, nixos } from '../support/situation';
import { makeTestKey } from './support';

const key = makeTestKey();
const wanted = demo.toplevel.outPath;

interface Case {
  onInstalled?: OnInstalled;
  installId?: string;
  phases?: string;
  facts: Facts;
  nixosOnDisks?: string[];
}

function decided({ onInstalled = 'fail', installId, phases, facts, nixosOnDisks = [] }: Case) {
  const settings = machineSettings({
    flake: '.#demo',
    'target-host': 'example.org',
    'ssh-private-key': key,
    'on-installed': onInstalled,
    // converge demands one
    'install-id': installId ?? (onInstalled === 'converge' ? 'a' : undefined),
    phases,
  });
  return decide({ settings, facts, evaluation: demo, nixosOnDisks });
}

/** What is decided in short: the action, or the guard that stops. */
function outcome(situation: Case): string {
  try {
    return decided(situation).action;
  } catch (error) {
    expect(error).toMatchObject({ kind: 'guard', hint: expect.stringMatching(/./) });
    return 'stop';
  }
}

const old = nixos;
const same: Facts = { ...nixos, systemPath: wanted, profilePath: wanted };
const asA = (facts: Facts): Facts => ({ ...facts, installId: 'a' });

describe('decide', () => {
  // on-installed                                              fail       skip       update     reinstall  converge (id a)
  test.each<[string, Facts, string[], string[]]>([
    ['another Linux', debian, [], ['install', 'install', 'install', 'install', 'install']],
    ['NixOS, no id, another system', old, [], ['stop', 'nothing', 'update', 'install', 'stop']],
    ['NixOS, no id, this system', same, [], ['stop', 'nothing', 'nothing', 'install', 'stop']],
    ['NixOS, id a, another system', asA(old), [], ['stop', 'nothing', 'update', 'install', 'update']],
    ['NixOS, id a, this system', asA(same), [], ['stop', 'nothing', 'nothing', 'install', 'nothing']],
    [
      'NixOS, id b, another system',
      { ...old, installId: 'b' },
      [],
      ['stop', 'nothing', 'update', 'install', 'install'],
    ],
    [
      'NixOS, id b, this system',
      { ...same, installId: 'b' },
      [],
      ['stop', 'nothing', 'nothing', 'install', 'install'],
    ],
    [
      'NixOS, id a, this system, but the old one boots next',
      { ...asA(same), profilePath: '/nix/store/old-system' },
      [],
      ['stop', 'nothing', 'update', 'install', 'update'],
    ],
    ['an installer, empty disks', installer, [], ['install', 'install', 'install', 'install', 'install']],
    [
      'an installer, NixOS on the disks',
      installer,
      ['/dev/sda2: ext4, label nixos'],
      ['install', 'stop', 'stop', 'install', 'stop'],
    ],
    [
      'an installer that an earlier run left',
      { ...installer, earlierRun: true },
      ['/dev/sda2: ext4, label nixos'],
      ['install', 'install', 'install', 'install', 'install'],
    ],
  ])('%s', (_, facts, nixosOnDisks, expected) => {
    expect(onInstalledChoices).toEqual(['fail', 'skip', 'update', 'reinstall', 'converge']);
    expect(onInstalledChoices.map((onInstalled) => outcome({ onInstalled, facts, nixosOnDisks }))).toEqual(
      expected,
    );
  });

  test('an id that is not recorded yet makes an update of the system that runs', () => {
    const facts = same;
    expect(outcome({ onInstalled: 'update', facts, installId: 'a' })).toBe('update');
    expect(outcome({ onInstalled: 'update', facts: asA(facts), installId: 'a' })).toBe('nothing');
    // another one does not: an update keeps what the machine was installed as
    expect(outcome({ onInstalled: 'update', facts: asA(facts), installId: 'b' })).toBe('nothing');
  });

  test('without kexec and disko NixOS may stay, whatever runs', () => {
    expect(outcome({ facts: nixos, phases: 'reboot' })).toBe('install');
    expect(outcome({ facts: nixos, phases: 'kexec' })).toBe('stop');
    expect(outcome({ facts: nixos, phases: 'disko,install' })).toBe('stop');
  });

  test('says why', () => {
    const reason = (situation: Case) => decided(situation).reason;
    expect(reason({ facts: debian })).toBe('the machine runs Debian GNU/Linux 12');
    expect(reason({ facts: { ...debian, distribution: '' } })).toBe('the machine runs Linux');
    expect(reason({ facts: asA(same), onInstalled: 'converge' })).toBe(
      `the machine was installed as a; it runs ${wanted} already`,
    );
    expect(reason({ facts: { ...same, installId: 'b' }, onInstalled: 'converge' })).toBe(
      'the machine was installed as b, and install-id is a now',
    );
    expect(reason({ facts: { ...same, profilePath: '' }, onInstalled: 'update' })).toMatch(
      /its system profile does not lead there/,
    );
    expect(reason({ facts: installer, onInstalled: 'skip' })).toMatch(/no NixOS was found on the disks/);
  });

  test('says what to do where it stops', () => {
    const stopped = (situation: Case) => () => decided(situation);
    expect(stopped({ facts: nixos })).toThrow(
      expect.objectContaining({
        message: 'the machine already runs NixOS (/nix/store/old-system)',
        hint: expect.stringMatching(/on-installed: update.*converge.*reinstall/),
      }),
    );
    expect(stopped({ facts: nixos, onInstalled: 'converge', installId: 'web-1' })).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/records no install-id/),
        hint: expect.stringMatching(/on-installed: update and install-id: web-1/),
      }),
    );
    const nixosOnDisks = ['/dev/sda2: ext4, label nixos', '/dev/sdb: zfs'];
    expect(stopped({ facts: installer, onInstalled: 'converge', nixosOnDisks })).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(
          /holds a NixOS already \(\/dev\/sda2: ext4, label nixos; \/dev\/sdb: zfs\)/,
        ),
        hint: expect.stringMatching(/reboot the machine.*on-installed: reinstall/),
      }),
    );
  });
});
