// `npm run tables`: writes the inputs and outputs of the code into action.yml and the README. A test compares them.
import { readFileSync, writeFileSync } from 'node:fs';
import { type InputDefinition, inputs } from '../src/inputs/table.ts';
import { outputs } from '../src/report/outputs.ts';

const root = new URL('../', import.meta.url);
const definitions: readonly InputDefinition[] = inputs;

function edit(file: string, change: (text: string) => string): void {
  const path = new URL(file, root);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

/** Puts the entries of a section of action.yml, which ends where the next one begins. */
function section(text: string, name: string, entries: readonly string[]): string {
  return text.replace(new RegExp(`^${name}:\\n(?: .*\\n|\\n)*`, 'm'), () => `${name}:\n${entries.join('')}`);
}

function inputEntry({ name, description, ...rest }: InputDefinition): string {
  const without = rest.default ?? rest.otherwise;
  const ending = without === undefined ? '' : ` Default: ${without}.`;
  return `  ${name}:\n    description: ${JSON.stringify(description + ending)}\n    required: false\n`;
}

/** Puts the rows of the README's table that begins with these headings. */
function table(text: string, headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [headings, ...rows].map((row) => row.map((words) => words.replaceAll('|', '\\|')));
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((words, column) => words.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  const [head = [], ...body] = cells;
  const whole = [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('');
  return text.replace(new RegExp(`^\\| ${headings.join(' *\\| ')} *\\|\\n(?:\\|.*\\n)*`, 'm'), () => whole);
}

function inputRow({ name, description, ...rest }: InputDefinition): readonly string[] {
  const without = rest.default === undefined ? (rest.otherwise ?? '') : `\`${rest.default}\``;
  return [`\`${name}\``, description, without];
}

edit('action.yml', (text) =>
  section(
    section(text, 'inputs', definitions.map(inputEntry)),
    'outputs',
    outputs.map(({ name, description }) => `  ${name}:\n    description: ${JSON.stringify(description)}\n`),
  ),
);
edit('README.md', (text) =>
  table(
    table(text, ['Input', 'What it does', 'Default'], definitions.map(inputRow)),
    ['Output', 'What it says'],
    outputs.map(({ name, description }) => [`\`${name}\``, description]),
  ),
);
