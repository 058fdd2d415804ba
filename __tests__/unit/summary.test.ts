import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Failure, Progress } from '../../src/report/result';
import { summarise } from '../../src/report/summary';
import { nastyText } from './support';
import { resultWith, shapeOf } from './whole-result';

const limit = 1024 * 1024;

describe('summarise', () => {
  const harmless = shapeOf(summarise(resultWith('word')));

  test('has the sections of a failed run', () => {
    expect(summarise(resultWith('word')).match(/^#.*$/gm)).toEqual([
      '## ❌ Installation failed: <code>word</code>',
      '### What to do next',
      '### Disks',
      '### How long it took',
      '### Built and copied',
    ]);
    expect(summarise(resultWith('word'))).toMatch(/In phase disko.*\*\*total\*\*.*1\.2&nbsp;s/s);
  });

  test.each([
    '```\n# Installed',
    '`````````',
    'a | b | c',
    'a \\| b',
    '\n\n# heading',
    '\r\r# heading',
    'x\r# heading',
    '</details>',
    '</code><img src=x onerror=alert(1)>',
    '<script>alert(1)</script>',
    '[click](javascript:alert(1))',
    '![x](https://evil.example/x.png)',
    '**bold** _it_ ~~s~~',
    '&lt;b&gt;',
    '\\',
    '-->',
    '<!--',
  ])('has the same shape whatever others wrote: %j', (text) => {
    expect(shapeOf(summarise(resultWith(text)))).toEqual(harmless);
  });

  test('has the same shape for any text', () => {
    const markdown = fc.string({
      unit: fc.constantFrom(
        '`',
        '```',
        '\n',
        '\r',
        '|',
        '\\',
        '<',
        '>',
        '&',
        '#',
        ' ',
        '*',
        '_',
        '[',
        ']',
        '(',
        ')',
        '!',
        'a',
        '</details>',
        '---',
        '- ',
      ),
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.oneof(markdown, nastyText), (text) => {
        fc.pre(text.trim() !== '');
        expect(shapeOf(summarise(resultWith(text)))).toEqual(harmless);
      }),
      { numRuns: 1000 },
    );
  });

  test('links and pictures of others stay text', () => {
    const summary = summarise(resultWith('![x](https://evil.example/x.png)'));
    const outside = summary.replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '');
    expect(outside).not.toMatch(/(?<!\\)\]\(/);
  });

  test.each([
    ['x', 8192, 40],
    ['日', 8192, 40],
    ['`', 8192, 40],
    ['<', 8192, 40],
    ['x\n', 100_000, 1],
    ['日', 200_000, 1],
  ])('stays under what GitHub takes: %j', (unit, length, lines) => {
    const summary = summarise(resultWith(unit.repeat(length), lines));
    expect(Buffer.byteLength(summary)).toBeLessThan(limit);
    expect(shapeOf(summary)).toEqual(harmless);
  });

  test('keeps the end of what is too long: there the reason stands', () => {
    const lines = [...Array.from({ length: 100_000 }, (_, index) => `line ${index}`), 'the reason'];
    const result = resultWith('word');
    const failure: Failure = {
      kind: 'nix',
      phase: null,
      message: 'm',
      known: null,
      hint: null,
      resume: null,
      lastLines: lines,
    };
    expect(summarise({ ...result, failure })).toContain('\nthe reason\n');
  });

  test('shows only so much of what is on the disks', () => {
    const result = resultWith('word');
    const { plan } = result;
    if (plan === null || plan.online === null) throw new Error('this result has a whole plan');
    const [disk] = plan.online.disks;
    if (disk === undefined) throw new Error('this plan has a disk');
    const contents = Array.from({ length: 5000 }, () => disk.contents[0] ?? []).flat();
    const online = { ...plan.online, disks: [{ ...disk, contents }] };
    const summary = summarise({ ...result, plan: { ...plan, online } });
    expect(Buffer.byteLength(summary)).toBeLessThan(limit / 4);
    expect(summary).toContain('and 9801 more, see the log');
  });

  test('of every outcome and state says something', () => {
    for (const outcome of ['planned', 'prepared', 'installed', 'updated', 'unchanged', 'failed'] as const)
      for (const targetState of ['untouched', 'installer', 'partitioned', 'installed', 'booted'] as const)
        for (const verified of ['system', 'host-key', 'none'] as const)
          expect(summarise({ ...new Progress().result(outcome), targetState, verified })).not.toMatch(
            /undefined|NaN/,
          );
  });
});

describe('a run that keeps the installed system', () => {
  const { plan } = resultWith('word');
  if (plan === null || plan.online === null) throw new Error('there is a plan');

  test('is called what it is', () => {
    const update = { ...resultWith('word'), plan: { ...plan, action: 'update' as const } };
    expect(summarise(update)).toContain('## ❌ Update failed');
    expect(summarise({ ...update, outcome: 'updated', failure: null })).toContain('## ✅ NixOS updated');
  });

  test('says that nothing was done, and why', () => {
    const nothing = { ...plan, action: 'nothing' as const, reason: 'it runs this already' };
    const result = { ...new Progress().result('unchanged'), targetState: 'booted' as const, plan: nothing };
    expect(summarise(result)).toMatch(
      /Nothing to do.*running the system of the configuration.*because it runs this already/s,
    );
  });
});

test('failed units are shown where there are any', () => {
  const result = new Progress().result('updated');
  expect(summarise({ ...result, failedUnits: ['a.service', 'b|c'] })).toContain(
    '| failed units | ⚠️ <code>a.service</code>, <code>b&#124;c</code> |',
  );
  for (const failedUnits of [[], null])
    expect(summarise({ ...result, failedUnits })).not.toContain('failed units');
});

test('an address is a span of code, which GitHub makes no link of, unless it is not one', () => {
  const title = (target: string) =>
    summarise({ ...new Progress().result('installed'), target }).split('\n')[0];
  expect(title('root@web-1.example.org:22')).toBe('## ✅ NixOS installed: `root@web-1.example.org:22`');
  for (const target of ['root@web`x', 'a@b@c', 'ro ot@web', 'root@web\n# x'])
    expect(title(target)).toMatch(/^## ✅ NixOS installed: <code>.*<\/code>$/);
});
