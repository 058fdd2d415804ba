import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { childEnvironment, withheldSettings } from '../../src/child-environment';
import { masksOf, Secret, SecretRegistry, textOf } from '../../src/secrets';
import { nastyText } from './support';

const registry = (...values: string[]) => {
  const masked: string[] = [];
  const secrets = new SecretRegistry((mask) => masked.push(mask));
  for (const value of values) secrets.register(value);
  return { secrets, masked };
};

describe('Secret', () => {
  test('no way of printing it shows it', () => {
    const secret = new Secret('hunter2');
    const shown = [
      secret.toString(),
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }),
      inspect(secret),
    ];
    for (const text of shown) expect(text).not.toContain('hunter2');
    expect(Object.values(secret)).toEqual([]);
    expect(secret.reveal()).toBe('hunter2');
  });
});

describe('a secret of bytes', () => {
  const bytes = Buffer.from([0, 255, 10, 128]);

  test('comes out as it went in, and cannot be changed from outside', () => {
    const secret = new Secret(bytes);
    secret.revealBytes().fill(1);
    expect(secret.revealBytes()).toEqual(bytes);
    expect(JSON.stringify({ secret })).toBe('{"secret":"***"}');
  });

  test('is text only if a person could have typed it', () => {
    expect(textOf(Buffer.from('pässwörd\t\r\n'))).toBe('pässwörd\t\r\n');
    for (const value of [bytes, Buffer.from([0x61, 0]), Buffer.from([0x1b]), Buffer.from([0xc3, 0x28])])
      expect(textOf(value)).toBeUndefined();
  });

  test('is masked like text if it is text, and not at all if it is not', () => {
    const masked: string[] = [];
    const secrets = new SecretRegistry((mask) => masked.push(mask));
    secrets.register(bytes);
    secrets.register(Buffer.from('hunter2\n'));
    expect(masked).toEqual(['hunter2']);
    expect(secrets.redact('\u0000ÿ hunter2')).toBe('\u0000ÿ ***');
  });
});

describe('masksOf', () => {
  test('a value of a few short lines is masked line by line: there is nothing else to mask', () => {
    expect(masksOf('1234\nab\n')).toEqual(['1234', 'ab']);
    expect(masksOf('-----BEGIN X-----\n-----END X-----\n')).toEqual([]);
  });

  test('a value of one line is masked as a whole, however short', () => {
    expect(masksOf('abc')).toEqual(['abc']);
    expect(masksOf(' pass word \n')).toEqual(['pass word']);
  });

  test('a value of several lines is masked line by line, without blank and short lines and armour', () => {
    const key =
      '-----BEGIN X KEY-----\r\nAAAABBBBCCCC\r\n\r\n  DDDDEEEEFFFF\r\nshort\r\n-----END X KEY-----\r\n';
    expect(masksOf(key)).toEqual(['AAAABBBBCCCC', 'DDDDEEEEFFFF']);
  });

  test('nothing is no mask: the runner would put *** between all characters', () => {
    for (const text of ['', ' ', '\n', '\r\n\t\n']) expect(masksOf(text)).toEqual([]);
    fc.assert(
      fc.property(nastyText, (text) => {
        for (const mask of masksOf(text)) {
          expect(mask.trim()).toBe(mask);
          expect(mask).not.toMatch(/^$|[\r\n]/);
        }
      }),
    );
  });
});

