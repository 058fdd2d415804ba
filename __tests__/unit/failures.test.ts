// The failures that users of nixos-anywhere know: each has advice here, or happens in another way.
import { describe, expect, test } from 'vitest';
import { hinted, ownMessages } from '../../parity/failures';
import { hintFor } from '../../src/report/hints';
import { testExists } from '../support/named-tests';

describe('a known failure', () => {
  test.each(hinted)('has advice: $text', ({ text, hint }) => {
    expect(hintFor(`before\n${text}\nafter`)).toMatch(hint);
  });

  test.each(ownMessages)('is said in another way, and tested: $text', ({ test: name }) => {
    expect(testExists(name), name).toBe(true);
  });
});
