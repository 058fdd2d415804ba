// Which hosts the words of the input hosts mean.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostSelection, idlePatterns, selectHosts } from '../../src/inputs/host-selection';

const hosts = [
  { name: 'web-1', tags: ['web'] },
  { name: 'web-2', tags: ['web', 'old'] },
  { name: 'db-1', tags: [] },
];

function selected(text: string): readonly string[] {
  const parsed = hostSelection(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return selectHosts(parsed.ok, hosts).map(({ name }) => name);
}

describe('hosts', () => {
  test.each([
    ['web-1', ['web-1']],
    ['db-1,web-1', ['web-1', 'db-1']],
    ['*', ['web-1', 'web-2', 'db-1']],
    ['*-1', ['web-1', 'db-1']],
    ['web-?', ['web-1', 'web-2']],
    ['web-??', []],
    ['tag:web\n!tag:old', ['web-1']],
    ['!web-2 *', ['web-1', 'db-1']],
    ['web-1 !web-1', []],
  ])('%j', (text, names) => {
    expect(selected(text)).toEqual(names);
  });

  test('all where nothing is said', () => {
    expect(selectHosts([], hosts)).toEqual(hosts);
  });

  test.each([
    ['!web-1', 'only leaves hosts out; write * before it for all others, as in * !web-1'],
    [' , ', 'names no host'],
    ['tag:', 'has "tag:"'],
    ['tag:w*', 'has "tag:w*"'],
    ['web-1;web-2', 'has "web-1;web-2"'],
    ['-1', 'has "-1"'],
    ['wéb', 'has "wéb"'],
  ])('%j is refused', (text, problem) => {
    expect(hostSelection(text)).toEqual({ problem: expect.stringContaining(problem) });
  });

  test('words that fit nothing are told', () => {
    const parsed = hostSelection('web-1 web-7 tag:new !db-9 db-*');
    expect('ok' in parsed && idlePatterns(parsed.ok, hosts).map(({ text }) => text)).toEqual([
      'web-7',
      'tag:new',
      'db-9',
    ]);
  });

  test('a glob means what an expression would, and takes no time for it', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 8 });
    const glob = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(glob, word, (text, rest) => {
        const [pattern, name] = [`a${text}*`, `a${rest}`];
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        const parsed = hostSelection(pattern);
        expect('ok' in parsed && selectHosts(parsed.ok, [{ name, tags: [] }]).length === 1).toBe(
          expression.test(name),
        );
      }),
    );
    const start = Date.now();
    const parsed = hostSelection(`${'*a'.repeat(100)}b`);
    expect('ok' in parsed && selectHosts(parsed.ok, [{ name: 'a'.repeat(100), tags: [] }])).toEqual([]);
    expect(Date.now() - start).toBeLessThan(1000);
  });
});
