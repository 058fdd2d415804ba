// The run as a diagram, and its phases as a table. That Mermaid reads what is written here was seen with Mermaid itself.
import { describe, expect, test } from 'vitest';
import { phaseNames } from '../../src/plan/plan';
import { Progress, type Result } from '../../src/report/result';
import { ganttSection } from '../../src/report/summary/gantt';
import { phaseTable } from '../../src/report/summary/phases';
import { activityNames } from '../../src/report/timeline';
import { planFor } from '../support/planned';
import { FakeClock } from './support';

/** A run of three phases, in which the second works side by side, and the third fails. */
async function threePhases(unit: number): Promise<Result> {
  const clock = new FakeClock();
  const progress = new Progress(clock);
  clock.advance(unit / 2);
  progress.begin('preflight');
  clock.advance(unit);
  progress.end('success');
  progress.begin('build');
  const image = progress.activity('kexec-image', () => clock.sleep(3 * unit));
  const build = progress.activity('build', () => clock.sleep(2 * unit));
  clock.advance(2 * unit);
  await build;
  clock.advance(unit);
  await image;
  progress.end('success');
  progress.begin('disko');
  const disko = progress.activity('disko', async () => {
    await clock.sleep(unit);
    throw new Error('no');
  });
  clock.advance(unit);
  await disko.catch(() => undefined);
  progress.end('failure');
  return progress.result('failed');
}

describe('the diagram', () => {
  test('shows each phase from its start on, what went on side by side, and in red what failed', async () => {
    expect(ganttSection(await threePhases(10_000))).toEqual([
      `\`\`\`mermaid
gantt
  title The run, in minutes:seconds
  dateFormat YYYY-MM-DDTHH:mm:ss.SSS
  axisFormat %M:%S
  section preflight
    10 s :done, 2000-01-01T00:00:05.000, 10000ms
  section build
    30 s :done, 2000-01-01T00:00:15.000, 30000ms
    build, 20 s :active, 2000-01-01T00:00:15.000, 20000ms
    bring the kexec image, 30 s :active, 2000-01-01T00:00:15.000, 30000ms
  section disko
    10 s :crit, 2000-01-01T00:00:45.000, 10000ms
    disko, 10 s :crit, 2000-01-01T00:00:45.000, 10000ms
\`\`\``,
    ]);
  });

  test('counts hours where there are some, and tenths where there is no more', async () => {
    const [long] = ganttSection(await threePhases(3_600_000));
    expect(long).toContain('title The run, in hours:minutes');
    expect(long).toContain('axisFormat %H:%M\n');
    expect(long).toContain('60 min :done, 2000-01-01T00:30:00.000, 3600000ms');
    const [short] = ganttSection(await threePhases(10));
    // a bar of no length is none
    expect(short).toContain('0.0 s :done, 2000-01-01T00:00:00.000, 1ms');
  });

  test('is left out where it says nothing', () => {
    expect(ganttSection(new Progress().result('failed'))).toEqual([]);
    const progress = new Progress();
    progress.begin('preflight');
    progress.end('success');
    expect(ganttSection(progress.result('planned'))).toEqual([]);
  });

  test('has words of ours alone, none of which Mermaid could take for its own', () => {
    const span = { outcome: 'success', startedAfter: 0, seconds: 1 } as const;
    const phases = phaseNames.map((name) => ({ name, ...span }));
    const activities = phaseNames.flatMap((phase) => activityNames.map((name) => ({ name, phase, ...span })));
    const [diagram = ''] = ganttSection({ ...new Progress().result('installed'), phases, activities });
    const lines = diagram.split('\n').slice(5, -1);
    expect(lines).toHaveLength(phaseNames.length * (activityNames.length + 2));
    for (const line of lines)
      expect(line).toMatch(
        /^ {2}(section [a-z-]+| {2}([a-z -]+, )?1\.0 s :(done|active), 2000-01-01T00:00:00\.000, 1000ms)$/,
      );
  });
});

describe('the table of phases', () => {
  test('says what each did, how long it took, and how long it took in all', async () => {
    expect(phaseTable(await threePhases(10_000))).toEqual([
      `|  | phase | what it does | time |
| --- | --- | --- | --- |
| ✅ | preflight | looks at the configuration and the machine | 10&nbsp;s |
| ✅ | build | builds, and gets the machine ready | 30&nbsp;s |
| ❌ | disko | partitions and mounts the disks | 10&nbsp;s |
|  | **total** |  | **55&nbsp;s** |`,
    ]);
  });

  test('of a run that failed names the phases that were not reached; of another it does not', async () => {
    const whole = planFor();
    const plan = { ...whole, phases: whole.phases.filter((name) => name !== 'kexec') };
    const failed = { ...(await threePhases(10_000)), plan: { ...plan, work: null } };
    expect(phaseTable(failed).join()).toMatch(
      /❌ \| disko .*\n\| – \| install .* \| not&nbsp;reached \|\n\| – \| reboot .*\n\| – \| verify .*\n\| {2}\| \*\*total/,
    );
    expect(phaseTable({ ...failed, outcome: 'planned' }).join()).not.toContain('not&nbsp;reached');
  });

  test('is left out before the first phase, and where one was all that was to be done', () => {
    expect(phaseTable(new Progress().result('failed'))).toEqual([]);
    const preflight = { name: 'preflight', outcome: 'success', startedAfter: 0, seconds: 1 } as const;
    expect(phaseTable({ ...new Progress().result('planned'), phases: [preflight] })).toEqual([]);
    expect(phaseTable({ ...new Progress().result('failed'), phases: [preflight] })).toHaveLength(1);
  });
});
