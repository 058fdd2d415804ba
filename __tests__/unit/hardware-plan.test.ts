// What a plan says of a hardware configuration that the machine is to write, and what it refuses.
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type CheckedSituation, checkPlan } from '../../src/plan/checks';
import { parseInventory } from '../../src/plan/disks/inventory';
import { type Evaluation, provisionalEvaluation } from '../../src/plan/evaluation';
import type { Facts } from '../../src/plan/facts';
import { makePlan, planDigest, type Situation } from '../../src/plan/plan';
import { restOf, revisePlan } from '../../src/plan/revise';
import { warningsOf } from '../../src/plan/warnings';
import { describePlan } from '../../src/report/describe-plan';
import { Progress } from '../../src/report/result';
import { summarise } from '../../src/report/summary';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import { Target } from '../../src/ssh/target';
import { configured } from '../support/evaluation';
import { machineSettings } from '../support/settings';
import { debian, installer, nixos } from '../support/situation';
import { machineText } from './disks/inventories';
import { fakeRuntime, makeTestKey } from './support';

const key = makeTestKey();
const twoDisks = {
  devices: [
    { name: 'sda', props: { serial: 'A' } },
    { name: 'sdb', props: { serial: 'B' } },
  ],
  leadsTo: { '/dev/sda': 'sda', '/dev/sdb': 'sdb', '/dev/disk/by-id/a': 'sda', '/dev/disk/by-id/b': 'sdb' },
};
const target = new Target(
  {
    endpoint: { host: 'example.org', port: 22, user: 'root' },
    login: { privateKey: key },
    trust: HostKeyTrust.firstSeen(),
    connectMs: 1,
    idleMs: 1,
  },
  fakeRuntime(),
);

interface Change {
  facts?: Facts;
  evaluation?: Evaluation;
  inputs?: Record<string, string>;
  hardwareFile?: Situation['hardwareFile'];
}

function situation({
  facts = debian,
  evaluation = configured,
  inputs,
  hardwareFile = 'missing',
}: Change = {}): Situation {
  const settings = machineSettings({
    flake: '.#demo',
    'target-host': 'example.org',
    'ssh-private-key': key,
    'generate-hardware-config': 'nixos-facter hosts/facter.json',
    ...inputs,
  });
  const paths = ['/dev/disk/by-id/a', '/dev/disk/by-id/b'];
  return {
    settings,
    evaluation,
    runnerSystems: ['x86_64-linux'],
    hardwareFile,
    extraFiles: undefined,
    facts,
    access: { keyIsCarried: true, hostKeys: [] },
    inventory: parseInventory(machineText({ ...twoDisks, paths }), paths),
    target,
  };
}

const provisional = provisionalEvaluation('x86_64-linux');
const disk = (device: string) => ({ ...configured, disks: [{ device, destroy: true }] });

describe('the plan', () => {
  test('has the phase between the jump and the disks', () => {
    const whole = ['preflight', 'build', 'kexec', 'hardware-config', 'disko', 'install', 'reboot', 'verify'];
    expect(makePlan(situation()).phases).toEqual(whole);
    expect(makePlan(situation({ facts: installer })).phases).toEqual(
      whole.filter((name) => name !== 'kexec'),
    );
    expect(makePlan(situation({ inputs: { phases: 'kexec' } })).phases).toEqual(whole.slice(0, 4));
  });

  test('says what will be written, and its digest holds it', () => {
    const plan = makePlan(situation());
    expect(describePlan({ ...plan, work: null })).toMatch(
      /hardware {2}hosts\/facter\.json is written by nixos-facter/,
    );
    const other = { 'generate-hardware-config': 'nixos-facter hosts/other.json' };
    expect(planDigest(makePlan(situation({ inputs: other })))).not.toBe(planDigest(plan));
  });

  test('is provisional where nothing is known, refuses nothing for that, and says so', () => {
    const seen = situation({ evaluation: provisional });
    const plan = makePlan(seen);
    checkPlan(seen, plan);
    expect(plan).toMatchObject({ offline: { provisional: true }, mayWipe: null });
    expect(plan.phases).toContain('verify');
    expect(warningsOf(seen, plan).filter((text) => text.startsWith('The plan is provisional'))).toHaveLength(
      1,
    );
    expect(describePlan({ ...plan, work: null })).toContain(
      'not known before the machine has described itself',
    );
  });

  test.each([
    ['/dev/disk/by-id/a', 'none may be wiped but /dev/disk/by-id/a (wipe-disks)'],
    ['any', 'any of them may be meant'],
    ['', 'any of them may be meant'],
  ])('that is provisional shows which disks are approved with it: wipe-disks %j', (allowed, says) => {
    const plan = makePlan(situation({ evaluation: provisional, inputs: { 'wipe-disks': allowed } }));
    expect(describePlan({ ...plan, work: null })).toContain(says);
    const progress = new Progress();
    progress.plan = { ...plan, work: null };
    expect(summarise(progress.result('planned'))).toContain(says);
  });
});

