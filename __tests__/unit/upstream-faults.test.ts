// Each thing that nixos-anywhere fell into has a test that is named after it.
import { describe, expect, test } from 'vitest';
import { flagFaults, lessons, type UpstreamFault } from '../../parity/faults';
import { testExists, titleOf } from '../support/named-tests';

describe.each<[string, readonly UpstreamFault[]]>([
  ['a fault', flagFaults],
  ['a lesson', lessons],
])('%s', (_, faults) => {
  test.each(faults)('$fault', ({ test: name }) => {
    expect(testExists(name), name).toBe(true);
    expect(titleOf(name)).toMatch(/^upstream/);
  });

  test('is listed once', () => {
    expect(new Set(faults.map(({ fault }) => fault)).size).toBe(faults.length);
  });
});
