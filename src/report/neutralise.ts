import { stripVTControlCharacters } from 'node:util';

/** A line longer than this is cut: nobody reads it, and the runner keeps it in memory. */
const longestLine = 8192;

/**
 * Makes one line of foreign text harmless. The runner takes `##[name]` anywhere in a line, and `::name::` after
 * leading white space (whatever .NET takes for that), for commands: a hostile banner or build log could set outputs,
 * state or masks. Control characters could rewrite the terminal or split the line.
 */
export function neutralise(line: string): string {
  // colours first, so that their remains do not litter the log
  const printable = stripVTControlCharacters(line.slice(0, longestLine)).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => (character === '\t' ? character : ''),
  );
  const withoutBrackets = printable.replaceAll('##[', '## [');
  return /^\s*::/.test(withoutBrackets) ? withoutBrackets.replace('::', ': :') : withoutBrackets;
}

/** Foreign text of several lines. */
export function neutraliseText(text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map(neutralise)
    .join('\n');
}
