import { describe, expect, test } from 'vitest';
import {
  CancelledError,
  ConnectionError,
  GuardError,
  RemoteCommandError,
  TimeoutError,
} from '../../src/errors';
import { readRunIdentity } from '../../src/inputs/run-identity';
import { phaseNames } from '../../src/plan/plan';
import { nothingGathered } from '../../src/report/fleet-results';
import { failureOf } from '../../src/report/report';
import { Progress, targetStates } from '../../src/report/result';
import { howToResume } from '../../src/report/resume';
import { describeState } from '../../src/report/states';
import { summarise } from '../../src/report/summary';
import { SecretRegistry } from '../../src/secrets';
import { somePlan } from '../support/situation';

function progressIn(change: Partial<Progress>, phase?: Parameters<Progress['begin']>[0]): Progress {
  const progress = Object.assign(new Progress(), { target: 'root@example.org' }, change);
  if (phase !== undefined) progress.begin(phase);
  return progress;
}

const update = { ...somePlan, action: 'update', work: null } as const;
const mounts = { ...somePlan, offline: { ...somePlan.offline, diskoMode: 'mount' }, work: null } as const;

const kept = { ...somePlan, phases: ['build', 'install'], work: null } as const;

describe('how to go on after a cancel', () => {
  test.each([
    [progressIn({}, 'preflight'), /nothing on the machine’s disks was changed and nothing goes on/],
    [
      progressIn({ goesOn: 'kexec' }, 'kexec'),
      /may be in the installer or on the way there.* run the workflow again, it takes/,
    ],
    [progressIn({ targetState: 'installer' }, 'disko'), /nothing on its disks was changed/],
    [
      progressIn({ targetState: 'partitioned', goesOn: 'disko' }, 'disko'),
      /^disko goes on .*it waits for that/,
    ],
    [
      progressIn({ targetState: 'partitioned' }, 'install'),
      /old data is gone and the new system is not complete/,
    ],
    [
      progressIn({ targetState: 'partitioned', goesOn: 'nixos-install' }, 'install'),
      /^nixos-install goes on/,
    ],
    [progressIn({ targetState: 'installed' }, 'reboot'), /may still run the installer: reboot it/],
    [progressIn({ targetState: 'installed' }, 'verify'), /was rebooted, but was not seen running/],
    [progressIn({ goesOn: 'switch' }, 'update'), /^switch goes on/],
    [
      progressIn({ targetState: 'installed', plan: update }, 'update'),
      /^the machine was switched .*, at least in part, .*run the/,
    ],
    [progressIn({ targetState: 'installed', plan: update }, 'verify'), /^the machine was switched .*run the/],
    [progressIn({ targetState: 'partitioned', plan: mounts }, 'install'), /^nothing was wiped, but the new/],
    [progressIn({ target: '' }, 'vm-test'), /^no machine was contacted/],
  ])('%#', (progress, says) => {
    expect(howToResume(progress, true)).toMatch(says);
  });

  test.each<[Partial<Progress>, string]>([
    [{ goesOn: 'kexec' }, 'may be in the installer or on the way there'],
    [{ targetState: 'installer' }, 'reboot the machine into its old system'],
    [
      { targetState: 'installed' },
      'the new system is on the disks, and the machine may still run the installer: reboot it',
    ],
    [{ targetState: 'installer', goesOn: 'hook-after-kexec' }, 'boot the machine into an installer by hand'],
    [{ targetState: 'partitioned' }, 'boot the machine into an installer by hand'],
    [{ targetState: 'partitioned', goesOn: 'disko' }, 'boot the machine into an installer by hand'],
  ])('nobody is sent to an installer that lets in a key of this run alone: %#', (change, says) => {
    const advice = howToResume(progressIn({ ...change, keyIsLost: true }, 'disko'), true);
    expect(advice).toContain('lets in nobody but the key that was made for this run');
    expect(advice).toContain(says);
    expect(advice).not.toMatch(/takes the installer over|it waits for|as it finds it|begins anew with/);
  });
});

describe('how to go on after a failure', () => {
  test.each<[Partial<Progress>, RegExp]>([
    [{ target: '' }, /^no machine was contacted: run the workflow again once the reason is gone$/],
    [{}, /^nothing on the machine’s disks was changed .* once the reason is gone$/],
    [{ plan: update }, /^the machine runs the system that it ran before, .* once the reason is gone$/],
    [{ targetState: 'installer' }, /run the workflow again, it takes the installer over, or reboot/],
    [{ targetState: 'partitioned' }, /^the old data is gone .*starts anew with the disks$/],
    [
      { targetState: 'installed' },
      /a run with on-installed: update proves what runs there, and wipes nothing$/,
    ],
    [{ targetState: 'unlocking' }, /waits in its initrd for a disk’s passphrase: unlock it/],
    [{ targetState: 'booted' }, /^the machine runs the new system/],
  ])('%#', (change, says) => {
    expect(howToResume(progressIn(change, 'verify'), false)).toMatch(says);
    expect(howToResume(progressIn(change, 'verify'), false)).not.toContain('when you like');
  });
});

