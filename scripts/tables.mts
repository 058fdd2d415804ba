// `npm run tables`: writes the inputs and outputs of the code into action.yml and docs/. Tests
// compare them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { otherOptions, supportedOptions } from '../src/inputs/ssh-option-table.ts';
import type { InputDefinition } from '../src/inputs/table/definition.ts';
import { inputs, sections } from '../src/inputs/table.ts';
import { outputs } from '../src/report/outputs.ts';
import { knownAlgorithms } from '../src/ssh/algorithms.ts';
import { pages } from './docs.mts';
import { table } from './markdown.mts';

const root = new URL('../', import.meta.url);

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

/** Puts what stands between the two comments of this name. */
function between(text: string, name: string, contents: string): string {
  return text.replace(
    new RegExp(`(<!-- ${name}: .*-->\\n)[^]*?(<!-- end of ${name} -->)`),
    (_, begin: string, end: string) => `${begin}\n${contents}\n${end}`,
  );
}

function inputRow({ name, description, ...rest }: InputDefinition): readonly string[] {
  const without = rest.default === undefined ? (rest.otherwise ?? '') : `\`${rest.default}\``;
  return [`\`${name}\``, description, without];
}

const definitions: readonly InputDefinition[] = inputs;

edit('action.yml', (text) =>
  section(
    section(text, 'inputs', definitions.map(inputEntry)),
    'outputs',
    outputs.map(({ name, description }) => `  ${name}:\n    description: ${JSON.stringify(description)}\n`),
  ),
);
const inputTables = sections.map(
  ({ title, inputs: rows }) =>
    `## ${title}\n\n${table(['Input', 'What it does', 'Default'], rows.map(inputRow))}`,
);
const outputTable = table(
  ['Output', 'What it says'],
  outputs.map(({ name, description }) => [`\`${name}\``, description]),
);
edit('docs/inputs.md', (text) => between(text, 'inputs', inputTables.join('\n')));
edit('docs/outputs.md', (text) => between(text, 'outputs', outputTable));

mkdirSync(new URL('docs/', root), { recursive: true });
for (const [path, text] of Object.entries(pages)) writeFileSync(new URL(path, root), text);

const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');
const optionTable = table(
  ['Option', 'What it does'],
  Object.values(supportedOptions).map(({ name, does }) => [code([name]), does]),
);
const algorithmTable = table(
  ['Option', 'Offered', 'With `+` or in a list only'],
  Object.entries(knownAlgorithms).map(([name, { offered, onRequest }]) => [
    code([name]),
    code(offered),
    code(onRequest),
  ]),
);
const otherTable = table(
  ['Instead', 'Options'],
  otherOptions.map(({ instead, names }) => [instead, code(names)]),
);
edit('docs/ssh-options.md', (text) =>
  between(
    between(between(text, 'supported', optionTable), 'algorithms', algorithmTable),
    'others',
    otherTable,
  ),
);
