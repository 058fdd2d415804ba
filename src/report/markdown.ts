/** A table of GitHub's Markdown; cells are Markdown already. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The rows that fit into so many bytes, at most so many, and how many do not. */
export function rowsWithin(
  mostBytes: number,
  rows: readonly (readonly string[])[],
  most = rows.length,
): readonly (readonly string[])[] {
  const kept: (readonly string[])[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += Buffer.byteLength(row.join(' | ')) + 6;
    if (bytes > mostBytes || kept.length === most)
      return [...kept, [`and ${rows.length - kept.length} more, see the log`, ...row.slice(1).map(() => '')]];
    kept.push(row);
  }
  return kept;
}

/** Far more than a name or a reason has; GitHub takes 1 MiB for the whole summary. */
const longestInline = 500;
/** In bytes: a summary has several. */
const longestBlock = 60_000;

/** On one line: a line end could begin a heading or a table. */
function inline(text: string): string {
  return text.slice(0, longestInline).replace(/[\s\p{Cc}]+/gu, ' ');
}

/** Text that others may have written, as Markdown that shows it. */
export function escapeMarkdown(text: string): string {
  return inline(text)
    .replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/[\\`*_[\]~]/g, '\\$&');
}

export function code(text: string): string {
  // GitHub makes a link of an address also between tags, but not in a span
  if (/^[\w.:+-]+@[\w.:-]+$/.test(text) && text.length <= longestInline) return `\`${text}\``;
  return `<code>${inline(text).replace(/[&<>|`*_[\]~\\]/g, (character) => `&#${character.charCodeAt(0)};`)}</code>`;
}

/** A fenced block whose fence is longer than any run of backticks in it. Of a long text the end, where reasons stand. */
export function block(lines: readonly string[]): string {
  const text = endOf(lines.join('\n'));
  const longest = [...text.matchAll(/`+/g)].reduce((length, [run]) => Math.max(length, run.length), 2);
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

/** Not from the middle of a character. */
function endOf(text: string): string {
  // so many characters have at least as many bytes
  const bytes = Buffer.from(text.slice(-longestBlock));
  if (bytes.length <= longestBlock) return bytes.toString();
  return bytes
    .subarray(-longestBlock)
    .toString()
    .replace(/^\ufffd+/, '');
}

/** What one opens to read; `open`: what one may close. */
export function folded(title: string, parts: readonly string[], how: 'open' | 'closed' = 'closed'): string[] {
  if (parts.length === 0) return [];
  return [`<details${how === 'open' ? ' open' : ''}><summary>${title}</summary>`, ...parts, '</details>'];
}