describe('what is said of the machine and how to go on agree', () => {
  const plans = [undefined, { ...somePlan, work: null }, update, mounts, kept];
  const runs = targetStates.flatMap((targetState) =>
    phaseNames.flatMap((phase) =>
      plans.flatMap((plan) =>
        [undefined, 'kexec', 'disko', 'nixos-install', 'switch'].flatMap((goesOn) =>
          [true, false].map((keyIsLost) => ({ targetState, phase, plan, goesOn, keyIsLost })),
        ),
      ),
    ),
  );

  test('whatever came of it', () => {
    for (const { phase, ...change } of runs) {
      const state = describeState(change.targetState, change.plan ?? null, { phase, kind: 'timeout' });
      const advice = howToResume(progressIn(change, phase), false);
      const both = `${state} / ${advice}`;
      // what is untouched is not on its way elsewhere; what was not changed is not gone, and what is gone was
      if (change.goesOn === 'kexec' && phase === 'kexec') expect(both).not.toContain('untouched');
      if (/nothing on (its|the machine’s) disks was changed/.test(both))
        expect(both).not.toContain('old data is gone');
      if (/wipes none|mounted there/.test(state)) expect(advice).not.toContain('old data is gone');
      // a key that is lost opens no installer
      if (change.keyIsLost && /installer/.test(advice))
        expect(advice).not.toMatch(/takes the installer over/);
    }
  });

  test('a jump that nobody saw the end of leaves no machine that is called untouched', () => {
    const progress = progressIn({ goesOn: 'kexec' }, 'kexec');
    const failed = failureOf(new TimeoutError('no'), progress, secrets);
    const summary = summarise(progress.result('failed', failed));
    expect(summary).toContain(
      '**The machine** is not seen in the installer; nothing on its disks was changed.',
    );
    expect(summary).toContain('may be in the installer or on the way there');
    expect(summary).not.toContain('is untouched');
  });

  test('a machine that did not jump, or came back, is untouched', () => {
    for (const error of [new RemoteCommandError('kexec failed'), new GuardError('came back')]) {
      const failed = failureOf(error, progressIn({}, 'kexec'), secrets);
      expect(summarise(progressIn({}, 'kexec').result('failed', failed))).toContain('is untouched');
    }
  });

  test('disks that this run has not partitioned are not called wiped', () => {
    expect(describeState('partitioned', kept)).toMatch(
      /on the disks that were mounted there, but not complete$/,
    );
    expect(howToResume(progressIn({ targetState: 'partitioned', plan: kept }, 'install'), false)).toMatch(
      /^the new system is not complete: run the workflow again, .* installs anew on what is mounted there$/,
    );
  });
});

const secrets = new SecretRegistry(() => undefined);

describe('a failure', () => {
  const disko = () => progressIn({ targetState: 'partitioned', goesOn: 'disko' }, 'disko');

  test('by a cancel names the phase and how to go on, in the summary too', () => {
    const progress = disko();
    const failure = failureOf(new CancelledError('the job was cancelled (SIGINT)'), progress, secrets);
    const resume = howToResume(progress, true);
    expect(failure).toMatchObject({ kind: 'cancelled', phase: 'disko', hint: null, resume });
    const summary = summarise(progress.result('failed', failure));
    expect(summary).toContain('## 🛑 Cancelled');
    expect(summary).toContain('**In phase disko** (cancelled)');
    expect(summary).toContain('**How to go on:** disko goes on on the machine');
  });

  test('has its own advice, and how to go on', () => {
    const error = new ConnectionError('refused', 'nothing listens', { hint: 'check ssh-port' });
    expect(failureOf(error, disko(), secrets)).toMatchObject({
      hint: 'check ssh-port',
      resume: expect.stringMatching(/^disko goes on/),
    });
    expect(failureOf(new RemoteCommandError('x'), progressIn({}), secrets)).toMatchObject({
      hint: null,
      resume: expect.stringMatching(/^nothing on the machine’s disks was changed/),
    });
  });

  test('of a run over many hosts says nothing of a machine', () => {
    const progress = progressIn({ target: '', fleet: nothingGathered });
    expect(failureOf(new GuardError('no'), progress, secrets).resume).toBeNull();
  });
});

describe('which run this is', () => {
  const environment = {
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_REPOSITORY: 'octocat/fleet',
    GITHUB_RUN_ID: '12',
    GITHUB_RUN_ATTEMPT: '3',
    GITHUB_JOB: 'install',
    RUNNER_NAME: 'r1',
  };

  test('as GitHub tells it', () => {
    expect(readRunIdentity(environment)).toEqual({
      run: 'https://github.com/octocat/fleet/actions/runs/12',
      attempt: 3,
      job: 'install on r1',
    });
  });

  test('elsewhere it has no name, and is the same as no other', () => {
    expect(readRunIdentity({})).toEqual({ run: '', attempt: 0, job: '' });
    expect(readRunIdentity({ ...environment, GITHUB_RUN_ATTEMPT: 'x' }).attempt).toBe(0);
  });
});
