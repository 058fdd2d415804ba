// What is installed, in its several ways, and the kinds of run that go with them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test as plainTest } from 'vitest';
import { InputError } from '../../src/errors';
import { showAttributePath, splitAttributePath } from '../../src/inputs/attribute-path';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { readSettings } from '../../src/inputs/read-settings';
import { specialArgs } from '../../src/inputs/special-args';
import { SecretRegistry } from '../../src/secrets';
import { test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';
import { nastyText } from './support';

/** The settings of an offline plan, or the problems by input. */
function read(raw: RawInputs): object {
  try {
    return readSettings({ plan: 'offline', ...raw }, new SecretRegistry(() => undefined));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return Object.fromEntries(error.problems.map(({ input, problem }) => [input, problem]));
  }
}

/** A file that exists; its text does not matter here. */
function file(): string {
  const path = join(temporaryFolder('nix file'), 'ünï "code".nix');
  writeFileSync(path, '{ }');
  return path;
}

describe('nix-file', () => {
  test('stands in for a flake, with an attribute or without', async () => {
    const path = file();
    const of = (attribute: string) => ({
      configuration: { value: { kind: 'nix-file', reference: { file: path, path: attribute.split('/') } } },
    });
    expect(read({ 'nix-file': path })).toMatchObject({
      configuration: { value: { reference: { file: path, path: [] } }, source: 'input' },
    });
    expect(read({ 'nix-file': path, 'nix-attribute': 'machines.web' })).toMatchObject(of('machines/web'));
    expect(read({ 'nix-file': path, 'nix-attribute': ' "host.example.org".config\r\n' })).toMatchObject(
      of('host.example.org/config'),
    );
  });

  test('may be a folder with default.nix, or be looked up', async () => {
    const folder = temporaryFolder('machines');
    expect(read({ 'nix-file': folder })).toEqual({
      'nix-file': expect.stringMatching(/a folder without default\.nix/),
    });
    writeFileSync(join(folder, 'default.nix'), '{ }');
    expect(read({ 'nix-file': folder })).toMatchObject({ kind: 'offline-plan' });
    expect(read({ 'nix-file': '<nixpkgs/nixos>' })).toMatchObject({ kind: 'offline-plan' });
    mkdirSync(join(folder, 'x'));
    for (const bad of ['<a b>', '<../x>', '<>', 'a\nb', '/nonexistent.nix'])
      expect(Object.keys(read({ 'nix-file': bad }))).toEqual(['nix-file']);
  });

  test('exactly one way', async () => {
    const path = file();
    expect(read({})).toEqual({ flake: 'is required, or nix-file, or store-paths' });
    expect(read({ flake: '.#a', 'nix-file': path })).toEqual({
      'nix-file': 'cannot be combined with flake; give one of them',
    });
    expect(read({ flake: '.#a', 'nix-attribute': 'b' })).toEqual({
      'nix-attribute': expect.stringMatching(/give nix-file too/),
    });
    expect(Object.keys(read({ 'nix-file': path, 'nix-attribute': 'a..b' }))).toEqual(['nix-attribute']);
  });
});

describe('attribute paths', () => {
  plainTest('are read back as they are shown', () => {
    const name = nastyText.filter((text) => text !== '' && !/["\\\r\n]/.test(text));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1 }), (parts) => {
        expect(splitAttributePath(showAttributePath(parts))).toEqual(parts);
      }),
    );
  });
});

describe('special-args', () => {
  plainTest.each([
    ['{"role": "web", "n": [1, {"a": null}]}', { role: 'web', n: [1, { a: null }] }],
    [' {}\r\n', {}],
    // a backslash and a letter, not the character
    ['{"a":"\\\\u0000", "n": -1.5e10}', { a: '\\u0000', n: -1.5e10 }],
  ])('%s', (text, ok) => {
    expect(specialArgs(text)).toEqual({ ok });
  });

  plainTest.each([
    ['{"a": }', /is not JSON/],
    ['role=web', /is not JSON/],
    ['["a"]', /is JSON, but a list; write an object/],
    ['"a"', /but a string/],
    ['null', /but null/],
    ['1', /but a number/],
    ['{"a":"\\u0000"}', /NUL/],
    ['{"\\u0000":1}', /NUL/],
    ['{"a":"\\ud800"}', /half of a surrogate pair/],
    ['{"a":[12345678901234567890]}', /a number beyond 9007199254740991.*write it as a text/],
    ['{"a":1e999}', /a number beyond/],
    [`{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, /more than 100 levels/],
    [`{"a":"${'x'.repeat(100_000)}"}`, /longer than 96 KiB/],
    [`{"a":"${'\\"'.repeat(32_000)}"}`, /longer than 96 KiB/],
    [`{"a":"${'$'.repeat(60_000)}"}`, /longer than 96 KiB/],
    [`{"a":[${'1e15,'.repeat(9000)}1]}`, /longer than 96 KiB/],
  ])('what is wrong with %s', (text, problem) => {
    expect(specialArgs(text)).toEqual({ problem: expect.stringMatching(problem) });
  });

  plainTest('survives any text', () => {
    fc.assert(
      fc.property(fc.oneof(nastyText, fc.json()), (text) => {
        expect(Object.keys(specialArgs(text))).toHaveLength(1);
      }),
    );
  });
});

describe('vm-test', () => {
  const tested = (raw: RawInputs) => read({ plan: 'false', flake: '.#a', 'vm-test': 'true', ...raw });

  test('is a kind of run of its own; inputs about the machine may stay', async () => {
    expect(
      tested({ 'target-host': 'x y', kexec: '/nonexistent', 'ssh-private-key': 'exec:false' }),
    ).toMatchObject({
      kind: 'vm-test',
      deadlines: { vmTest: { value: 3_600_000, source: 'default' } },
    });
    expect(tested({ 'vm-test-timeout': '90' })).toMatchObject({ deadlines: { vmTest: { value: 90_000 } } });
  });

  test('refuses other kinds, and what it would leave out', async () => {
    for (const other of [{ plan: 'offline' }, { 'build-only': 'true' }])
      expect(tested(other)).toEqual({
        'vm-test': `cannot be combined with ${Object.keys(other)[0]}; leave one of them out`,
      });
    expect(tested({ 'disk-encryption-keys': '/a /b' })).toEqual({
      'disk-encryption-keys': expect.stringMatching(/cannot be combined with vm-test/),
    });
    expect(tested({ flake: '', 'store-paths': '/nonexistent', 'build-on': 'remote' })).toEqual({
      'store-paths': expect.stringMatching(/cannot be combined with vm-test/),
      'build-on': expect.stringMatching(/cannot be remote with store-paths/),
    });
  });
});
