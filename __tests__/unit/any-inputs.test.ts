// Whatever is written into the inputs, one by one and all at once: settings or an InputError, soon, short, and without a
// secret in it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors';
import { describeSettings } from '../../src/inputs/describe-settings';
import type { Parsed } from '../../src/inputs/parsers';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { readSettings } from '../../src/inputs/read-settings';
import { type InputName, inputs } from '../../src/inputs/table';
import { SecretRegistry } from '../../src/secrets';
import { makeTestKey, nastyText } from './support';

const names = inputs.map(({ name }) => name);
const needed = { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': makeTestKey() };
const marker = 'hunter2-is-the-secret';

/** Whatever a source is called, it holds this, or could not be read. */
class Sources extends Map<string, Parsed<Buffer>> {
  readonly #contents: Parsed<Buffer>;
  constructor(contents: Parsed<Buffer>) {
    super();
    this.#contents = contents;
  }
  override get = () => this.#contents;
}

interface Read {
  /** Empty where there are settings. */
  readonly message: string;
  readonly notices: readonly string[];
  readonly described: string;
}

/** @throws whatever is no InputError */
function read(raw: RawInputs, environment: NodeJS.ProcessEnv = {}, contents: Parsed<Buffer> = x): Read {
  const notices: string[] = [];
  const warn = (notice: string) => notices.push(notice);
  const secrets = new SecretRegistry(() => undefined);
  try {
    const settings = readSettings(raw, secrets, new Sources(contents), warn, environment);
    return { message: '', notices, described: describeSettings(settings) };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { message: error.message, notices, described: '' };
  }
}
const x: Parsed<Buffer> = { ok: Buffer.from('x') };

/** Linux hands no program more in one variable, which is how inputs come. */
const most = 128 * 1024;
/** What takes a careless expression minutes, or makes a message of megabytes. */
const huge = {
  'one word': 'a'.repeat(most),
  'many words': 'a '.repeat(most / 2),
  'many lines': 'a b\n'.repeat(most / 4),
  'many paths': '/a b\n'.repeat(most / 5),
  'blanks in the middle': `a b${' '.repeat(most)}c`,
  'blanks behind a path': `/a b${'\t'.repeat(most)}c`,
  'blank lines': `${'\r\n'.repeat(most / 2)}x`,
  'a long path': `/${'a'.repeat(most)}`,
  'a path of many': '/a'.repeat(most / 2),
  'dots to the end': `.#${'a.'.repeat(most / 2)}"b`,
  'quotes that stay open': '"'.repeat(most + 1),
  backslashes: '\\'.repeat(most),
  'equal signs': 'a='.repeat(most / 2),
  'one option over and over': 'Port=1\n'.repeat(most / 8),
  'a list without end': `ProxyJump=${'a,'.repeat(most)}`,
  'JSON without a bottom': `{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
  'wide characters': '😀'.repeat(most / 4),
};

describe.each(Object.entries(huge))('as much as fits: %s', (_, text) => {
  test('in any input is read, or refused in a few lines', () => {
    for (const name of names) {
      const begun = Date.now();
      const { message } = read({ ...needed, [name]: text });
      expect(Date.now() - begun, name).toBeLessThan(10_000);
      expect(message.length, name).toBeLessThan(5000);
      expect(message.isWellFormed(), name).toBe(true);
    }
  });
});

test('of options that are all wrong the first are named', () => {
  const names = Array.from({ length: 20 }, (_, index) => `Nonsense${index}=x`);
  const { message } = read({ ...needed, 'ssh-option': names.join('\n') });
  expect(message.match(/has Nonsense\d+, which is not supported/g)).toHaveLength(5);
  expect(message).toMatch(/; and more is wrong$/);
});

test('a problem that is long keeps what was wrong, and what to do', () => {
  const lines = `flake ${'x'.repeat(9000)}`;
  expect(read({ ...needed, 'store-paths': lines, flake: '' }).message).toMatch(
    /^input store-paths: flake does not exist.* … x+ does not exist, or does not lead into/,
  );
});

describe('names of a length that nothing has', () => {
  test.each<InputName>([
    'target-host',
    'post-kexec-ssh-host',
    'post-install-ssh-host',
    'post-kexec-ssh-user',
    'post-install-ssh-user',
  ])('are refused in %s', (name) => {
    expect(read({ ...needed, [name]: 'a'.repeat(10_000) }).message).toContain(`input ${name}: is "aaa`);
    expect(read({ ...needed, [name]: 'a'.repeat(253) }).message).toBe('');
  });
});

/** The inputs that hold a secret themselves, and the lines behind whose path somebody may write one by mistake. */
const secretTexts: Partial<Record<InputName, (secret: string) => string>> = {
  'ssh-private-key': (secret) => secret,
  'ssh-private-key-passphrase': (secret) => secret,
  'ssh-private-key-file': (secret) => `-----BEGIN\n${secret}`,
  'ssh-password': (secret) => secret,
  'sudo-password': (secret) => secret,
  'jump-ssh-private-key': (secret) => secret,
  'jump-ssh-private-key-passphrase': (secret) => secret,
  'post-install-ssh-private-key': (secret) => secret,
  'post-install-ssh-private-key-passphrase': (secret) => secret,
  netrc: (secret) => secret,
  'disk-encryption-keys': (secret) => `/tmp/disk.key ${secret}`,
  'secret-files': (secret) => `/etc/secret mode=0640 ${secret}`,
};

describe('any texts in all inputs at once', () => {
  const anyInputs = fc.dictionary(fc.constantFrom(...names), nastyText, { maxKeys: names.length });
  const withSecret = fc.tuple(nastyText, nastyText).map(([before, behind]) => `${before}${marker}${behind}`);
  const variables = ['SSH_PRIVATE_KEY', 'SSHPASS', 'SSH_PASS'];
  const secrets = fc.record({
    inputs: fc.dictionary(fc.constantFrom(...Object.keys(secretTexts)), withSecret),
    environment: fc.dictionary(fc.constantFrom(...variables), withSecret),
    source: withSecret,
  });

  test('settings or an InputError, and no secret in what is said', () => {
    fc.assert(
      fc.property(anyInputs, secrets, fc.boolean(), (any, { inputs: given, environment, source }, whole) => {
        const written = Object.entries(given).map(([name, secret]) => [
          name,
          secretTexts[name as InputName]?.(secret) ?? secret,
        ]);
        const raw = { ...any, ...(whole ? needed : {}), ...Object.fromEntries(written) };
        const said = read(raw, environment, { ok: Buffer.from(source) });
        expect(JSON.stringify(said)).not.toContain(marker);
      }),
      { numRuns: 500 },
    );
  });
});
