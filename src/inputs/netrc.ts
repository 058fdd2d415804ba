import type { Parsed } from './parsers';

export interface Netrc {
  /** As curl reads it. */
  readonly text: string;
  /** Secrets by themselves: each is printed without the line around it where somebody prints it. */
  readonly passwords: readonly string[];
}

const shape = 'write machine HOST login USER password PASSWORD';

/** What netrc files have in common: words, of which a host comes first and a password after it. Problems show no word. */
export function parseNetrc(contents: Buffer): Parsed<Netrc> {
  // curl takes the carriage return for a part of the password
  const text = contents.toString('utf8').replaceAll('\r\n', '\n');
  if (text.includes('\0')) return { problem: 'contains a NUL character' };
  const words = wordsOf(text);
  if (!words.some(({ text: word }) => word === 'machine' || word === 'default'))
    return { problem: `is no netrc file: it names no machine; ${shape}` };
  const passwords = words.flatMap((word, at) =>
    words[at - 1]?.text === 'password' ? [word.text, word.raw] : [],
  );
  if (passwords.length === 0) return { problem: `names no password; ${shape}` };
  return {
    ok: { text: text.endsWith('\n') ? text : `${text}\n`, passwords: [...new Set(passwords)] },
  };
}

/** A word may stand in double quotes; the raw one still has its backslashes. A line that begins with # says nothing. */
function wordsOf(text: string): { readonly text: string; readonly raw: string }[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  return lines.flatMap((line) =>
    [...line.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)].map(([whole, quoted]) => ({
      raw: quoted ?? whole,
      text: quoted?.replace(/\\(.)/g, '$1') ?? whole,
    })),
  );
}
