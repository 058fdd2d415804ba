// What docs/ says of nixos-anywhere and of us is what the code has, and every test that it names is there.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { flags } from '../../parity/flags';
import type { Counterpart } from '../../parity/row';
import { counterparts, ownInputs, provenRows } from '../../parity/rows';
import { pages } from '../../scripts/docs.mts';
import { inputs } from '../../src/inputs/table';
import type { InputDefinition } from '../../src/inputs/table/definition';
import { testExists } from '../support/named-tests';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const definitions: readonly InputDefinition[] = inputs;

test.each(Object.entries(pages))('%s is what `npm run tables` writes', (path, text) => {
  expect(read(path)).toBe(text);
});

describe('the inputs', () => {
  test('are each a flag, a parameter, or ours alone', () => {
    const theirs = new Set(counterparts.map(({ input }) => input));
    expect(ownInputs.map(({ input }) => input)).toEqual(
      definitions.map(({ name }) => name).filter((name) => !theirs.has(name as never)),
    );
  });

  test.each(counterparts.filter(({ input }) => input !== undefined))(
    '$name: $input exists, and has that default',
    ({ input, default: said }: Counterpart) => {
      const definition = definitions.find(({ name }) => name === input);
      expect(definition).toBeDefined();
      expect(definition?.default ?? definition?.otherwise ?? '').toBe(said);
    },
  );

  test('have their counterparts by the same name, where that is a flag', () => {
    for (const { name, input } of flags) {
      const [, long] = /--([a-z-]+)/.exec(name) ?? [];
      if (long !== undefined && input !== undefined) expect(input).toBe(renamed[long] ?? long);
    }
  });
});

/** Where our name is another one, and flags.md says why. */
const renamed: Readonly<Record<string, string>> = {};

describe('the proof of', () => {
  test.each(provenRows)('$name is a test that exists', ({ test: name }) => {
    expect(testExists(name), name).toBe(true);
  });

  test.each(provenRows.filter(({ mutation }) => mutation !== undefined))(
    '$name can be taken away still',
    ({ mutation }) => {
      expect(read(mutation?.file ?? '').split(mutation?.search ?? '')).toHaveLength(2);
    },
  );
});

test('the control: a test that does not exist is not found', () => {
  expect(testExists('unit/parity › the control: a test that does not exist is not found')).toBe(true);
  for (const name of ['unit/parity › the control', 'unit/nowhere › x'] as const)
    expect(testExists(name)).toBe(false);
});
