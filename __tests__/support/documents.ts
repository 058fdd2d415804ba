// The pages of docs/ and what they show: blocks to write or run, and what one sees of the run, where it worked and where not.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { asShown } from '../../testbed/action.mts';
import { literally } from './named-tests';

const root = new URL('../../', import.meta.url);

export interface Block {
  /** yaml, sh, nix, log, … */
  readonly language: string;
  readonly text: string;
}

export function readPage(page: string): string {
  return readFileSync(new URL(page, root), 'utf8');
}

/** What stands below a heading, with the smaller headings in it. @throws Error where the page has no such heading */
export function sectionOf(page: string, heading: string): string {
  const lines = readPage(page).split('\n');
  const fences = lines.map((line) => line.startsWith('```'));
  const isText = lines.map((_, index) => fences.slice(0, index).filter(Boolean).length % 2 === 0);
  const levelAt = (index: number) =>
    isText[index] ? (/^#+(?= )/.exec(lines[index] ?? '')?.[0].length ?? 0) : 0;
  const start = lines.findIndex((line, index) => levelAt(index) > 0 && line.replace(/^#+ /, '') === heading);
  if (start < 0) throw new Error(`${page} has no heading ${JSON.stringify(heading)}`);
  const end = lines.findIndex(
    (_, index) => index > start && levelAt(index) > 0 && levelAt(index) <= levelAt(start),
  );
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n');
}

export function blocksOf(page: string, heading: string): readonly Block[] {
  return [...sectionOf(page, heading).matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
    ([, language = '', text = '']) => ({ language, text }),
  );
}

/** The text of the n-th block of this language below a heading. @throws Error where there are not so many */
export function blockOf(page: string, heading: string, language: string, n = 0): string {
  const block = blocksOf(page, heading).filter((each) => each.language === language)[n];
  if (block === undefined) throw new Error(`${page} shows no ${language} ${n} below ${heading}`);
  return block.text;
}

/**
 * The ```log blocks below a heading say what one sees: each of their lines stands in the log, in this order. `…` in a line is
 * any text, as a line of its own any lines.
 */
export function expectShown(log: string, page: string, heading: string): void {
  const shown = blocksOf(page, heading).filter(({ language }) => language === 'log');
  expect(shown.length, `${page} shows no log below ${heading}`).toBeGreaterThan(0);
  const lines = asShown(log).split('\n');
  for (const { text } of shown) {
    let from = 0;
    for (const line of text.trimEnd().split('\n')) {
      if (line.trim() === '…') continue;
      const wanted = likeShown(line);
      const at = lines.findIndex((each, index) => index >= from && wanted.test(each));
      expect(
        at,
        `${page}, ${heading}: the log has no line like\n${line}\n\n${lines.join('\n')}`,
      ).toBeGreaterThanOrEqual(0);
      from = at + 1;
    }
  }
}

/** What the ```text blocks below a heading say of runs that fail: each of their lines, without an order, stands in one of these logs. */
export function expectTroubles(logs: readonly string[], page: string, heading: string): void {
  const blocks = blocksOf(page, heading).filter(({ language }) => language === 'text');
  const shown = blocks.flatMap(({ text }) => text.trimEnd().split('\n'));
  expect(shown.length, `${page} shows no trouble below ${heading}`).toBeGreaterThan(0);
  const lines = logs.flatMap((log) => asShown(log).split('\n'));
  for (const line of shown) {
    const wanted = likeShown(line);
    expect(
      lines.some((each) => wanted.test(each)),
      `${page}, ${heading}: no log has a line like\n${line}\n\n${lines.join('\n')}`,
    ).toBe(true);
  }
}

const likeShown = (line: string) =>
  new RegExp(`^\\s*${line.trim().split('…').map(literally).join('.*')}\\s*$`);
