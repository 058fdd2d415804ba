import { describe, expect, test } from 'vitest';
import { type Day, type Fleet, fleet, simulate } from '../../bench/fleet';

/** GitHub's for a repository; an issue asks for the other one. */
const limits = { bytes: 10e9, uploads: 60 };
/** A day that changes a twentieth, and has more than all of it sent again, throws out what others need. */
const everything = fleet.shared.bytes + fleet.hosts * fleet.own.bytes;

describe('the hosts of one flake share the cache', () => {
  test.each<[string, Pick<Fleet, 'atOnce' | 'first'>]>([
    ['one after another', { atOnce: 1, first: 'nothing' }],
    ['20 at once', { atOnce: 20, first: 'nothing' }],
    ['all at once, after one that builds what they share', { atOnce: fleet.hosts, first: 'shared' }],
  ])('%s', (_, jobs) => {
    const [full, ...days] = simulate({ ...fleet, ...jobs });
    expect(full?.uploads).toBeLessThan(limits.uploads);
    expect(full?.bytes).toBeLessThan(limits.bytes);
    expect(full?.again).toBe(0);
    for (const day of days) {
      expect(day.uploads).toBeLessThan(limits.uploads);
      expect(day.stored).toBeLessThanOrEqual(limits.bytes);
      expect(day.bytes).toBeLessThan(1.1 * everything);
      // less than a hundredth of it
      expect(day.again).toBeLessThan(everything / 100);
    }
  });

  test('where one job builds for all, theirs download little of what is others’', () => {
    const jobs = { atOnce: fleet.hosts, first: 'all' } as const;
    const ratio = (days: readonly Day[]) =>
      days.reduce((sum, { downloaded }) => sum + downloaded, 0) /
      days.reduce((sum, { needed }) => sum + needed, 0);
    const days = simulate({ ...fleet, ...jobs });
    expect(ratio(days.slice(0, 1))).toBeLessThan(1.3);
    expect(ratio(days)).toBeLessThan(2);
    expect(ratio(simulate({ ...fleet, ...jobs, undivided: true }))).toBeGreaterThan(5);
    for (const { again, uploads } of days) {
      expect(again).toBe(0);
      expect(uploads).toBeLessThan(limits.uploads / 4);
    }
  });
});
