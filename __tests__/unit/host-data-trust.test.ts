// What a flake may have a runner do, and what it may hold: it is for everybody to read, and not always from here.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { problemsOfHost } from '../../src/inputs/check-host-data';
import { parseHostData } from '../../src/inputs/host-data';
import { secretInputs } from '../../src/inputs/secret-inputs';
import { type InputName, inputs } from '../../src/inputs/table';
import { isLocalFlake } from '../../src/plan/host-data';
import { nastyText } from './support';

const attribute = 'nixosAnywhere.web-1';

/** Undefined where it is taken. */
function problemOf(name: string, value: unknown, isLocal: boolean): string | undefined {
  const { inputs, problems } = parseHostData({ [name]: value }, { attribute, isLocal });
  expect(Object.keys(inputs).length + problems.length).toBe(1);
  return problems[0]?.problem;
}

/** That of the cache belongs to no host. */
const secretsOfHosts = secretInputs.filter((name) => name !== 'cache-signing-key');

describe('a secret', () => {
  test.each(secretsOfHosts)('has no place in a flake: %s', (name) => {
    for (const isLocal of [true, false]) {
      expect(problemOf(name, 'hunter2', isLocal)).toBe(
        'holds a secret, which has no place in a flake; write env:FLEET_SECRET_NAME or exec:COMMAND',
      );
      expect(problemOf(name, ' env:FLEET_SECRET_A\n', isLocal)).toBeUndefined();
    }
  });

  test.each([
    ['disk-encryption-keys', '/tmp/a env:FLEET_SECRET_A\n/tmp/b /nix/store/x-key'],
    ['secret-files', '/etc/a mode=0640 /nix/store/x-key'],
    ['ssh-private-key-file', '/nix/store/x-key'],
  ])('is not taken from the store either: %s', (name, value) => {
    expect(problemOf(name, value, true)).toMatch(/^holds a secret/);
  });

  test.each([
    'env:HOME',
    'env:AWS_SECRET_ACCESS_KEY',
    'env:FLEET_SECRET_',
    'env:fleet_secret_a',
    'env:XFLEET_SECRET_A',
    'env:GITHUB_TOKEN',
  ])('comes from a variable that is there for it, and not from %s', (source) => {
    for (const [name, value] of [
      ['ssh-password', source],
      ['disk-encryption-keys', `/tmp/a ${source}`],
      ['secret-files', `/etc/a owner=1 ${source}`],
    ] as const)
      expect(problemOf(name, value, true)).toMatch(
        /^names the variable \w+; a flake may name those that begin with FLEET_SECRET_/,
      );
  });

  test.each(['SSH_PRIVATE_KEY', 'SSHPASS', 'SSH_PASS', 'FLEET_SECRET_A_1'])(
    'may come from %s',
    (variable) => {
      expect(problemOf('sudo-password', `env:${variable}`, false)).toBeUndefined();
    },
  );
});

describe('a flake from elsewhere', () => {
  test.each([
    ['ssh-password', 'exec:id', 'runs a command on the runner'],
    ['disk-encryption-keys', '/tmp/a exec:id', 'runs a command on the runner'],
    ['secret-files', '/etc/a mode=0600 exec:id', 'runs a command on the runner'],
    ['hooks', 'before-kexec runner ./x', 'runs programs on the runner'],
    ['generate-hardware-config', 'nixos-facter /root/.profile', 'writes a file of the runner'],
    ['disk-encryption-keys', '/tmp/a /root/.ssh/id', 'reads a file of the runner'],
    ['secret-files', '/etc/a /proc/self/environ', 'reads a file of the runner'],
    ['ssh-private-key-file', '/root/.ssh/id', 'reads a file of the runner'],
    ['kexec', './image.tar.gz', 'reads a file of the runner'],
    ['ssh-option', 'UserKnownHostsFile=/root/x', 'reads a file of the runner'],
    ['extra-files', '/root', 'reads a folder of the runner'],
  ])('does nothing with the runner: %s: %s', (name, value, what) => {
    expect(problemOf(name, value, false)).toBe(
      `${what}, which only a flake in a folder of the runner may; give it as an input`,
    );
    expect(problemOf(name, value, true)).toBeUndefined();
  });

  test.each([
    ['kexec', 'https://example.org/image.tar.gz'],
    ['kexec', '/nix/store/x-image.tar.gz'],
    ['extra-files', '/nix/store/x-extra'],
    ['ssh-option', 'ProxyJump=me@bastion.example.org'],
  ])('may say %s: %s', (name, value) => {
    expect(problemOf(name, value, false)).toBeUndefined();
  });
});

