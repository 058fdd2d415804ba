// kexec-extra-flags on its way: words out of text, and one word out of them for the image's run script.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shellWords } from '../../src/inputs/shell-words';
import { flagsInOneWord } from '../../src/phases/kexec';

function words(text: string): readonly string[] | string {
  const parsed = shellWords(text);
  return 'ok' in parsed ? parsed.ok : parsed.problem;
}

/** What a shell makes of the text. */
function ofShell(text: string): string[] {
  const out = execFileSync(
    'sh',
    ['-c', `set -f; set -- ${text}\nfor word; do printf '%s\\0' "$word"; done`],
    {
      encoding: 'utf8',
      // what is no shell text either is compared all the same: the complaint is not the test's
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  return out.split('\0').slice(0, -1);
}

describe('shellWords', () => {
  test.each<[string, readonly string[]]>([
    ['--no-sync', ['--no-sync']],
    ['  -d\t--no-sync \r\n', ['-d', '--no-sync']],
    ['--append="a b" \'c d\' e\\ f', ['--append=a b', 'c d', 'e f']],
    ['"" \'\'', ['', '']],
    [`"a\\"b\\c" 'd\\'`, ['a"b\\c', 'd\\']],
    ['a\\\r\nb \\\r\n c', ['ab', 'c']],
    ['$(id) `id` $HOME * é&#=;', ['$(id)', '`id`', '$HOME', '*', 'é&#=;']],
    ['', []],
  ])('%j', (text, expected) => {
    expect(words(text)).toEqual(expected);
  });

  test.each(['"open', "it's", 'end\\', 'a "b\\"'])('refuses %j', (text) => {
    expect(words(text)).toMatch(/quote that is not closed/);
  });

  test('refuses what is no list of flags', () => {
    expect(words('x'.repeat(5000))).toMatch(/more than 4096/);
  });

  test('splits as a shell does', () => {
    const piece = fc.constantFrom('a', '-', '=', ' ', '"', "'", '\\', 'é', '.');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const parsed = shellWords(text);
        if ('ok' in parsed) expect(parsed.ok).toEqual(ofShell(text));
        else expect(() => ofShell(text)).toThrow();
      }),
      { numRuns: 150 },
    );
  });
});

describe('flagsInOneWord', () => {
  test('is what it was where nobody splits it in another way', () => {
    expect(flagsInOneWord(['--no-sync', '--mem-max=0x1000', '-d'])).toBe('--no-sync --mem-max=0x1000 -d');
  });

  test('comes through a run script that hands it to a shell', () => {
    const word = fc.string({
      unit: fc.constantFrom('a', ' ', "'", '"', '$', '(', ')', '*', '\\', ';', '\n'),
    });
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), (flags) => {
        expect(ofShell(flagsInOneWord(flags))).toEqual(flags);
      }),
      { numRuns: 50 },
    );
  });
});
