// What a run gathers while it goes on, and what becomes of it: the result and the outputs.
import { describe, expect, test } from 'vitest';
import { emptyReport } from '../../src/cache/report';
import { nothingGathered } from '../../src/report/fleet-results';
import { outputs, outputsOf } from '../../src/report/outputs';
import { Progress } from '../../src/report/result';
import { readPage } from '../support/documents';
import { FakeClock } from './support';
import { resultWith } from './whole-result';

describe('Progress', () => {
  test('knows the phase that failed, and the times', () => {
    const clock = new FakeClock();
    const progress = new Progress(clock);
    clock.advance(500);
    progress.begin('preflight');
    clock.advance(1000);
    progress.end('success');
    expect(progress.phase).toBeUndefined();
    progress.begin('disko');
    clock.advance(2345);
    progress.end('failure');
    expect(progress.phase).toBe('disko');
    expect(progress.result('failed').phases).toEqual([
      { name: 'preflight', outcome: 'success', startedAfter: 0.5, seconds: 1 },
      { name: 'disko', outcome: 'failure', startedAfter: 1.5, seconds: 2.3 },
    ]);
  });

  test('knows what went on side by side, in which phase, and how it ended', async () => {
    const clock = new FakeClock();
    const progress = new Progress(clock);
    progress.begin('build');
    const image = progress.activity('kexec-image', () => clock.sleep(3000));
    const build = progress.activity('build', async () => {
      await clock.sleep(2000);
      throw new Error('no');
    });
    clock.advance(2000);
    await expect(build).rejects.toThrow('no');
    clock.advance(1000);
    await image;
    expect(progress.result('failed').activities).toEqual([
      { name: 'build', phase: 'build', outcome: 'failure', startedAfter: 0, seconds: 2 },
      { name: 'kexec-image', phase: 'build', outcome: 'success', startedAfter: 0, seconds: 3 },
    ]);
  });

  test('gives a whole result from the beginning', () => {
    expect(new Progress().result('failed')).toEqual({
      version: 1,
      outcome: 'failed',
      host: '',
      run: { url: '', attempt: 0, startedAt: '' },
      fleet: null,
      targetState: 'untouched',
      target: '',
      systemPath: '',
      verified: 'none',
      phases: [],
      activities: [],
      copied: [],
      hostKeys: [],
      agePublicKeys: [],
      kexecSha256: null,
      failedUnits: null,
      hardwareConfig: null,
      cache: null,
      plan: null,
      planDigest: null,
      failure: null,
    });
  });
});

describe('a run that starts over', () => {
  test('reports only the phases after that', () => {
    const clock = new FakeClock();
    const progress = new Progress(clock);
    progress.targetState = 'installer';
    progress.goesOn = 'hook-after-build';
    progress.begin('build');
    void progress.activity('build', async () => undefined);
    clock.advance(1000);
    progress.end('failure');
    progress.startOver();
    expect(progress.goesOn).toBeUndefined();
    progress.begin('preflight');
    clock.advance(2000);
    progress.end('success');
    expect(progress.result('planned')).toMatchObject({
      targetState: 'untouched',
      phases: [{ name: 'preflight', outcome: 'success', startedAfter: 1, seconds: 2 }],
      activities: [],
    });
  });
});

describe('outputsOf', () => {
  test('gives every output, each a text', () => {
    for (const result of [new Progress().result('failed'), resultWith('word')]) {
      const values = outputsOf(result, '/file.json');
      expect(Object.keys(values)).toEqual(outputs.map(({ name }) => name));
      for (const value of Object.values(values)) expect(value).toEqual(expect.any(String));
      expect(JSON.parse(values.phases)).toEqual(result.phases);
    }
    expect(JSON.parse(outputsOf(resultWith('word'), '').plan)).toMatchObject({ reason: 'word' });
  });
});

describe('docs/outputs.md', () => {
  const [, ofResult = '', ofFleet = ''] =
    /^## The result file\n(.*?)^`fleet` has these:\n(.*)/ms.exec(readPage('docs/outputs.md')) ?? [];
  const rowsOf = (text: string) =>
    new Map(
      [...text.matchAll(/^\| `(\w+)` +\| (.*) \|$/gm)].map(([, name = '', tells = '']) => [name, tells]),
    );

  test('has every field of the result file, and no other', () => {
    expect([...rowsOf(ofResult).keys()].toSorted()).toEqual(Object.keys(resultWith('word')).toSorted());
    expect([...rowsOf(ofFleet).keys()].toSorted()).toEqual(Object.keys(nothingGathered).toSorted());
  });

  test('names what is in each, but for the plan', async () => {
    const whole = { ...resultWith('word'), cache: { ...emptyReport, image: null }, fleet: null, plan: null };
    const progress = new Progress();
    await progress.activity('disko', async () => undefined);
    const { activities } = progress.result('failed');
    const rows = rowsOf(ofResult);
    const listed = { ...whole, activities: activities.map(({ phase }) => ({ phase })) };
    for (const [name, value] of Object.entries(listed)) {
      const [first]: unknown[] = Array.isArray(value) ? value : [value];
      if (typeof first !== 'object' || first === null) continue;
      for (const field of Object.keys(first)) expect(rows.get(name), name).toContain(`\`${field}\``);
    }
  });
});