describe('whether a flake is a folder of the runner', () => {
  const before = process.cwd();
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'local-flake-'));
    for (const folder of ['with', 'without', 'github:me', 'path.d'])
      mkdirSync(join(dir, folder), { recursive: true });
    mkdirSync(join(dir, 'github:me/repo'));
    for (const folder of ['', 'with', 'github:me/repo', 'path.d'])
      writeFileSync(join(dir, folder, 'flake.nix'), '{ outputs = _: { }; }');
    process.chdir(dir);
  });
  afterAll(() => {
    process.chdir(before);
    rmSync(dir, { recursive: true });
  });

  test.each([
    '.',
    './',
    './with',
    '..',
    '../other',
    '/srv/flake',
    'with',
    'path.d',
    '.?dir=with',
    './with?submodules=1',
    'path:.',
    'path:./with',
    'path:/srv/flake?lastModified=1',
    'git+file:.',
    'git+file:///srv/flake?dir=sub',
  ])('%s is', (uri) => {
    expect(isLocalFlake(uri)).toBe(true);
  });

  test.each([
    // what Nix looks up in its registry, whatever there is here
    'without',
    'nixpkgs',
    'with/main',
    'flake:with',
    'github:me/repo',
    'github:me/repo?dir=with',
    'git+https://example.org/x',
    'git+ssh://git@example.org/x',
    'https://example.org/x.tar.gz',
    'file:///srv/x.tar.gz',
    'tarball+file:///srv/x.tar.gz',
    'hg+file:///srv/flake',
    // not what is checked out
    '.?ref=refs/pull/1/head',
    'git+file:.?rev=0123456789012345678901234567890123456789',
    'git+file:///srv/flake?dir=sub&ref=main',
    '~/flake',
    'PATH:.',
    '',
  ])('%s is not', (uri) => {
    expect(isLocalFlake(uri)).toBe(false);
  });
});

describe('any data', () => {
  const marker = 'hunter2-is-the-secret';
  const withSecret = fc.tuple(nastyText, nastyText).map(([a, b]) => `x${a}${marker}${b}`);
  const shape = fc.oneof(
    nastyText,
    fc.jsonValue(),
    fc.constantFrom('env:FLEET_SECRET_A', 'exec:cat x', '/nix/store/x'),
  );
  const names = fc.oneof(
    fc.constantFrom(...inputs.map(({ name }) => name), 'tags', 'environment', 'secrets', 'constructor'),
    nastyText,
  );
  const secret: fc.Arbitrary<[string, unknown]> = fc.oneof(
    fc.tuple(
      fc.constantFrom<InputName>(...secretInputs),
      fc.oneof(withSecret, fc.array(withSecret), fc.dictionary(nastyText, withSecret)),
    ),
    fc.tuple(
      fc.constantFrom('disk-encryption-keys', 'secret-files'),
      withSecret.map((text) => `/a ${text}`),
    ),
    fc.tuple(
      fc.constant('secrets'),
      fc.dictionary(fc.constantFrom('SSH_PRIVATE_KEY', 'FLEET_SECRET_A'), withSecret),
    ),
    fc.tuple(
      fc.constant('environment'),
      withSecret.map((text) => ` ${text}`),
    ),
    fc.tuple(fc.constantFrom('ssh-pasword', 'password'), withSecret),
  );

  test('is data or problems, and shows no secret', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(names, shape)),
        fc.array(secret, { minLength: 1 }),
        fc.boolean(),
        (any, secrets, isLocal) => {
          const data = JSON.parse(JSON.stringify(Object.fromEntries([...any, ...secrets]))) as unknown;
          const read = parseHostData(data, { attribute, isLocal });
          // a path that somebody may have written a secret instead of is for the run to read
          const { 'disk-encryption-keys': _, 'secret-files': __, ...others } = read.inputs;
          for (const [name, text] of Object.entries(others))
            if (secretInputs.some((each) => each === name)) expect(text).toMatch(/^\s*(env|exec):/);
          expect(JSON.stringify([read.problems, others, read.fleet])).not.toContain(marker);
          expect(JSON.stringify(problemsOfHost('.#web-1', read))).not.toContain(marker);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of any kind', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: false }), (value) => {
        expect(parseHostData(value, { attribute, isLocal: true }).attribute).toBe(attribute);
      }),
    );
  });
});
