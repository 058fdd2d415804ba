// What hints advise is there: every word in them that looks like an input is one, and docs/errors.md tells of each.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { githubFailures, kinds, states } from '../../parity/errors';
import { samplesOf } from '../../parity/samples';
import { inputs } from '../../src/inputs/table';
import { fallbacks, knownFailures } from '../../src/report/hints';
import { outputs } from '../../src/report/outputs';
import { errorPage } from '../../src/report/pages';
import { targetStates } from '../../src/report/result';
import { partitionedOtherwise } from '../../src/report/states';
import { readPage, sectionOf } from '../support/documents';

const root = new URL('../../', import.meta.url);
const page = 'docs/errors.md';
const known = [...knownFailures, ...fallbacks];
const names = new Set<string>([...inputs, ...outputs].map(({ name }) => name));

/** Written with a dash, and no input: programs, settings of Nix, NixOS, systemd and GitHub, states, plain English. */
const others = new Set([
  'accept-new',
  'access-tokens',
  'age-public-keys',
  'by-id',
  'extra-trusted-public-keys',
  'host-key',
  'max-jobs',
  'nix-collect-garbage',
  'nix-daemon',
  'nix-instantiate',
  'nixos-facter',
  'nixos-images',
  'no-port-forwarding',
  'prohibit-password',
  'runs-on',
  'self-hosted',
  'ssh-add',
  'start-up',
  'system-features',
  'trusted-users',
]);

const literal = /\/\/.*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

/** The texts that are hints in a source: those behind a word that speaks of one, to the end of its statement. */
function hintsIn(file: string): string[] {
  const texts: string[] = [];
  // a text may have what ends a statement
  const masked = readFileSync(new URL(file, root), 'utf8').replaceAll(literal, (text) =>
    text.startsWith('/') ? '' : `<${texts.push(text) - 1}>`,
  );
  const statements = masked.match(/\w*[hH]ints?\b[^;]*;/g) ?? [];
  const numbers = statements.flatMap((statement) => statement.match(/(?<=<)\d+(?=>)/g) ?? []);
  return [...new Set(numbers)]
    .map((number) => texts[Number(number)] ?? '')
    .filter((text) => text.split(' ').length > 4);
}

const sources = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' })
  // those are data, and have regular expressions with quotes in them
  .filter((file) => file.endsWith('.ts') && !file.startsWith('report/known/'))
  .map((file) => `src/${file}`);
const hints = [
  ...sources.flatMap((file) => hintsIn(file).map((hint) => ({ file, hint }))),
  ...known.map(({ id, hint }) => ({ file: id, hint })),
];

/** Words of small letters with dashes, which are neither a part of a path nor of an option, and what is set: `name: value`. */
function namedIn(text: string): string[] {
  const plain = text.replaceAll(/\$\{[^}]*\}/g, '').replaceAll(/\S*[/.]\S*/g, '');
  const dashed = plain.match(/(?<![\w-])[a-z]+(?:-[a-z0-9]+)+(?![\w-])/g) ?? [];
  return [...new Set(dashed)];
}

describe('what a hint names is there', () => {
  test('and there are hints to look at', () => {
    expect(hints.length).toBeGreaterThan(100);
    expect(namedIn('set no-disko-deps: true, or give `kexec-sha256` (see docs/my-page.md)')).toEqual([
      'no-disko-deps',
      'kexec-sha256',
    ]);
  });

  test.each(hints)('$file: $hint', ({ hint }) => {
    for (const name of namedIn(hint)) if (!names.has(name)) expect([...others], hint).toContain(name);
  });

  test.each([...kinds, ...githubFailures])('$advice', ({ advice }) => {
    for (const [, name = ''] of advice.matchAll(/`([a-z-]+)(?::[^`]*)?`/g))
      expect([...names, 'disko', 'cancel-in-progress'], advice).toContain(name);
  });

  test('and no word is excused that nobody says', () => {
    const said = new Set(hints.flatMap(({ hint }) => namedIn(hint)));
    expect([...others].filter((word) => !said.has(word))).toEqual([]);
  });

  test.each(sources.flatMap((file) => hintsIn(file).filter((hint) => hint.includes('docs/'))))(
    '%s',
    (hint) => {
      for (const [path] of hint.matchAll(/docs\/[\w-]+\.md/g)) expect(readPage(path)).not.toBe('');
    },
  );
});

describe('docs/errors.md', () => {
  test.each(known)('tells of $id: cause, samples, what to do', ({ id, cause, hint }) => {
    const section = sectionOf(page, id);
    expect(section).toContain(cause);
    expect(section).toContain(`**What to do:** ${hint}`);
    expect(samplesOf[id].length).toBeGreaterThan(0);
    for (const { text } of samplesOf[id]) expect(section).toContain(text);
  });

  test('has each heading once: they are what links lead to', () => {
    const headings = [...readPage(page).matchAll(/^#+ (.*)$/gm)].map(([, title]) => title);
    expect(headings).toEqual([...new Set(headings)]);
    for (const { kind } of kinds) expect(headings).toContain(kind);
    for (const state of targetStates) expect(headings).toContain(state);
    expect(states.map(({ state }) => state)).toEqual(targetStates);
  });

  test('and docs/outputs.md say that partitioned need not mean that the old data is gone', () => {
    const told = sectionOf(page, 'partitioned');
    for (const means of Object.values(partitionedOtherwise)) expect(told).toContain(`it is ${means}.`);
    const [, table = ''] = readPage('docs/outputs.md').split('<!-- end of outputs -->');
    expect(table).toMatch(
      /Without the phase `disko` it means that the installation on mounted disks has begun/,
    );
    expect(table).toMatch(/the old data is gone: run again \(\*\)/);
  });

  test('is where annotation and summary lead to', () => {
    expect(errorPage({ known: 'no-kvm', kind: 'nix' })).toMatch(
      /^https:\/\/github\.com\/\S+\/docs\/errors\.md#no-kvm$/,
    );
    expect(errorPage({ known: null, kind: 'nix' })).toMatch(/errors\.md#nix$/);
  });
});
