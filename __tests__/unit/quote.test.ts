import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quote } from '../../src/ssh/quote';
import { nastyText } from './support';

const shells = [['dash'], ['bash'], ['bash', '--posix'], ['busybox', 'sh'], ['sh']] as const;

/** What a real shell makes of words that were quoted. */
function words(shell: readonly [string, ...string[]], quoted: readonly string[]): string[] {
  const [program, ...options] = shell;
  const script = `printf '%s\\0' ${quoted.join(' ')}`;
  return execFileSync(program, [...options, '-s'], { input: script, encoding: 'utf8' })
    .split('\0')
    .slice(0, -1);
}

describe.each(shells)('quote, read by %s %s', (...shell) => {
  const command = shell as readonly [string, ...string[]];

  test('gives any word back', () => {
    fc.assert(
      fc.property(fc.array(nastyText, { minLength: 1, maxLength: 40 }), (texts) => {
        expect(words(command, texts.map(quote))).toEqual(texts);
      }),
      { numRuns: 25 },
    );
  });

  test.each([
    '',
    ' ',
    "'",
    "''",
    "'\\''",
    '\n',
    'a\nb\n\n',
    '\\',
    '\\n',
    '$(id)',
    '`id`',
    '$HOME',
    '-n',
    '--',
    '~',
    '*',
    '!!',
    '\r\n',
    '# no comment',
    'a;b&c|d>e<f',
    'ünï😀',
  ])('gives %j back', (word) => {
    expect(words(command, [quote(word)])).toEqual([word]);
  });

  test('gives a word of 100 kB back', () => {
    const word = `it's ${'x\n\'"'.repeat(25_000)}`;
    expect(words(command, [quote(word)])[0] === word).toBe(true);
  });
});

test('what no shell can hold is refused', () => {
  expect(() => quote('a\0b')).toThrow(/NUL/);
});
