/** A table of GitHub's Markdown; cells are Markdown already. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The rows that fit into so many bytes, and how many do not. */
export function rowsWithin(
  most: number,
  rows: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  const kept: (readonly string[])[] = [];
  let bytes = 0;
  for (const row of rows) {
    bytes += Buffer.byteLength(row.join(' | ')) + 6;
    if (bytes > most)
      return [...kept, [`and ${rows.length - kept.length} more, see the log`, ...row.slice(1).map(() => '')]];
    kept.push(row);
  }
  return kept;
}

/** Far more than a name or a reason has; GitHub takes 1 MiB for the whole summary. */
const longestInline = 500;
const longestBlock = 80_000;

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
  return `<code>${inline(text).replace(/[&<>|`*_[\]~\\]/g, (character) => `&#${character.charCodeAt(0)};`)}</code>`;
}

/** A fenced block whose fence is longer than any run of backticks in it. Of a long text the end, where reasons stand. */
export function block(lines: readonly string[]): string {
  const text = lines.join('\n').slice(-longestBlock);
  const longest = [...text.matchAll(/`+/g)].reduce((length, [run]) => Math.max(length, run.length), 2);
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}
