import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter } from '../../src/ssh/line-splitter';
import { chunked } from './support';

function lines(chunks: readonly Buffer[]): string[] {
  const result: string[] = [];
  const splitter = new LineSplitter((line) => result.push(line));
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return result;
}

/** The lines of a whole text; the end of the text ends a line only if there is one. */
function reference(text: string): string[] {
  const all = text.split(/\r\n|\r|\n/);
  if (all.at(-1) === '') all.pop();
  return all;
}

const lineText = fc.string({
  unit: fc.constantFrom('\r', '\n', '\r\n', 'a', ' ', 'é', '日', '😀'),
  maxLength: 40,
});

describe('LineSplitter', () => {
  test('gives the same lines for any chunking, cut characters and cut line ends included', () => {
    fc.assert(
      fc.property(chunked(lineText.map((text) => Buffer.from(text))), (chunks) => {
        expect(lines(chunks)).toEqual(reference(Buffer.concat(chunks).toString()));
      }),
      { numRuns: 500 },
    );
  });

  test('takes bytes that are not UTF-8', () => {
    expect(lines([Buffer.from([0x61, 0xff, 0x0a, 0xe6])])).toEqual(['a\ufffd', '\ufffd']);
  });

  test('shows a progress bar line by line', () => {
    expect(lines([Buffer.from('10%\r20%\r'), Buffer.from('\n30%')])).toEqual(['10%', '20%', '30%']);
  });

  test('says a line as soon as it is whole', () => {
    const seen: string[] = [];
    const splitter = new LineSplitter((line) => seen.push(line));
    splitter.push(Buffer.from('one\ntw'));
    expect(seen).toEqual(['one']);
    splitter.push(Buffer.from('o\n'));
    expect(seen).toEqual(['one', 'two']);
  });

  test('cuts a line that never ends, and loses nothing of it', () => {
    const chunk = Buffer.alloc(10_000, 'x');
    const result = lines([
      ...Array.from({ length: 30 }, () => chunk),
      Buffer.from('\r'),
      Buffer.from('\nend'),
    ]);
    expect(result.length).toBeGreaterThan(3);
    expect(result.join('') === `${'x'.repeat(300_000)}end`).toBe(true);
    for (const line of result) expect(line.length).toBeLessThan(80_000);
  });

  test('a cut at the line end makes no line of its own', () => {
    const long = 'x'.repeat(70_000);
    const result = lines([Buffer.from(`${long}\r`), Buffer.from('\nend')]);
    expect(result.map((line) => line.length)).toEqual([70_000, 3]);
  });

  test('empty chunks and an end without output are no lines', () => {
    expect(lines([])).toEqual([]);
    expect(lines([Buffer.alloc(0), Buffer.alloc(0)])).toEqual([]);
  });
});
