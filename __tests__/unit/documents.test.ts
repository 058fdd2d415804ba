// docs/: each how-to says what to write or run, and what one sees when it worked; a test compares that with a real run.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { howTos } from '../../parity/how-tos';
import { asShown } from '../../testbed/action.mts';
import { blocksOf, expectShown, readPage, sectionOf } from '../support/documents';
import { fileOf, literally, testExists } from '../support/named-tests';

const toRun = ['yaml', 'sh', 'console', 'nix'];
const rows = howTos.flatMap((group) => group.rows);

describe.each(rows)('$page: $heading', ({ page, heading, test: name }) => {
  const path = `docs/${page}`;

  test('says what to write or run, and what one sees when it worked', () => {
    const languages = blocksOf(path, heading).map(({ language }) => language);
    expect(languages.filter((each) => toRun.includes(each)).length).toBeGreaterThan(0);
    expect(languages.filter((each) => each === 'log').length).toBeGreaterThan(0);
  });

  test('is compared with a run', () => {
    expect(testExists(name), name).toBe(true);
    expect(readFileSync(fileOf(name), 'utf8')).toMatch(
      new RegExp(`expectShown\\([^;]*'${literally(path)}',\\s*['"\`]${literally(heading)}['"\`]`),
    );
  });
});

test('no how-to is listed twice', () => {
  const places = rows.map(({ page, heading }) => `${page}#${heading}`);
  expect(places).toEqual([...new Set(places)]);
});

test('every page is in the index', () => {
  const index = readPage('docs/README.md');
  for (const file of readdirSync(new URL('../../docs', import.meta.url)).filter((name) =>
    name.endsWith('.md'),
  ))
    if (file !== 'README.md') expect(index, file).toContain(`](${file}`);
});

describe('expectShown', () => {
  const page = 'docs/login.md';

  test('finds the section of a heading, and no more', () => {
    expect(sectionOf(page, 'Logging in')).toContain('ssh-agent');
    expect(sectionOf(page, 'Logging in')).not.toContain('fe80');
    expect(() => sectionOf(page, 'Logging out')).toThrow('no heading');
    expect(existsSync(new URL(`../../${page}`, import.meta.url))).toBe(true);
  });

  test('reads a log as GitHub shows it', () => {
    const log =
      '::add-mask::x\n::group::build\nbuilt %\n::debug::y\n::warning title=a::b%0Ac\n::error file=a%3Ab,title=c::d%25\n::endgroup::';
    expect(asShown(log)).toBe('build\nbuilt %\nWarning: b\nc\nError: d%');
  });

  test('fails where nothing is shown', () => {
    expect(() => expectShown('', page, 'Logging in')).toThrow('shows no log');
  });
});
