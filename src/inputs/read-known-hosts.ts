import { type KnownHost, parseKnownHosts } from '../ssh/known-hosts';
import type { Parser } from './parsers';

export const knownHosts: Parser<readonly KnownHost[] | undefined> = (text) => {
  const { lines, problems } = parseKnownHosts(text);
  if (problems.length > 0) return { problem: problems.join('; ') };
  return lines.length === 0 ? { problem: 'has no line with a key' } : { ok: lines };
};
