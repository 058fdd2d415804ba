// What a user reads in action.yml and docs/ is what the code does: one table of inputs, one list of outputs.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { otherOptions, supportedOptions } from '../../src/inputs/ssh-option-table';
import { inputs } from '../../src/inputs/table';
import type { InputDefinition } from '../../src/inputs/table/definition';
import { outputs } from '../../src/report/outputs';
import { knownAlgorithms } from '../../src/ssh/algorithms';

const root = new URL('../../', import.meta.url);
const definitions: readonly InputDefinition[] = inputs;

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

type Fields = Record<string, string>;

/** The entries of a section of action.yml, each with its one-line fields. Knows YAML only as action.yml uses it. */
function section(name: string): Map<string, Fields> {
  const [, text = ''] = new RegExp(`^${name}:\\n((?: .*\\n|\\n)*)`, 'm').exec(read('action.yml')) ?? [];
  const entries = new Map<string, Fields>();
  let fields: Fields = {};
  for (const line of text.split('\n')) {
    const [, entry] = /^ {2}([\w-]+):$/.exec(line) ?? [];
    if (entry) {
      fields = {};
      entries.set(entry, fields);
    }
    const [, key, value = ''] = /^ {4}([\w-]+):\s*(.*)$/.exec(line) ?? [];
    if (key) fields[key] = scalar(value);
  }
  return entries;
}

/** Plain, single-quoted, or double-quoted, which the formatter prefers and which is JSON here. */
function scalar(text: string): string {
  if (text.startsWith('"')) return JSON.parse(text);
  return text.startsWith("'") ? text.slice(1, -1).replaceAll("''", "'") : text;
}

interface Table {
  header: string[];
  rows: string[][];
}

/** The tables of a Markdown text; a backslash lets a cell contain the separator. */
function tables(markdown: string): Table[] {
  const blocks = markdown.match(/(?:^\|.*\n?)+/gm) ?? [];
  return blocks.map((block) => {
    const [header = [], , ...rows] = block.trim().split('\n').map(cells);
    return { header, rows };
  });
}

function cells(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** The names in the first column of the page's tables whose first heading matches. */
function documented(page: string, title: RegExp): string[] {
  return tables(read(page))
    .filter(({ header }) => title.test(header[0] ?? ''))
    .flatMap(({ rows }) => rows.map(([name = '']) => name.replace(/^`(.*)`$/, '$1')));
}

describe('action.yml', () => {
  test('has the inputs of the code, in its order', () => {
    expect([...section('inputs').keys()]).toEqual(definitions.map(({ name }) => name));
  });

  test.each(definitions)('describes $name as the code does', ({ name, description, ...rest }) => {
    const without = rest.default ?? rest.otherwise;
    const ending = without === undefined ? '' : ` Default: ${without}.`;
    expect(section('inputs').get(name)).toMatchObject({
      description: description + ending,
      // which are needed depends on the others: the code says it
      required: 'false',
    });
  });

  test('leaves the defaults to the code, which must know whether a value was given', () => {
    for (const [name, fields] of section('inputs')) expect(fields, name).not.toHaveProperty('default');
  });

  test('has the outputs of the code, in its order, each described', () => {
    expect([...section('outputs').keys()]).toEqual(outputs.map(({ name }) => name));
    for (const { name, description } of outputs)
      expect(section('outputs').get(name)).toMatchObject({ description });
  });

  test('runs the bundle on Node 24', () => {
    const runs = read('action.yml').split(/^runs:\n/m)[1];
    expect(runs).toMatch(/^ {2}using: node24$/m);
    const bundles = [...(runs ?? '').matchAll(/^ {2}(?:pre|main|post): (.*)$/gm)].map(
      ([, path = '']) => path,
    );
    expect(bundles).toContain('dist/index.js');
    for (const path of bundles) expect(existsSync(new URL(path, root)), path).toBe(true);
  });
});

/** README and what it leads to. */
const documents = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'examples/README.md',
  ...readdirSync(new URL('docs', root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

describe('the documents', () => {
  test.each(documents)('%s leads to what is there', (path) => {
    const text = read(path).replaceAll(/```.*?```/gs, '');
    for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [file, anchor] = link.split('#');
      const target = file === '' ? path : new URL(file ?? '', new URL(path, root)).pathname;
      const contents = readFileSync(file === '' ? new URL(path, root) : target, 'utf8');
      const anchors = [...contents.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replaceAll(/[^\w\s-]/g, '')
          .replaceAll(' ', '-'),
      );
      if (anchor !== undefined) expect(anchors, link).toContain(anchor);
    }
  });

  test('has every input of the code, and no other', () => {
    expect(documented('docs/inputs.md', /^input$/i).toSorted()).toEqual(
      definitions.map(({ name }) => name).toSorted(),
    );
  });

  test('has every output of the code, and no other', () => {
    expect(documented('docs/outputs.md', /^output$/i).toSorted()).toEqual(
      outputs.map(({ name }) => name).toSorted(),
    );
  });
});

describe('docs/ssh-options.md', () => {
  const file = 'docs/ssh-options.md';
  const quoted = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  const [supported, algorithms, others] = tables(read(file));

  test('has every option that is supported, as the code describes it', () => {
    expect(supported?.rows).toEqual(
      Object.values(supportedOptions).map(({ name, does }) => [`\`${name}\``, does]),
    );
  });

  test('has every algorithm that is known', () => {
    expect(algorithms?.rows.map((row) => row.map(quoted))).toEqual(
      Object.entries(knownAlgorithms).map(([name, { offered, onRequest }]) => [[name], offered, onRequest]),
    );
  });

  test('says of every other option what to do instead', () => {
    expect(others?.rows.map(([instead, names]) => ({ instead, names: quoted(names) }))).toEqual(otherOptions);
  });
});
