// In which order and with what memory many hosts are evaluated; loopback/many-hosts does it.
import { describe, expect, test } from 'vitest';
import { ProcessMemory, shareOfMemory, sideBySideWithin } from '../../src/plan/process-memory';
import { spread } from '../../src/plan/shared-failure';

const GiB = 2 ** 30;

describe('memory', () => {
  test.each<[string, number, number, number, number]>([
    ['a GitHub runner: 16 GB and 4 cores', 15 * GiB, 4, 2, 7 * GiB],
    ['a small one: 7 GB and 2 cores', 6 * GiB, 2, 2, 2.5 * GiB],
    ['one core', 15 * GiB, 1, 1, 14 * GiB],
    ['memory for one evaluation only', 2.5 * GiB, 4, 1, 1.5 * GiB],
    ['hardly any memory', 0.1 * GiB, 4, 1, 1 * GiB],
  ])('%s', (_, available, cores, atOnce, share) => {
    expect(sideBySideWithin(2, available, cores)).toBe(atOnce);
    expect(shareOfMemory(atOnce, available)).toBe(share);
  });

  test('a process is full when one host more would be too much', () => {
    const { rss } = process.memoryUsage();
    const of = (limit: number) => {
      const memory = new ProcessMemory(limit);
      memory.is(process.pid);
      return memory;
    };
    expect(of(rss * 1.5).isFullAfter(1)).toBe(true);
    expect(of(rss * 1.5).isFullAfter(4)).toBe(false);
    expect(of(rss / 2).isFullAfter(100)).toBe(true);
  });

  test('a process that is not known, or has ended, is not full', () => {
    expect(new ProcessMemory(1).isFullAfter(1)).toBe(false);
  });
});

describe('order', () => {
  const names = Array.from({ length: 30 }, (_, index) => `h${index}`);

  test('the first eight of many hosts stand far from each other, and none is lost', () => {
    expect(spread(names).slice(0, 8)).toEqual(['h0', 'h3', 'h7', 'h11', 'h15', 'h18', 'h22', 'h26']);
    expect(spread(names).toSorted()).toEqual(names.toSorted());
  });

  test('few hosts keep theirs', () => {
    expect(spread(names.slice(0, 8))).toEqual(names.slice(0, 8));
  });
});
