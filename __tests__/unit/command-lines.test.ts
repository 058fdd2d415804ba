// docs/moving-from-nixos-anywhere.md: each command line has the inputs beside it that its flags are, and they can be read.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { flags } from '../../parity/flags';
import { InputError } from '../../src/errors';
import type { LoadedSecrets } from '../../src/inputs/load-secrets';
import { readSettings } from '../../src/inputs/read-settings';
import { keyOf, parseSecretSource } from '../../src/inputs/secret-source';
import { SecretRegistry } from '../../src/secrets';
import { blocksOf } from '../support/documents';
import { isOwn, readYaml, stepsIn, wholeWorkflow } from '../support/read-workflow';
import { makeTestKey } from './support';

const page = 'docs/moving-from-nixos-anywhere.md';
const blocks = blocksOf(page, 'Command lines and their inputs');

interface Pair {
  readonly command: string;
  readonly inputs: Readonly<Record<string, string>>;
}

const pairs = blocks.flatMap(({ language, text }, index): Pair[] => {
  const next = blocks[index + 1];
  if (language !== 'console') return [];
  expect(next?.language, text).toBe('yaml');
  const step = stepsIn(readYaml(page, wholeWorkflow(next?.text ?? ''))).find(isOwn);
  return [{ command: text.trim().replace(/^\$ /, ''), inputs: step?.with ?? {} }];
});

interface Flag {
  readonly input: string;
  /** How many arguments follow it. */
  readonly takes: number;
}

/** As the help of nixos-anywhere writes them: `-p, --ssh-port PORT`. */
const known = new Map<string, Flag>(
  flags.flatMap(({ name, input = '' }) => {
    const spellings = [...name.matchAll(/(?<=^|, )--?[\w-]+/g)].map(([spelling]) => spelling);
    const takes = name
      .replace(/^(--?[\w-]+(, )?)+/, '')
      .replace(/,? or .*/, '')
      .split(' ')
      .filter((word) => word !== '').length;
    return spellings.map((spelling) => [spelling, { input, takes }] as const);
  }),
);

/** Words as a shell has them; a command whose output is read is one. */
const wordsOf = (command: string) => command.match(/<\([^)]*\)|\S+/g) ?? [];

/** What the flags of a command line are here, each with all words that it was given. */
function translated(command: string): Record<string, readonly string[]> {
  const inputs: Record<string, readonly string[]> = {};
  const add = (input: string, ...words: readonly string[]) => {
    inputs[input] = [...(inputs[input] ?? []), ...words];
  };
  const words = wordsOf(command);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === 'nixos-anywhere') continue;
    if (word.startsWith('SSHPASS=')) add('ssh-password', 'a secret');
    // counts without a flag here
    else if (word === '--env-password') continue;
    else if (!word.startsWith('-')) add('target-host', word);
    else {
      const flag = known.get(word);
      if (flag === undefined || flag.input === '') throw new Error(`what is ${word}?`);
      const given = words.splice(0, flag.takes).flatMap(asSource);
      add(flag.input, ...(flag.takes === 0 ? ['true'] : given));
    }
  }
  return inputs;
}

function asSource(word: string): readonly string[] {
  const [, command] = /^<\((.*)\)$/.exec(word) ?? [];
  return command === undefined ? [word] : `exec:${command}`.split(' ');
}

/** Inputs that no command line has, since nixos-anywhere has no such flag. */
const ours = ['wipe-disks'];

const folder = mkdtempSync(join(tmpdir(), 'command-lines-'));
afterAll(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'files'));
for (const name of [
  'files/motd',
  'key',
  'disk-1.key',
  'nixos-kexec-installer-noninteractive-x86_64-linux.tar.gz',
])
  writeFileSync(join(folder, name), '');

const key = makeTestKey();
const contents: Record<string, string> = {
  [`${folder}/key`]: key,
  [`${folder}/disk-1.key`]: 'a key',
  'exec:pass disk-2': 'another key',
};

function loaded(): LoadedSecrets {
  return new Map(
    Object.entries(contents).map(([source, text]) => {
      const parsed = parseSecretSource(source);
      if (!('ok' in parsed)) throw new Error(parsed.problem);
      return [keyOf(parsed.ok), { ok: Buffer.from(text) }] as const;
    }),
  );
}

/** What is wrong with the inputs, as they would be in a folder with the files that they name. */
function problemsOf(inputs: Readonly<Record<string, string>>): readonly { readonly problem: string }[] {
  const there = Object.entries(inputs).map(([name, value]) => [name, value.replaceAll('./', `${folder}/`)]);
  const machine = { 'ssh-private-key': key, 'known-hosts': pinned };
  const needed =
    'vm-test' in inputs ? {} : 'ssh-private-key-file' in inputs ? { 'known-hosts': pinned } : machine;
  try {
    readSettings({ ...Object.fromEntries(there), ...needed }, new SecretRegistry(() => undefined), loaded());
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.problems;
  }
}

describe.each(pairs)('$command', ({ command, inputs }) => {
  test('is what stands below it', () => {
    const own = Object.entries(inputs).filter(([name]) => !ours.includes(name));
    const words = own.map(([name, value]) => [
      name,
      value.startsWith('${{ secrets.') ? ['a secret'] : value.split(/\s+/).filter((word) => word !== ''),
    ]);
    expect(Object.fromEntries(words)).toEqual(translated(command));
  });

  test('can be read', () => {
    // the one thing that no folder can have
    const isElsewhere = ({ problem }: { readonly problem: string }) =>
      /^\/nix\/store\/\S+ does not exist/.test(problem);
    expect(problemsOf(inputs).filter((each) => !isElsewhere(each))).toEqual([]);
  });
});

const pinned = '* ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINeNit4or/faiDPV7oZP+UaV9L+GT8aV7WJH9oGrY32m';

/** Of each example in nixos-anywhere's documents (commit 91fc9b7, and those that this project began with) its flags. */
const examples: readonly string[] = [
  '--flake --vm-test',
  '--flake --target-host',
  '--flake',
  '--flake --generate-hardware-config --target-host',
  '--flake --kexec',
  '--extra-files --flake --target-host',
  '--disk-encryption-keys --disk-encryption-keys --flake',
  '--copy-host-keys --flake',
  '--store-paths',
  '--disko-mode --flake --target-host',
  '--flake --no-disko-deps --target-host',
];

test.each(examples)('the example with %s is there', (example) => {
  const flagsOf = (command: string) =>
    wordsOf(command)
      .filter((word) => word.startsWith('-'))
      .toSorted();
  const wanted = example.split(' ');
  // an example may show more at a time
  const has = pairs.some(({ command }) => {
    const there = flagsOf(command);
    return wanted.every(
      (flag) => there.filter((each) => each === flag).length >= wanted.filter((each) => each === flag).length,
    );
  });
  expect(has).toBe(true);
});

test('each flag is in a command line, but for those that are only there not to be missed', () => {
  const shown = new Set(pairs.flatMap(({ command }) => Object.keys(translated(command))));
  const missing = flags.flatMap(({ input }) => (input === undefined || shown.has(input) ? [] : [input]));
  expect(missing).toEqual(['ssh-store-setting', 'stop-after-disko', 'no-reboot', 'build-on-remote', 'tty']);
});