describe('SecretRegistry', () => {
  test('tells the runner each mask once', () => {
    expect(registry('one-secret', 'one-secret', 'two-secret').masked).toEqual(['one-secret', 'two-secret']);
  });

  test('replaces every secret everywhere', () => {
    const { secrets } = registry('hunter2', 'line-one-x\nline-two-x\n');
    expect(secrets.redact('a hunter2, hunter2; line-two-x')).toBe('a ***, ***; ***');
    expect(secrets.isContainedIn('x=hunter2y')).toBe(true);
    expect(secrets.isContainedIn('x=hunter')).toBe(false);
  });

  test('nothing of a secret is left when another one is its beginning', () => {
    expect(registry('password', 'password-of-root').secrets.redact('is password-of-root.')).toBe('is ***.');
    expect(registry('password-of-root', 'password').secrets.redact('is password-of-root.')).toBe('is ***.');
  });

  test('nothing of two secrets is left where they overlap', () => {
    expect(registry('abcd', 'cdef').secrets.redact('x abcdef y')).toBe('x *** y');
    expect(registry('aba').secrets.redact('x ababa y')).toBe('x *** y');
  });

  test('is found in base64, at any place, and in URLs', () => {
    const secret = 'pa$$ wörd/+1?';
    const { secrets } = registry(secret);
    for (const before of ['', 'a', 'ab', 'abc']) {
      for (const encoding of ['base64', 'base64url'] as const) {
        const encoded = Buffer.from(`${before}${secret} and more`).toString(encoding);
        const redacted = secrets.redact(encoded);
        expect(redacted).toContain('***');
        // what is left does not decode to it
        for (const part of redacted.split('***'))
          expect(Buffer.from(part, encoding).toString()).not.toContain('$$');
      }
    }
    expect(secrets.redact(`https://x/?p=${encodeURIComponent(secret)}`)).toBe('https://x/?p=***');
    expect(secrets.redact(new URLSearchParams({ p: secret }).toString())).toBe('p=***');
  });

  test('the base64 form of a short secret is not looked for: it would be found by chance', () => {
    expect(registry('abcd').secrets.redact(Buffer.from('abcd').toString('base64'))).toBe('YWJjZA==');
    expect(registry('abcd').secrets.redact('YWJj')).toBe('YWJj');
  });

  test('of two short lines each is replaced', () => {
    expect(registry('1234\nabc').secrets.redact('1234 x abc')).toBe('*** x ***');
  });

  test('takes half a surrogate pair', () => {
    expect(registry('\ud83d-and-more').secrets.redact('x \ud83d-and-more')).toBe('x ***');
  });

  test('many secrets in much text take no time', () => {
    const { secrets } = registry(Array.from({ length: 500 }, (_, n) => `secret-line-${n}`).join('\n'));
    const start = performance.now();
    secrets.redact(`${'some text '.repeat(1000)} secret-line-3`);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('no text keeps a registered secret', () => {
    const secret = nastyText.filter((text) => masksOf(text).length > 0 && !text.includes('*'));
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 4 }),
        nastyText,
        nastyText,
        (values, before, after) => {
          const { secrets } = registry(...values);
          for (const value of values) {
            const redacted = secrets.redact(`${before}${value}${after}`);
            for (const mask of masksOf(value)) expect(redacted).not.toContain(mask);
          }
        },
      ),
    );
  });

  test('is found in JSON as well, where quotes and backslashes are written otherwise', () => {
    const { secrets } = registry('pass"word\\1');
    expect(secrets.redact(JSON.stringify({ text: 'a pass"word\\1 b' }))).toBe('{"text":"a *** b"}');
  });
});

describe('childEnvironment', () => {
  test('withholds inputs, tokens, command files and whatever contains a secret', () => {
    const { secrets } = registry('hunter2');
    const environment = {
      PATH: '/bin',
      HOME: '/root',
      NIX_PATH: 'x',
      GITHUB_REPOSITORY: 'a/b',
      'INPUT_SSH-PRIVATE-KEY': 'k',
      INPUT_FLAKE: '.#x',
      ACTIONS_RUNTIME_TOKEN: 't',
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 't',
      GITHUB_ENV: 'f',
      GITHUB_PATH: 'f',
      GITHUB_OUTPUT: 'f',
      GITHUB_STATE: 'f',
      GITHUB_STEP_SUMMARY: 'f',
      STATE_x: 's',
      SSHPASS: 'p',
      SSH_PASS: 'p',
      SSH_PRIVATE_KEY: 'p',
      MY_OWN: 'before hunter2 after',
      UNDEFINED: undefined,
    };
    expect(childEnvironment(environment, secrets)).toEqual({
      PATH: '/bin',
      HOME: '/root',
      NIX_PATH: 'x',
      GITHUB_REPOSITORY: 'a/b',
    });
  });

  test('withholds a variable by its name, but not PATH because of a short secret', () => {
    const { secrets } = registry('bin', 'hunter2-hunter2');
    secrets.withholdVariable('NAMED');
    const environment = {
      PATH: '/usr/bin:/bin',
      NAMED: 'anything',
      PASSWORD: 'bin',
      URL: 'https://user:bin@example.org',
      ENCODED: Buffer.from('user:hunter2-hunter2').toString('base64'),
    };
    expect(childEnvironment(environment, secrets)).toEqual({ PATH: '/usr/bin:/bin' });
  });

  test('tells of NIX_CONFIG, without which Nix does not fail but knows nothing', () => {
    const { secrets } = registry('hunter2');
    const told = (NIX_CONFIG?: string) => withheldSettings({ NIX_CONFIG, OTHER: 'hunter2' }, secrets);
    expect(told('access-tokens = github.com=hunter2')).toEqual([
      expect.stringMatching(/^NIX_CONFIG contains a secret/),
    ]);
    expect(told('access-tokens = github.com=hunter3')).toEqual([]);
    expect(told('')).toEqual([]);
    expect(told()).toEqual([]);
  });

  test('of any environment: what passes is unchanged and holds no secret', () => {
    const { secrets } = registry('hunter2', 'AAAABBBB\nCCCCDDDD');
    const value = fc
      .array(fc.constantFrom('hunter2', 'CCCCDDDD', 'x', '\n', 'é'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), value), (environment) => {
        for (const [name, passed] of Object.entries(childEnvironment(environment, secrets))) {
          expect(passed).toBe(environment[name]);
          expect(passed).not.toMatch(/hunter2|CCCCDDDD/);
        }
      }),
    );
  });
});