describe('an update', () => {
  const update = { 'on-installed': 'update' };

  test('takes the file as it is, with a warning', () => {
    const seen = situation({ facts: nixos, inputs: update, hardwareFile: 'there' });
    const plan = makePlan(seen);
    checkPlan(seen, plan);
    expect(plan.phases).not.toContain('hardware-config');
    expect(warningsOf(seen, plan)).toContainEqual(
      expect.stringMatching(/generated without an install: hosts\/facter\.json stays as it is/),
    );
  });

  test.each([
    ['with a placeholder', configured],
    ['with nothing', provisional],
  ])('is refused %s in place of the file', (_, evaluation) => {
    const seen = situation({ facts: nixos, inputs: update, evaluation });
    expect(() => checkPlan(seen, makePlan(seen))).toThrow(
      expect.objectContaining({ kind: 'guard', hint: expect.stringContaining('commit the file') }),
    );
  });
});

describe('revisePlan', () => {
  const inInstaller = (change: Change = {}): CheckedSituation => situation({ facts: installer, ...change });

  test('takes what the configuration says now, and keeps what was decided of the machine', () => {
    const first = makePlan(situation({ evaluation: provisional }));
    const revised = revisePlan(first, inInstaller({ evaluation: disk('/dev/disk/by-id/b') }));
    expect(revised).toMatchObject({
      action: 'install',
      reason: first.reason,
      phases: first.phases,
      offline: { toplevel: configured.toplevel.outPath, provisional: false },
      online: {
        isInstaller: false,
        disks: [
          { device: '/dev/sdb', fate: 'wiped' },
          { device: '/dev/sda', fate: 'untouched' },
        ],
      },
    });
    expect(restOf(revised).phases).toEqual(['disko', 'install', 'reboot', 'verify']);
  });

  test('a proof that turns out impossible is not promised any more', () => {
    const first = makePlan(situation({ evaluation: provisional }));
    const revised = revisePlan(first, inInstaller({ evaluation: { ...configured, hostKeys: [] } }));
    expect(restOf(revised).phases).toEqual(['disko', 'install', 'reboot']);
  });

  test.each<[string, Evaluation, RegExp]>([
    ['another architecture', { ...configured, system: 'aarch64-linux' }, /is for aarch64-linux/],
    ['nobody who may log in', { ...configured, logins: [] }, /nobody could log in/],
    ['a disk that is not there', disk('/dev/disk/by-id/c'), /by-id\/c/],
  ])('is checked as before the first act: %s', (_, evaluation, message) => {
    const first = makePlan(situation({ evaluation: provisional }));
    expect(() => revisePlan(first, inInstaller({ evaluation }))).toThrow(
      expect.objectContaining({ kind: 'guard', message: expect.stringMatching(message) }),
    );
  });

  test('wipe-disks holds for the disks that are learned', () => {
    const inputs = { 'wipe-disks': '/dev/disk/by-id/a' };
    const first = makePlan(situation({ evaluation: provisional, inputs }));
    expect(first.mayWipe).toEqual(['/dev/disk/by-id/a']);
    expect(() => revisePlan(first, inInstaller({ inputs, evaluation: disk('/dev/disk/by-id/b') }))).toThrow(
      expect.objectContaining({ kind: 'guard' }),
    );
    revisePlan(first, inInstaller({ inputs, evaluation: disk('/dev/disk/by-id/a') }));
  });

  test('costs no more than the plan that was shown, whatever may be wiped', () => {
    const inputs = { 'wipe-disks': 'any' };
    const first = makePlan(situation({ evaluation: disk('/dev/disk/by-id/a'), inputs }));
    expect(() => revisePlan(first, inInstaller({ inputs, evaluation: disk('/dev/disk/by-id/b') }))).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/^with the generated hardware configuration the plan is another one/),
        hint: expect.stringContaining('nothing was wiped'),
      }),
    );
  });

  test('runs no hook that was not shown, as where a proof becomes possible', () => {
    const script = fileURLToPath(new URL('../../scripts/setup.sh', import.meta.url));
    const inputs = { hooks: `after-verify target ${script}` };
    const first = makePlan(situation({ evaluation: { ...configured, hostKeys: [] }, inputs }));
    expect(() => revisePlan(first, inInstaller({ inputs }))).toThrow(
      expect.objectContaining({ message: expect.stringContaining('the hook after-verify would run') }),
    );
    revisePlan(makePlan(situation({ inputs })), inInstaller({ inputs }));
  });
});
