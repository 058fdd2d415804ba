// Finds tests by the names under which documents speak of them.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = new URL('../', import.meta.url);

/** The file of a test that is named `folder/file › title`. */
export function fileOf(name: string): string {
  return fileURLToPath(new URL(`${name.split(' › ')[0]}.test.ts`, folder));
}

export function titleOf(name: string): string {
  return name.slice(name.indexOf(' › ') + 3);
}

/** The text as a regular expression that matches it alone. */
export function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Whether the file has a test of this very title, with the placeholders of a table of cases as they are written. */
export function testExists(name: string): boolean {
  const file = fileOf(name);
  if (!existsSync(file)) return false;
  const text = readFileSync(file, 'utf8');
  return ["'", '"', '`'].some((quote) => {
    const title = literally(titleOf(name).replaceAll(quote, `\\${quote}`));
    // behind the parenthesis of test(…) or of what test.each(…) gives
    return new RegExp(`\\(\\s*${quote}${title}${quote}\\s*,`).test(text);
  });
}
