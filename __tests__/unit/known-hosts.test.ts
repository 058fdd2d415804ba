import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { knownHostsLine, knownHostsName, parsePublicKeys } from '../../src/ssh/host-keys';
import { parseKnownHosts, pinnedKeys } from '../../src/ssh/known-hosts';
import { makeKey } from '../../testbed/sshd.mts';
import { nastyText } from './support';

let dir: string;
/** Public keys, `type base64` each. */
let ed25519: string;
let other: string;
let rsa: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'known-hosts-'));
  const publicKey = (name: string, type: 'ed25519' | 'rsa') =>
    makeKey(join(dir, name), type).public.split(' ').slice(0, 2).join(' ');
  ed25519 = publicKey('a', 'ed25519');
  other = publicKey('b', 'ed25519');
  rsa = publicKey('c', 'rsa');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The keys that we find, and those that ssh-keygen finds, as `type base64`. */
function bothFind(text: string, host: string, port: number): { ours: string[]; openssh: string[] } {
  const file = join(dir, 'known_hosts');
  writeFileSync(file, text);
  // ssh makes a host's name lower-case before it looks it up, ssh-keygen leaves that to us
  const name = knownHostsName(host.toLowerCase(), port);
  const found = spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' });
  const lines = found.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const { accepted, revoked } = pinnedKeys(parseKnownHosts(text).lines, host, port);
  return {
    ours: [...accepted, ...revoked].map(({ type, base64 }) => `${type} ${base64}`).toSorted(),
    openssh: lines.map((line) => line.split(' ').slice(1, 3).join(' ')).toSorted(),
  };
}

const base64Of = (text: string, host: string, port = 22) => {
  const { accepted, revoked } = pinnedKeys(parseKnownHosts(text).lines, host, port);
  const keys = (list: readonly { base64: string }[]) => list.map(({ base64 }) => base64);
  return { accepted: keys(accepted), revoked: keys(revoked) };
};
const blobOf = (key: string) => key.split(' ')[1] ?? '';

describe('known_hosts, compared with ssh-keygen -F', () => {
  test.each([
    ['example.org', 22],
    ['example.org', 2222],
    ['EXAMPLE.org', 22],
    ['example.net', 22],
    ['203.0.113.7', 22],
    ['203.0.113.77', 22],
    ['2001:db8::1', 22],
    ['2001:db8::1', 2222],
    ['a.wild.example', 22],
    ['wild.example', 22],
    ['not.wild.example', 22],
    ['host1', 22],
    ['host10', 22],
    ['a.b', 22],
    ['axb', 22],
  ])('finds the same keys for %s port %i, plain and hashed', (host, port) => {
    const text = [
      '# a comment',
      '',
      `example.org,203.0.113.7 ${ed25519}`,
      `example.org ${rsa} with a comment`,
      `[example.org]:2222 ${other}`,
      `2001:db8::1 ${ed25519}`,
      `[2001:db8::1]:2222 ${other}`,
      `*.wild.example,!not.wild.example ${other}`,
      `host? ${rsa}`,
      `a.b ${ed25519}`,
      '',
    ].join('\n');
    const plain = bothFind(text, host, port);
    expect(plain.ours).toEqual(plain.openssh);

    const file = join(dir, 'to_hash');
    writeFileSync(file, text);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    const hashed = readFileSync(file, 'utf8');
    expect(hashed).toContain('|1|');
    const afterwards = bothFind(hashed, host, port);
    expect(afterwards.ours).toEqual(afterwards.openssh);
    expect(afterwards.ours).toEqual(plain.ours);
  });

  test('matches any list of patterns as OpenSSH does', () => {
    const label = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-', '1'), minLength: 1, maxLength: 4 });
    const host = label.filter((text) => /^[a-z0-9]/.test(text));
    const pattern = fc.string({
      unit: fc.constantFrom('a', 'b', '.', '*', '?', '1', 'A'),
      minLength: 1,
      maxLength: 5,
    });
    const negatable = fc
      .tuple(fc.constantFrom('', '', '!'), fc.oneof(pattern, host))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(negatable, { minLength: 1, maxLength: 4 }), host, (patterns, name) => {
        const { ours, openssh } = bothFind(`${patterns.join(',')} ${ed25519}\n`, name, 22);
        expect(ours).toEqual(openssh);
      }),
      { numRuns: 60 },
    );
  });
});

