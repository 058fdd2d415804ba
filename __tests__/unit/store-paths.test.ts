import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { InputError } from '../../src/errors';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { readSettings } from '../../src/inputs/read-settings';
import { parseStorePaths } from '../../src/inputs/store-paths';
import { SecretRegistry } from '../../src/secrets';
import { test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';
import { makeTestKey, nastyText } from './support';

/** A folder that stands for the store, with a system and a disko script in it. */
function makeStore() {
  const folder = temporaryFolder('paths');
  const store = join(folder, 'store');
  const path = (letter: string, name: string) => join(store, `${letter.repeat(32)}-${name}`);
  const system = path('a', 'nixos-system-demo');
  mkdirSync(join(system, 'bin'), { recursive: true });
  writeFileSync(join(system, 'nixos-version'), '25.11');
  // as in a real one: where they lead need not be here
  for (const name of ['init', 'bin/switch-to-configuration'])
    symlinkSync('/nix/store/nowhere', join(system, name));
  const script = path('b', 'disko');
  writeFileSync(script, '#!/bin/sh\n');
  chmodSync(script, 0o555);
  return { folder, store, path, system, script, read: (text: string) => parseStorePaths(text, { store }) };
}

describe('parseStorePaths', () => {
  test('takes both in any order, however they are separated', async () => {
    const { system, script, read } = makeStore();
    const both = { system, diskoScript: script, absent: [] };
    for (const text of [`${script} ${system}`, `${system}\n${script}\n`, `\t${system}\r\n  ${script}`])
      expect(read(text)).toEqual(both);
  });

  test('takes one alone', async () => {
    const { system, script, read } = makeStore();
    expect(read(system)).toEqual({ system, diskoScript: undefined, absent: [] });
    expect(read(script)).toEqual({ system: undefined, diskoScript: script, absent: [] });
  });

  test('follows result links, in chains too', async () => {
    const { folder, system, script, read } = makeStore();
    symlinkSync(system, join(folder, 'result'));
    symlinkSync('result', join(folder, 'chain'));
    symlinkSync(script, join(folder, 'result-disko'));
    symlinkSync('chain', join(folder, 'circle'));
    expect(read(`${join(folder, 'chain')} ${join(folder, 'result-disko')}`)).toEqual({
      system,
      diskoScript: script,
      absent: [],
    });
    symlinkSync('round', join(folder, 'round'));
    expect(read(join(folder, 'round'))).toMatch(/does not exist, or does not lead into/);
  });

  test('a disko script may be a link to a program in another store path; a system is where its links end', async () => {
    const { path, system, read } = makeStore();
    const tool = path('c', 'disko-tool');
    mkdirSync(join(tool, 'bin'), { recursive: true });
    writeFileSync(join(tool, 'bin/run'), '#!/bin/sh\n');
    chmodSync(join(tool, 'bin/run'), 0o555);
    symlinkSync(join(tool, 'bin/run'), path('d', 'disko'));
    symlinkSync(system, path('e', 'alias'));
    expect(read(`${path('d', 'disko')} ${path('e', 'alias')}`)).toEqual({
      system,
      diskoScript: path('d', 'disko'),
      absent: [],
    });
    expect(read(join(tool, 'bin/run'))).toMatch(/is no store path itself: give the whole of one/);
  });

  test('refuses what is neither, or not there, or twice the same', async () => {
    const { folder, path, store, system, script, read } = makeStore();
    mkdirSync(path('f', 'folder'));
    writeFileSync(path('g', 'text'), '');
    writeFileSync(join(folder, 'outside'), '');
    writeFileSync(join(store, 'no-hash'), '');
    expect(read(path('f', 'folder'))).toMatch(/neither a system .* nor a disko script/);
    expect(read(path('g', 'text'))).toMatch(/neither a system .* nor a disko script/);
    expect(read(join(folder, 'outside'))).toMatch(/does not lead into/);
    expect(read(path('h', 'missing'))).toMatch(/does not exist/);
    expect(read(join(store, 'no-hash'))).toMatch(/is no store path itself/);
    expect(read(join(system, 'init'))).toMatch(/does not exist|is no store path itself/);
    expect(read(`${system} ${system}`)).toMatch(/has two systems and no disko script/);
    expect(read(`${script} ${script}`)).toMatch(/has two disko scripts and no system/);
    expect(read(`${script} ${system} ${system}`)).toMatch(/has 3 paths/);
  });

  test('takes any text: paths or a problem', async () => {
    const { read } = makeStore();
    fc.assert(
      fc.property(nastyText, (text) => {
        fc.pre(text.trim() !== '');
        expect(read(text)).toEqual(expect.any(String));
      }),
    );
  });
});

describe('store paths that can be fetched', () => {
  test('are taken as they are, and told apart later', async () => {
    const { store, path, script } = makeStore();
    const [gone, other] = [path('9', 'nixos-system-demo'), path('8', 'disko')];
    const fetchable = (text: string) => parseStorePaths(text, { store, mayBeAbsent: true });
    expect(fetchable(`${gone}\n${script}`)).toEqual({
      system: undefined,
      diskoScript: script,
      absent: [gone],
    });
    expect(fetchable(`${gone} ${other}`)).toMatchObject({ absent: [gone, other] });
    expect(parseStorePaths(gone, { store })).toMatch(/does not exist/);
    for (const text of ['./result', '/nonexistent', `${gone}/bin`])
      expect(fetchable(text)).toMatch(/does not exist/);
  });
});

describe('store-paths among the inputs', () => {
  const key = makeTestKey();

  /** The problems, by input; the settings where there are none. */
  function read(store: string, inputs: RawInputs) {
    const before = process.env.NIX_STORE_DIR;
    process.env.NIX_STORE_DIR = store;
    try {
      return readSettings(inputs, new SecretRegistry(() => undefined));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return Object.fromEntries(error.problems.map(({ input, problem }) => [input, problem]));
    } finally {
      if (before === undefined) delete process.env.NIX_STORE_DIR;
      else process.env.NIX_STORE_DIR = before;
    }
  }
  const machine = { 'target-host': 'example.org', 'ssh-private-key': key, 'wipe-disks': 'any' };

  test('stand in for a flake', async () => {
    const { store, system, script } = makeStore();
    const both = `${script}\n${system}`;
    expect(read(store, { ...machine, 'store-paths': both })).toMatchObject({
      kind: 'install',
      configuration: {
        source: 'input',
        value: { kind: 'store-paths', paths: { system, diskoScript: script, absent: [] } },
      },
    });
    expect(read(store, { 'store-paths': both, plan: 'offline' })).toMatchObject({ kind: 'offline-plan' });
    expect(read(store, machine)).toEqual({ flake: 'is required, or nix-file, or store-paths' });
  });

  test('exclude flake and disko-mode', async () => {
    const { store, system, script } = makeStore();
    const given = { ...machine, 'store-paths': `${script} ${system}` };
    expect(read(store, { ...given, flake: '.#demo' })).toEqual({
      'store-paths': expect.stringMatching(/cannot be combined with flake/),
    });
    expect(read(store, { ...given, 'disko-mode': 'mount' })).toEqual({
      'disko-mode': expect.stringMatching(/cannot be combined with store-paths/),
    });
  });

  test('must hold what the phases need', async () => {
    const { store, system, script } = makeStore();
    const problemsOf = (paths: string, more: RawInputs) =>
      read(store, { ...machine, 'store-paths': paths, ...more });
    expect(problemsOf(system, {})).toEqual({ 'store-paths': expect.stringMatching(/has no disko script/) });
    expect(problemsOf(script, {})).toEqual({ 'store-paths': expect.stringMatching(/has no system/) });
    expect(problemsOf(script, { phases: 'kexec,disko' })).toMatchObject({ kind: 'install' });
    expect(problemsOf(system, { phases: 'install,reboot' })).toMatchObject({ kind: 'install' });
    expect(problemsOf(script, { phases: 'kexec,disko', 'on-installed': 'update' })).toMatchObject({
      'store-paths': expect.stringMatching(/has no system/),
    });
  });

  test('make wipe-disks mandatory where a disko script is run', async () => {
    const { store, system, script } = makeStore();
    const { 'wipe-disks': _, ...without } = machine;
    const given = { ...without, 'store-paths': `${script} ${system}` };
    expect(read(store, given)).toEqual({
      'wipe-disks': expect.stringMatching(/is required with store-paths.*or write any/),
    });
    expect(read(store, { ...given, phases: 'install,reboot' })).toMatchObject({ kind: 'install' });
  });

  test('from another store: what they are is checked once they are here, which disks may be lost now', async () => {
    const { store, path } = makeStore();
    const { 'wipe-disks': _, ...others } = machine;
    const given = { ...others, 'store-paths': path('9', 'x'), from: 'file:///cache' };
    expect(read(store, given)).toEqual({ 'wipe-disks': expect.stringMatching(/is required/) });
    expect(read(store, { ...given, 'wipe-disks': 'any' })).toMatchObject({
      kind: 'install',
      from: { value: 'file:///cache' },
    });
  });

  test('what was decided when they were built is refused', async () => {
    const { store, system } = makeStore();
    for (const [name, value] of Object.entries({ 'special-args': '{}', 'no-disko-deps': 'true' })) {
      expect(read(store, { 'store-paths': system, plan: 'offline', [name]: value })).toMatchObject({
        [name]: expect.stringMatching(/cannot be combined with store-paths/),
      });
    }
  });
});
