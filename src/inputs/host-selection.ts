import type { Parser } from './parsers';

/** One word of the input hosts. */
export interface HostPattern {
  /** As it was written, without `!`. */
  readonly text: string;
  readonly kind: 'name' | 'glob' | 'tag';
  /** Takes hosts away instead of adding them. */
  readonly leavesOut: boolean;
}

/** No patterns: all hosts. */
export type HostSelection = readonly HostPattern[];

const word = /^(!?)(tag:)?([A-Za-z0-9_*?][A-Za-z0-9_.*?-]*)$/;

/** Names, globs and tags, separated by blanks or commas. */
export const hostSelection: Parser<HostSelection> = (text) => {
  const words = text.split(/[\s,]+/).filter((each) => each !== '');
  const patterns: HostPattern[] = [];
  for (const each of words) {
    const [, not, tag, name = ''] = word.exec(each) ?? [];
    if (name === '' || (tag !== undefined && /[*?]/.test(name)))
      return {
        problem: `has ${JSON.stringify(each.slice(0, 60))}; write names, globs such as web-*, or tag:NAME, each with ! before it to leave out`,
      };
    const kind = tag !== undefined ? 'tag' : /[*?]/.test(name) ? 'glob' : 'name';
    patterns.push({ text: `${tag ?? ''}${name}`, kind, leavesOut: not === '!' });
  }
  if (patterns.length === 0) return { problem: 'names no host; leave it out for all' };
  // where a part of it came to nothing by mistake, nearly all hosts would be meant
  if (patterns.every(({ leavesOut }) => leavesOut))
    return { problem: `only leaves hosts out; write * before it for all others, as in * ${words.join(' ')}` };
  return { ok: patterns };
};

/** What a host is chosen by. */
export interface Selectable {
  readonly name: string;
  readonly tags: readonly string[];
}

export function matches({ text, kind }: HostPattern, { name, tags }: Selectable): boolean {
  switch (kind) {
    case 'name':
      return name === text;
    case 'tag':
      return tags.includes(text.slice('tag:'.length));
    case 'glob':
      return globMatches(text, name);
  }
}

/** Without an expression, which takes minutes for many stars. */
function globMatches(glob: string, name: string): boolean {
  let reachable = new Set([0]);
  for (const character of glob) {
    const next = new Set<number>();
    for (const at of reachable) {
      if (character === '*') for (let to = at; to <= name.length; to++) next.add(to);
      else if (at < name.length && (character === '?' || character === name[at])) next.add(at + 1);
    }
    reachable = next;
  }
  return reachable.has(name.length);
}

/** The hosts that are meant, in their own order; of no patterns all. */
export function selectHosts<T extends Selectable>(
  selection: HostSelection,
  hosts: readonly T[],
): readonly T[] {
  const added = selection.filter(({ leavesOut }) => !leavesOut);
  const leftOut = selection.filter(({ leavesOut }) => leavesOut);
  return hosts
    .filter((host) => added.length === 0 || added.some((pattern) => matches(pattern, host)))
    .filter((host) => !leftOut.some((pattern) => matches(pattern, host)));
}

/**
 * Patterns that fit no host at all: most likely misspelt, and what was meant would silently be left as it is. All hosts
 * may be none.
 */
export function idlePatterns(selection: HostSelection, hosts: readonly Selectable[]): readonly HostPattern[] {
  return selection.filter((pattern) => pattern.text !== '*' && !hosts.some((host) => matches(pattern, host)));
}
