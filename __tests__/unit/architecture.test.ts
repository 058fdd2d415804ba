// docs/architecture.md speaks of files and names that are there.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { readPage } from '../support/documents';

const root = fileURLToPath(new URL('../../', import.meta.url));
const page = readPage('docs/architecture.md');
const [, picture = ''] = /^```mermaid\n(.*?)^```$/ms.exec(page) ?? [];
const spoken = [...new Set(page.replaceAll(/^```.*?^```$/gms, '').match(/(?<=`)[^`\n]+(?=`)/g) ?? [])];

const paths = spoken.filter(
  (word) => /^[\w./-]+$/.test(word) && /^(src|testbed|parity|__tests__|dist)\//.test(word),
);
test.each(paths)('%s is there', (path) => {
  expect(existsSync(`${root}${path}`)).toBe(true);
});

test.each([...picture.matchAll(/<br\/>([\w/-]+\.ts)/g)].map(([, path = '']) => path))(
  '%s of the picture is there',
  (path) => {
    expect(existsSync(`${root}src/${path}`)).toBe(true);
  },
);

/** Names that somebody has given to something of the code. */
const declared = new Set(
  globSync(['src/**/*.ts', 'testbed/*.mts', '__tests__/support/*.ts'], { cwd: root }).flatMap((file) =>
    [
      ...readFileSync(`${root}${file}`, 'utf8').matchAll(
        /\b(?:function|class|interface|type|const)\s+(\w+)|^ {2}(?:readonly |async )*(\w+)[:(<?]/gm,
      ),
    ].flatMap(([, name, member]) => [name ?? member ?? '']),
  ),
);

const identifiers = spoken.filter(
  (word) => /^[a-z]+[A-Z]\w*$|^[A-Z]\w+$/.test(word) && word !== 'CONTRIBUTING',
);
test.each(identifiers)('%s is a name of the code', (name) => {
  expect(declared).toContain(name);
});

test('the kinds of settings are all there, and no others', () => {
  const [, kinds = ''] = /a union by `kind`: (.*?)\. A kind/s.exec(page) ?? [];
  const listed = [...kinds.matchAll(/`([\w-]+)`/g)].map(([, kind]) => kind);
  const source = (name: string) => readFileSync(`${root}src/inputs/${name}`, 'utf8');
  const ofHosts = source('settings.ts').matchAll(/^ {2}\| \(\{ readonly kind: '([\w-]+)' \} & /gm);
  const ofFleets = source('fleet-settings.ts').matchAll(/^ {2}readonly kind: '([\w-]+)';$/gm);
  expect(new Set(listed)).toEqual(new Set([...ofHosts, ...ofFleets].map(([, kind]) => kind)));
  expect(listed.length).toBeGreaterThan(0);
});
