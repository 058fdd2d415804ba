// Result files come from other jobs: whatever is in them, it is read as a result, or it is told that it is none.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planDigest } from '../../src/plan/plan';
import { type HostRun, readResult } from '../../src/report/host-run';
import { neutraliseText } from '../../src/report/neutralise';
import { Progress } from '../../src/report/result';
import { type Change, planFor } from '../support/planned';
import { resultOf, updatePlan } from '../support/results';
import { debian, installer, nixos } from '../support/situation';
import { nastyText } from './support';

function runIn(value: unknown): HostRun {
  const read = readResult(JSON.stringify(value));
  if (read.kind !== 'host') throw new Error(JSON.stringify(read));
  return read.run;
}

describe('readResult', () => {
  test('a result of a host, with its plan', () => {
    expect(runIn(resultOf('web-1', { seconds: 3.5 }))).toEqual({
      host: 'web-1',
      outcome: 'planned',
      targetState: 'untouched',
      run: { url: 'https://example.org/run/1', attempt: 1, startedAt: '2026-11-28T07:30:00.000Z' },
      seconds: 3.5,
      failure: null,
      newHostKeys: [],
      plan: {
        action: 'update',
        reason: 'it runs another system',
        lost: [],
        terms: [],
        digest: planDigest(updatePlan),
      },
    });
  });

  test('a failure, with where and what to do', () => {
    const failure = { message: 'no', hint: 'do', phase: null, kind: 'cancelled' } as const;
    const run = runIn(resultOf('web-1', { outcome: 'failed', plan: null, failure }));
    expect(run).toMatchObject({
      outcome: 'failed',
      plan: null,
      failure: { cancelled: true, phase: null, message: 'no', hint: 'do' },
    });
  });

  test('a failure of a run that did not say yet how to go on', () => {
    const { failure, ...result } = resultOf('web-1', { outcome: 'failed', failure: { message: 'no' } });
    const { resume: _, ...older } = failure ?? {};
    expect(runIn({ ...result, failure: older }).failure).toMatchObject({ message: 'no', resume: null });
  });

  test.each<[string, Change]>([
    ['install', { facts: debian }],
    ['install', { facts: installer }],
    ['reinstall', { facts: nixos, inputs: { 'on-installed': 'reinstall' } }],
    [
      'reinstall',
      { facts: { ...nixos, installId: 'a' }, inputs: { 'on-installed': 'converge', 'install-id': 'b' } },
    ],
    ['update', { facts: nixos, inputs: { 'on-installed': 'update' } }],
    ['nothing', { facts: nixos, inputs: { 'on-installed': 'skip' } }],
    // nothing is replaced
    ['install', { facts: nixos, inputs: { phases: 'reboot' } }],
  ])('of a real plan: %s', (action, change) => {
    const { plan } = runIn(resultOf('web-1', { plan: planFor(change) }));
    expect(plan?.action).toBe(action);
    expect(plan?.digest).toMatch(/^sha256:/);
    expect(plan?.lost).toEqual(
      action === 'update' || action === 'nothing' || change.inputs?.phases === 'reboot'
        ? []
        : ['/dev/disk/by-id/a (1.0 TB)'],
    );
  });

  test('what is lost beside the disks that are named is told, and no name of a disk is a command', () => {
    const plan = planFor();
    const disks = plan.online.disks.map((disk) => ({
      ...disk,
      fate: 'collateral' as const,
      named: ['##[set-output name=a]b'],
    }));
    const [lost = ''] =
      runIn(resultOf('web-1', { plan: { ...plan, online: { ...plan.online, disks } } })).plan?.lost ?? [];
    expect(lost).toMatch(/ \(1\.0 TB\), as collateral$/);
    expect(lost).not.toContain('##[');
  });

  test('terms that are not as one expects are told, and are of the right shape', () => {
    const plan = planFor({
      inputs: { verify: 'off', 'allow-lockout': 'true', 'post-kexec-ssh-host': 'b.example' },
    });
    expect(runIn(resultOf('web-1', { plan })).plan?.terms).toEqual([
      'the installer is met at root@b.example, port 22',
      'verify is off',
      'allow-lockout: nobody may be able to log in to the new system',
    ]);
    const other = { ...plan, terms: { ...plan.terms, verify: 'maybe' } };
    expect(readResult(JSON.stringify(resultOf('web-1', { plan: other as typeof plan })))).toMatchObject({
      kind: 'problem',
      problem: expect.stringContaining('its verify is not one of the words for it'),
    });
  });

  test('disks that nobody knows are not passed over', () => {
    const unknown = { evaluation: { disks: [] }, inputs: { 'wipe-disks': 'any' } };
    expect(runIn(resultOf('web-1', { plan: planFor(unknown) })).plan?.lost).toEqual([
      'the configuration does not tell: count on all of them',
      '/dev/sda (1.0 TB)',
      '/dev/sdb (2.0 TB)',
    ]);
    const plan = planFor();
    const provisional = { ...plan, offline: { ...plan.offline, provisional: true } };
    expect(runIn(resultOf('web-1', { plan: provisional })).plan?.lost).toEqual([
      'those of a configuration that is only known when the machine has described itself',
    ]);
  });

  test('a digest holds for the plan that is shown, or there is none', () => {
    const result = resultOf('web-1');
    expect(runIn({ ...result, plan: { ...updatePlan, reason: 'another', work: null } }).plan?.digest).toBe(
      null,
    );
    // what was observed and what is to be built is no part of it
    expect(runIn({ ...result, plan: { ...updatePlan, work: { build: {} } } }).plan?.digest).not.toBe(null);
    // a secret was replaced after the digest was made
    expect(runIn({ ...result, plan: { ...updatePlan, reason: 'the ***' } }).plan?.digest).not.toBe(null);
    expect(runIn({ ...result, planDigest: null }).plan?.digest).toBe(null);
  });

  test.each([
    ['', 'is no whole JSON'],
    ['{"version": 1, "outco', 'is no whole JSON'],
    [JSON.stringify({ ...resultOf('web-1'), version: 2 }), 'is a result of version 2'],
    [JSON.stringify({ ...resultOf('web-1'), version: '<b>' }), 'is a result of version unknown'],
    [JSON.stringify({ ...resultOf('web-1'), outcome: 'great' }), 'its outcome is not one of the words'],
    [JSON.stringify({ ...resultOf('web-1'), host: 'a\nb' }), 'its host is not'],
    [JSON.stringify({ ...resultOf('web-1'), host: ['web-1'] }), 'its host is not'],
    [JSON.stringify({ ...resultOf('web-1'), planDigest: '$(id)' }), 'its planDigest is not'],
    [JSON.stringify({ ...resultOf('web-1'), planDigest: `sha256:${'A'.repeat(64)}` }), 'its planDigest'],
    [JSON.stringify(resultOf('web-1')).replace('"seconds":2', '"seconds":1e999'), 'its seconds is not'],
    [JSON.stringify({ ...resultOf('web-1'), run: undefined }), 'its run is not'],
    [
      JSON.stringify({ ...resultOf('web-1'), plan: 'DEEP' }).replace(
        '"DEEP"',
        `{"online":{},"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      ),
      'its action is not',
    ],
    [
      JSON.stringify(resultOf('web-1')).replace(
        '"plan":{',
        `"plan":{"x":${'['.repeat(100_000)}${']'.repeat(100_000)},`,
      ),
      'is nested too deeply',
    ],
  ])('what is ours and wrong is told: %#', (text, problem) => {
    expect(readResult(text)).toEqual({ kind: 'problem', problem: expect.stringContaining(problem) });
  });

  test.each<unknown>([
    null,
    1,
    [],
    {},
    { version: 1 },
    { name: 'package', version: '1.0.0' },
    new Progress().result('listed'),
  ])('what is not ours, or not of a host, is passed over: %#', (value) => {
    expect(readResult(JSON.stringify(value))).toEqual({ kind: 'foreign' });
  });

  test('any text and any JSON is read, or told', () => {
    const good = JSON.stringify(resultOf('web-1', { outcome: 'failed' }));
    fc.assert(
      fc.property(
        fc.oneof(
          nastyText,
          fc.json(),
          fc.nat(good.length).map((end) => good.slice(0, end)),
          fc
            .tuple(fc.nat(good.length), nastyText)
            .map(([at, text]) => good.slice(0, at) + text + good.slice(at)),
        ),
        (text) => {
          expect(['host', 'foreign', 'problem']).toContain(readResult(text).kind);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('whatever one field holds', () => {
    const fields = ['host', 'outcome', 'targetState', 'run', 'phases', 'failure', 'plan', 'planDigest'];
    const good = resultOf('web-1', { outcome: 'failed' });
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.jsonValue(), (field, value) => {
        expect(['host', 'foreign', 'problem']).toContain(
          readResult(JSON.stringify({ ...good, [field]: value })).kind,
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('texts of others are harmless', () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        const failure = { message: text, hint: text, resume: text };
        const run = runIn(
          resultOf('web-1', { outcome: 'failed', failure, plan: { ...updatePlan, reason: text } }),
        );
        const { message, hint, resume } = run.failure ?? {};
        for (const each of [message, hint, resume, run.plan?.reason]) expect(each).toBe(neutraliseText(text));
      }),
    );
    expect(
      runIn(resultOf('web-1', { outcome: 'failed', failure: { message: '##[x]\u001b[2J' } })).failure,
    ).toMatchObject({ message: '## [x]' });
  });

  test('host keys are told where they are new, and nothing that is none', () => {
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICRLoymbCfJDTBtzXdmM0q+/EvRTGiNnjwcHe9y2pRrp';
    const newKeys = (...hostKeys: string[]) =>
      runIn({ ...resultOf('web-1', { outcome: 'installed' }), hostKeys }).newHostKeys;
    expect(newKeys(`web-1 ${key}`)).toEqual([`web-1 ${key}`]);
    for (const line of [`web-1 ${key} <img src=x>`, `a b ${key}`, '', '##[x] y z', `web\n-1 ${key}`])
      expect(newKeys(`web-1 ${key}`, line), line).toEqual([]);
    expect(newKeys()).toEqual([]);
    const planned = { ...resultOf('web-1', { plan: null }), hostKeys: [`web-1 ${key}`] };
    expect(runIn(planned).newHostKeys).toEqual([]);
  });
});
