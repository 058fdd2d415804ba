import type { Parser } from './parsers';

/** Far more than a kernel takes. */
const longest = 4096;
const between = /(?:\s|\\\n)*/y;
/** A word is made of pieces: plain characters, an escaped one, or quoted ones. */
const oneWord = /((?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)(?=\s|$)/sy;

/**
 * Splits text into words as a shell does, with '…', "…" and \ as quotes; no shell ever sees it. What a shell would
 * replace (variables, commands, patterns) is left as it stands.
 */
export const shellWords: Parser<readonly string[]> = (text) => {
  if (text.length > longest) return { problem: `has more than ${longest} characters` };
  const lines = text.replaceAll('\r\n', '\n');
  const words: string[] = [];
  for (let at = skipped(lines, 0); at < lines.length; at = skipped(lines, at)) {
    oneWord.lastIndex = at;
    const word = oneWord.exec(lines)?.[1];
    if (word === undefined) return { problem: 'has a quote that is not closed, or a \\ at its end' };
    words.push(unquoted(word));
    at += word.length;
  }
  return { ok: words };
};

/** Where the blanks at a place end. */
function skipped(text: string, at: number): number {
  between.lastIndex = at;
  return at + (between.exec(text)?.[0].length ?? 0);
}

function unquoted(word: string): string {
  const pieces = /\\(.)|'([^']*)'|"((?:[^"\\]|\\.)*)"/gs;
  return word.replace(pieces, (_, escaped?: string, single?: string, double?: string) => {
    if (escaped !== undefined) return escaped === '\n' ? '' : escaped;
    // within double quotes a backslash is special before these alone
    return single ?? double?.replace(/\\(?:\n|(["\\$`]))/g, '$1') ?? '';
  });
}
