import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runAction } from '../../testbed/action.mts';
import { ensureImages } from '../../testbed/build.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import { Fleet, type HostState } from '../e2e/fleet';
import { type FleetRun, type FleetRunOptions, runFleet } from '../e2e/fleet-run';
import { privateKey, scenarioFolder } from '../e2e/support';

const folder = scenarioFolder('fleet');

describe('three machines of one flake, by the workflow for fleets,', () => {
  let fleet: Fleet;
  const commits: string[] = [];

  beforeAll(async () => {
    await ensureImages();
    fleet = await Fleet.start(folder, {
      'web-1': { snapshot: 'installer', data: { 'install-id': 'one', tags: ['canary'] } },
      'web-2': { snapshot: 'installer', data: { 'install-id': 'one' } },
      'web-3': { snapshot: 'installer', data: { 'install-id': 'one' } },
    });
    commits.push(fleet.head);
  });
  afterAll(() => fleet?.stop());

  const run = (name: string, options?: FleetRunOptions) => runFleet(fleet, join(folder, name), options);

  const states = async () => ({
    'web-1': await fleet.state('web-1'),
    'web-2': await fleet.state('web-2'),
    'web-3': await fleet.state('web-3'),
  });

  const outcomesOf = ({ applied }: FleetRun) => applied.map(({ host, outputs }) => [host, outputs.outcome]);
  const jobOf = ({ applied }: FleetRun, name: string) => applied.find(({ host }) => host === name);

  function expectAnotherBoot(now: HostState, before: HostState): void {
    expect(now.bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(now.bootId).not.toBe(before.bootId);
  }

  it('are installed one after the other, the canary first', async () => {
    const before = await states();
    const first = await run('first');
    expect(first.plans, first.log).toEqual({
      'web-1': expect.stringMatching(/^install: the machine runs a NixOS installer, and no NixOS was found/),
      'web-2': expect.stringMatching(/^install: the machine runs a NixOS installer, and no NixOS was found/),
      'web-3': expect.stringMatching(/^install: the machine runs a NixOS installer, and no NixOS was found/),
    });
    expect(outcomesOf(first), first.log).toEqual([
      ['web-1', 'installed'],
      ['web-2', 'installed'],
      ['web-3', 'installed'],
    ]);
    expect(first.summary).toEqual({
      'web-1': 'installed, install',
      'web-2': 'installed, install',
      'web-3': 'installed, install',
    });
    const after = await states();
    for (const host of ['web-1', 'web-2', 'web-3'] as const) {
      expectAnotherBoot(after[host], before[host]);
      expect(after[host]).toMatchObject({
        system: jobOf(first, host)?.outputs['system-path'],
        hostName: host,
        installId: 'one',
        // known-hosts of the flake stays true
        hostKey: before[host].hostKey,
      });
    }
  });

  it('after a commit: one is updated, one is installed anew, one is as it was', async () => {
    const before = await states();
    commits.push(
      fleet.commit({
        'web-1': { system: { hardware: 'second' } },
        'web-2': { data: { 'install-id': 'two' } },
      }),
    );
    const second = await run('second');
    expect(second.plans, second.log).toEqual({
      'web-1': 'update: the machine was installed as one',
      'web-2': 'install: the machine was installed as one, and install-id is two now',
      'web-3': `nothing: the machine was installed as one; it runs ${before['web-3'].system} already`,
    });
    expect(outcomesOf(second), second.log).toEqual([
      ['web-1', 'updated'],
      ['web-2', 'installed'],
    ]);
    expect(second.summary).toMatchObject({ 'web-1': 'updated, update', 'web-2': 'installed, reinstall' });
    const { 'web-1': updated, 'web-2': reinstalled, 'web-3': untouched } = await states();
    expect(updated).toEqual({
      ...before['web-1'],
      system: jobOf(second, 'web-1')?.outputs['system-path'],
    });
    expect(updated.system).not.toBe(before['web-1'].system);
    expectAnotherBoot(reinstalled, before['web-2']);
    expect(reinstalled).toEqual({ ...before['web-2'], bootId: reinstalled.bootId, installId: 'two' });
    expect(untouched).toEqual(before['web-3']);
  });

  it('run again: nothing is done, and there is no job to do it', async () => {
    const before = await states();
    const again = await run('again');
    expect(Object.values(again.plans), again.log).toEqual([
      expect.stringMatching(/^nothing: /),
      expect.stringMatching(/^nothing: /),
      expect.stringMatching(/^nothing: /),
    ]);
    expect(again.applied).toEqual([]);
    expect(again.results).toMatchObject({ approve: 'skipped', canary: 'skipped', rest: 'skipped' });
    expect(await states()).toEqual(before);
  });

  it('changed since: the one that has not is called by nobody, and without a change there is no job', async () => {
    const calls = fleet.calls();
    const some = await run('since', { changedSince: commits[0] ?? '' });
    expect(some.listed, some.log).toEqual([
      ['web-1', 'changed: system'],
      ['web-2', 'changed: install-id'],
    ]);
    expect(Object.keys(some.plans).toSorted()).toEqual(['web-1', 'web-2']);
    expect(fleet.calls()['web-1']).toBeGreaterThan(calls['web-1'] ?? 0);
    expect(fleet.calls()['web-3']).toBe(calls['web-3']);
    const none = await run('none', { changedSince: commits[1] ?? '' });
    expect(none.list.count, none.log).toBe('0');
    expect(none.results).toMatchObject({ list: 'success', plan: 'skipped' });
    expect(fleet.calls()['web-3']).toBe(calls['web-3']);
  });

  it('when the canary is gone after the review, nobody calls the others', async () => {
    fleet.commit({ 'web-1': { system: { hardware: 'third' } }, 'web-2': { system: { hardware: 'third' } } });
    const before = await states();
    let calls: Record<string, number> = {};
    const failed = await run('canary', {
      changedSince: commits[1] ?? '',
      whileReviewed: async () => {
        await fleet.get('web-1').machine.pause();
        calls = fleet.calls();
      },
    });
    await fleet.get('web-1').machine.resume();
    expect(failed.plans, failed.log).toEqual({
      'web-1': 'update: the machine was installed as one',
      'web-2': 'update: the machine was installed as two',
    });
    expect(outcomesOf(failed)).toEqual([['web-1', 'failed']]);
    expect(jobOf(failed, 'web-1')?.outputs['target-state']).toBe('untouched');
    expect(failed.results).toMatchObject({ canary: 'failure', rest: 'skipped' });
    expect(failed.summary).toMatchObject({ 'web-1': 'failed, no plan' });
    // the canary was, so the counter counts
    expect(fleet.calls()['web-1']).toBeGreaterThan(calls['web-1'] ?? 0);
    expect(fleet.calls()).toMatchObject({ 'web-2': calls['web-2'], 'web-3': calls['web-3'] });
    expect(await states()).toEqual(before);
  });

  it('one that was changed by hand after the review is refused, and stays as it is', async () => {
    const calls = fleet.calls();
    let before = await states();
    const refused = await run('refused', {
      changedSince: commits[1] ?? '',
      whileReviewed: async () => {
        const clone = fleet.clone(join(folder, 'clone'), { 'web-2': { system: { hardware: 'by hand' } } });
        const byHand = await runAction({
          inputs: { flake: `${clone}#web-2`, 'on-installed': 'update', 'ssh-private-key': privateKey() },
          env: nixEnvironment(),
          dir: join(folder, 'by-hand'),
        });
        expect(byHand.outputs.outcome, byHand.log).toBe('updated');
        before = await states();
      },
    });
    expect(outcomesOf(refused), refused.log).toEqual([
      ['web-1', 'updated'],
      ['web-2', 'failed'],
    ]);
    expect(jobOf(refused, 'web-2')?.outputs['target-state']).toBe('untouched');
    expect(jobOf(refused, 'web-2')?.log).toContain('the plan is not the one that was approved');
    expect(refused.summary).toMatchObject({ 'web-1': 'updated, update', 'web-2': 'failed, update' });
    const { 'web-1': canary, ...others } = await states();
    expect(canary).toEqual({
      ...before['web-1'],
      system: jobOf(refused, 'web-1')?.outputs['system-path'],
    });
    expect(others).toEqual({ 'web-2': before['web-2'], 'web-3': before['web-3'] });
    expect(fleet.calls()['web-3']).toBe(calls['web-3']);
  });
});
