// bench/results.md: each benchmark writes its own part, and leaves the others as they are.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('results.md', import.meta.url));

/** @param text Markdown from its heading on */
export function writeResults(benchmark: string, text: string): void {
  const heading = (name: string) => `<!-- written by bench/${name} -->`;
  const parts = readFileSync(file, 'utf8')
    .split(/^(?=<!-- written by )/m)
    .filter((part) => !part.startsWith(heading(benchmark)));
  const all = [...parts, `${heading(benchmark)}\n\n${text.trim()}\n`].map((part) => part.trim()).sort();
  writeFileSync(file, `${all.toReversed().join('\n\n')}\n`);
}
