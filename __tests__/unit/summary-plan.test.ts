// What the summary says of disks and of work, before a run and after it, and that it never says too much.
import { describe, expect, test } from 'vitest';
import type { OnlinePlan, Plan } from '../../src/plan/plan';
import { type Outcome, Progress, type Result, type TargetState } from '../../src/report/result';
import { summarise } from '../../src/report/summary';
import { planFor } from '../support/planned';
import { nixos } from '../support/situation';
import { resultWith } from './whole-result';

const limit = 1024 * 1024;
const wiped = planFor({ facts: nixos, inputs: { 'on-installed': 'reinstall' } });

function resultOf(outcome: Outcome, targetState: TargetState, plan: Plan = wiped): Result {
  const planDigest = 'sha256:d';
  return {
    ...new Progress().result(outcome),
    target: 'r',
    targetState,
    planDigest,
    plan: { ...plan, work: null },
  };
}

describe('the disks', () => {
  const byPlan =
    'By the plan 1 of 2 disks would have been lost.\n\n<details><summary>What the plan does to them</summary>';
  test.each<[Outcome, TargetState, string]>([
    ['planned', 'untouched', '**1 of 2 disks will be lost.**'],
    ['failed', 'untouched', `Nothing on them was changed.\n\n${byPlan}`],
    ['failed', 'installer', `Nothing on them was changed.\n\n${byPlan}`],
    ['failed', 'partitioned', 'Disko has begun. By the plan **1 of 2 disks is lost.**'],
    ['installed', 'booted', '**1 of 2 disks was lost.**'],
  ])('of a run that has %s, with the machine %s', (outcome, state, says) => {
    expect(summarise(resultOf(outcome, state))).toContain(`### Disks\n\n${says}\n\n|  | disk and what`);
  });

  test('of which none is lost', () => {
    const { online } = wiped;
    const disksWith = (fate: 'changed' | 'untouched'): Plan => ({
      ...wiped,
      online: { ...online, disks: online.disks.map((disk) => ({ ...disk, fate })) },
    });
    const planned = (fate: 'changed' | 'untouched') =>
      summarise(resultOf('planned', 'untouched', disksWith(fate)));
    expect(planned('untouched')).toContain('### Disks\n\nNone is changed.\n');
    expect(summarise(resultOf('failed', 'untouched', disksWith('untouched')))).toContain(
      'Nothing on them was changed.\n\nBy the plan none would have been.\n',
    );
    expect(planned('changed')).toMatch(
      /### Disks\n\nNone is lost as a whole\.\n(.*\n)*Changed: only what is marked/,
    );
  });

  test('are no matter of an update', () => {
    const update: Plan = { ...wiped, action: 'update' };
    expect(summarise(resultOf('updated', 'booted', update))).not.toContain('### Disks');
  });

  test('are the first thing that a plan says, and what the machine is comes after them', () => {
    const plan = summarise(resultOf('planned', 'untouched'));
    const order = ['**Install**', '### Disks', '### What to do next', '**Work:**', '| the machine |'];
    const places = order.map((words) => plan.indexOf(words));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(Math.min(...places)).toBeGreaterThan(0);
    expect(plan).not.toContain('The plan, and the machine as it was before');
    expect(summarise(resultOf('failed', 'untouched'))).toMatch(
      /<details><summary>The plan, and the machine as it was before<\/summary>\n\n\| the machine \|/,
    );
  });

  test('200 of them, with names that nobody gives, stay below what GitHub takes', () => {
    for (const text of ['<'.repeat(8192), '日'.repeat(8192), '|'.repeat(8192)]) {
      const result = resultWith(text, 40);
      const { plan } = result;
      if (plan === null || plan.online === null) throw new Error('this result has a whole plan');
      const disks = Array.from({ length: 200 }, () => plan.online.disks).flat();
      const configured = Array.from({ length: 200 }, () => ({ device: text, destroy: true }));
      const online: OnlinePlan = { ...plan.online, disks };
      const offline = { ...plan.offline, diskoScript: text, disks: configured };
      const { failure } = result;
      const message = text.repeat(10);
      const failed = summarise({
        ...result,
        failure: failure && { ...failure, message },
        hostKeys: [message],
        agePublicKeys: [message],
        plan: { ...plan, online, offline },
      });
      expect(Buffer.byteLength(failed)).toBeLessThan(limit);
      expect(failed).toMatch(/and \d+ more, see the log/);
      const alone = summarise({ ...result, plan: { work: plan.work, offline, online: null } });
      expect(Buffer.byteLength(alone)).toBeLessThan(limit);
    }
  });
});

describe('what was built and copied', () => {
  const copied = [
    { what: 'disko-script', sentPaths: 1, sentBytes: 2000, substituted: 0, built: 0 },
    { what: 'system', sentPaths: 7, sentBytes: 124_700_000, substituted: 12, built: 1 },
  ] as const;

  test('is told in paths and bytes, and from where', () => {
    const summary = summarise({ ...resultOf('installed', 'booted'), copied });
    expect(summary).toContain(`### Built and copied

| copied to the machine |  |
| --- | --- |
| the disko script | 1 path (2.0 kB) from the runner |
| the system | 7 paths (124.7 MB) from the runner; 12 paths that it fetched from its substituters; 1 derivation that it built itself |`);
    const none = { what: 'system', sentPaths: 0, sentBytes: 0, substituted: 0, built: 0 } as const;
    expect(summarise({ ...resultOf('updated', 'booted'), copied: [none] })).toContain(
      '| the system | nothing: it had all of it |',
    );
  });

  test('counts what was built only once it was', () => {
    const { work } = resultWith('word').plan ?? {};
    const span = { startedAfter: 0, seconds: 1 };
    const built = (outcome: 'success' | 'failure'): Result => ({
      ...resultOf('failed', 'untouched'),
      phases: [{ name: 'build', outcome, ...span }],
      plan: { ...wiped, work: work ?? null },
    });
    expect(summarise(built('success'))).toContain(
      '**On the runner:** 60 derivations built; 2 paths fetched.\n\n<details><summary>What was built</summary>\n\n```text\nword\nand 59 more\n```',
    );
    expect(summarise(built('failure'))).not.toContain('On the runner');
    expect(summarise(resultOf('installed', 'booted'))).not.toContain('### Built and copied');
  });
});
