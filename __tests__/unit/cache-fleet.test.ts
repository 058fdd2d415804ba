import { describe, expect, test } from 'vitest';
import { fleet, simulate } from '../../bench/fleet';

/** GitHub's for a repository; an issue asks for the other one. */
const limits = { bytes: 10e9, uploads: 60 };
/** A day that changes a twentieth, and has more than all of it sent again, throws out what others need. */
const everything = fleet.shared.bytes + fleet.hosts * fleet.own.bytes;

describe('the hosts of one flake share the cache', () => {
  test.each([
    ['one after another', { atOnce: 1, first: false }],
    ['20 at once', { atOnce: 20, first: false }],
    ['all at once, after one that builds what they share', { atOnce: fleet.hosts, first: true }],
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
});