describe('pinnedKeys', () => {
  test('takes the lines with the port first, and those without it when there are none', () => {
    const bare = `example.org ${ed25519}\n`;
    expect(base64Of(bare, 'example.org', 2222).accepted).toEqual([blobOf(ed25519)]);
    expect(base64Of(`${bare}[example.org]:2222 ${other}\n`, 'example.org', 2222).accepted).toEqual([
      blobOf(other),
    ]);
    expect(base64Of(`[example.org]:2222 ${other}\n`, 'example.org').accepted).toEqual([]);
  });

  test('keeps revoked keys apart', () => {
    const text = `@revoked * ${other}\nexample.org ${ed25519}\n`;
    expect(base64Of(text, 'example.org')).toEqual({ accepted: [blobOf(ed25519)], revoked: [blobOf(other)] });
  });

  test('a key that is revoked for the host is revoked on every port', () => {
    const text = `@revoked example.org ${other}\n[example.org]:2222 ${ed25519}\n`;
    expect(base64Of(text, 'example.org', 2222)).toEqual({
      accepted: [blobOf(ed25519)],
      revoked: [blobOf(other)],
    });
  });

  test('no line of another machine counts', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9.-]{0,10}$/);
    fc.assert(
      fc.property(name, name, (one, two) => {
        fc.pre(one !== two);
        expect(base64Of(`${one} ${ed25519}\n`, two).accepted).toEqual([]);
        expect(base64Of(`${one} ${ed25519}\n`, one).accepted).toEqual([blobOf(ed25519)]);
      }),
    );
  });

  test('many wildcards take no time', () => {
    const pattern = `${'*a'.repeat(40)}b`;
    const start = performance.now();
    expect(base64Of(`${pattern} ${ed25519}\n`, 'a'.repeat(200)).accepted).toEqual([]);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('parseKnownHosts', () => {
  const problems = (text: string) => parseKnownHosts(text).problems;

  test('reads what knownHostsLine writes, for any port', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65535 }),
        fc.constantFrom('h.example', '2001:db8::1'),
        (port, host) => {
          const [key] = parsePublicKeys(rsa);
          if (key === undefined) throw new Error('no key');
          expect(base64Of(knownHostsLine(host, port, key), host, port).accepted).toEqual([key.base64]);
        },
      ),
    );
  });

  test.each(['\n', '\r\n', '\r'])('takes line ends %j, blanks and tabs', (end) => {
    const text = [`  h\t${ed25519}  `, '', `# ${rsa}`, `@revoked  h   ${other} comment`].join(end);
    expect(base64Of(text, 'h')).toEqual({ accepted: [blobOf(ed25519)], revoked: [blobOf(other)] });
  });

  test('refuses certificates by name', () => {
    expect(problems(`\n@cert-authority *.example.org ${ed25519}`)).toEqual([
      expect.stringMatching(/^line 2 .*@cert-authority.*not supported/),
    ]);
  });

  test.each<[string, () => string, RegExp]>([
    ['an unknown marker', () => `@trusted h ${ed25519}`, /unknown marker @trusted/],
    ['a key alone', () => ed25519, /not of the form/],
    ['a host alone', () => 'example.org', /not of the form/],
    [
      'a key that was cut off',
      () => `h ${ed25519.slice(0, -3)}`,
      /not valid base64, or was cut off|of that type/,
    ],
    ['a key that is no base64', () => 'h ssh-ed25519 AAAA-not-base64', /not valid base64/],
    ['a key of another type', () => `h ssh-rsa ${blobOf(ed25519)}`, /says ssh-rsa/],
    ['a fingerprint', () => 'h ssh-ed25519 SHA256:2mCSm4Lq', /not valid base64/],
  ])('names %s and its line', (_, line, message) => {
    expect(problems(`# one\n${line()}\n`)).toEqual([expect.stringMatching(/^line 2 /)]);
    expect(problems(line())[0]).toMatch(message);
  });

  test('names every line that cannot be used, and never throws', () => {
    expect(problems('a\nb\nc')).toHaveLength(3);
    fc.assert(
      fc.property(nastyText, (text) => {
        const { lines, problems: found } = parseKnownHosts(text);
        expect(lines).toEqual([]);
        const meant = text
          .split(/[\r\n]/)
          .filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
        expect(found).toHaveLength(meant.length);
      }),
    );
  });

  test('reads 20000 lines', () => {
    expect(parseKnownHosts(`h ${ed25519}\n`.repeat(20_000)).lines).toHaveLength(20_000);
  });
});
