// docs/coverage.md: every test that it names is there, and so is every option of the documents it speaks of.
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { seedOptions, seeds } from '../../parity/coverage';
import { counterparts } from '../../parity/rows';
import { testExists } from '../support/named-tests';

const root = new URL('../../', import.meta.url);

describe.each(seeds)('$title', ({ rows }) => {
  test.each(rows)('$says', ({ here, proof }) => {
    if (!proof.startsWith('none: ')) expect(testExists(proof), proof).toBe(true);
    for (const [path] of here.matchAll(/\bsrc\/[\w/.-]+\.(ts|sh|nix)\b/g))
      expect(existsSync(new URL(path, root)), path).toBe(true);
  });
});

test.each(seedOptions)('the option %s is a row of flags.md', (option) => {
  const names = counterparts.map(({ name }) => name.split(/[\s,)]+/));
  expect(names.some((words) => words.includes(option))).toBe(true);
});
