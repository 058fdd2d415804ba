import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keyFiles } from '../../src/inputs/disk-encryption-keys';
import { keyOf, namesSource, parseSecretSource } from '../../src/inputs/secret-source';
import { nastyText } from './support';

describe('parseSecretSource', () => {
  test.each([
    ['env:DISK_KEY', { kind: 'env', name: 'DISK_KEY' }],
    [' env:x \n', { kind: 'env', name: 'x' }],
    ['exec:pass show disk', { kind: 'exec', command: 'pass show disk' }],
    ['exec: sops -d x | tr -d "\\n"\n', { kind: 'exec', command: 'sops -d x | tr -d "\\n"' }],
    ['exec:one\ntwo', { kind: 'exec', command: 'one\ntwo' }],
    ['/run/key', { kind: 'path', path: '/run/key' }],
    ['./env:NAME', { kind: 'path', path: './env:NAME' }],
    ['environment', { kind: 'path', path: 'environment' }],
    ['with blanks.key', { kind: 'path', path: 'with blanks.key' }],
  ])('reads %j', (text, source) => {
    expect(parseSecretSource(text)).toEqual({ ok: source });
  });

  test.each(['', ' ', 'env:', 'env:A B', 'env:A-B', 'env:1A', 'exec:', 'exec:  '])('refuses %j', (text) => {
    expect(parseSecretSource(text)).toHaveProperty('problem');
  });

  test('never shows what it refuses: it may be the secret itself', () => {
    const refused = parseSecretSource('env:hunter2 hunter2');
    expect(JSON.stringify(refused)).not.toContain('hunter2');
  });

  test('takes anything, and two sources have one key only if they are the same', () => {
    fc.assert(
      fc.property(nastyText, nastyText, (one, two) => {
        const [a, b] = [one, two].map((text) => parseSecretSource(text));
        if (a !== undefined && b !== undefined && 'ok' in a && 'ok' in b && keyOf(a.ok) === keyOf(b.ok))
          expect(a).toEqual(b);
      }),
    );
  });

  test('no key is taken for a source', () => {
    for (const text of [
      '-----BEGIN OPENSSH PRIVATE KEY-----\nenv:X',
      'ssh-ed25519 AAAA',
      'PuTTY-User-Key-File-3: x',
    ])
      expect(namesSource(text)).toBe(false);
    expect(namesSource('\n env:KEY\n')).toBe(true);
  });
});

describe('disk-encryption-keys', () => {
  const filesOf = (text: string) => {
    const parsed = keyFiles(text);
    if ('problem' in parsed) throw new Error(parsed.problem);
    return parsed.ok.map(({ remotePath, source }) => [remotePath, keyOf(source)]);
  };
  const problemOf = (text: string) => {
    const parsed = keyFiles(text);
    return 'problem' in parsed ? parsed.problem : '';
  };

  test('reads a path and a source a line', () => {
    const text = [
      '/tmp/disk.key env:DISK_KEY',
      '',
      '  /run/keys/b\texec:pass show "a b" | head -c 3  ',
      '"/tmp/with \\"quotes\\" and \\\\" ./some key',
      '//tmp//double exec:x',
    ].join('\r\n');
    expect(filesOf(text)).toEqual([
      ['/tmp/disk.key', 'env:DISK_KEY'],
      ['/run/keys/b', 'exec:pass show "a b" | head -c 3'],
      ['/tmp/with "quotes" and \\', 'path:./some key'],
      ['/tmp/double', 'exec:x'],
    ]);
  });

  test.each([
    ['/tmp/a', /line 1 has no source for \/tmp\/a/],
    ['tmp/a env:X', /line 1 begins with no absolute path/],
    ['env:X', /no absolute path/],
    ['/tmp/a env:X\n/tmp//a env:Y', /line 2 names \/tmp\/a a second time/],
    ['"/tmp/a env:X', /begins with no path/],
    ['/tmp/"a env:X', /begins with no path/],
    ['"/tmp/a"env:X', /begins with no path/],
    ['"" env:X', /begins with no path/],
    ['/tmp/a/ env:X', /no path of a file/],
    ['/ env:X', /no path of a file/],
    ['/tmp/../etc/a env:X', /no path of a file/],
    ['/tmp/./a env:X', /no path of a file/],
    ['/mnt/a env:X', /below \/mnt/],
    ['/mnt env:X', /below \/mnt/],
    ['//mnt/a env:X', /below \/mnt/],
    ['/proc/self/x env:X', /below \/proc/],
    ['/sys/a env:X', /below \/sys/],
    ['/dev/shm/a env:X', /below \/dev/],
    ['/nix/a env:X', /below \/nix/],
    ['/root/.ssh/authorized_keys env:X', /below \/root\/\.ssh/],
    ['"/tmp/a\tb" env:X', /control character/],
    ['/tmp/a env:', /names no variable/],
    ['\n\n', /names no key/],
  ])('refuses %j', (text, problem) => {
    expect(problemOf(text)).toMatch(problem);
  });

  test('a folder whose name only begins like a reserved one is fine', () => {
    expect(filesOf('/mnt2/a env:X')).toEqual([['/mnt2/a', 'env:X']]);
  });

  test('shows nothing of a line that may hold the key itself', () => {
    for (const text of [
      'hunter2',
      '"hunter2',
      'hunter2 /tmp/a',
      '/tmp/a\nhunter2',
      '/tmp/a env:hunter2 hunter2',
    ])
      expect(problemOf(text), text).not.toContain('hunter2');
  });

  test('reads back any path that is quoted', () => {
    const name = nastyText.filter(
      (text) => !/[\p{Cc}/\u2028\u2029]/u.test(text) && !['', '.', '..'].includes(text),
    );
    fc.assert(
      fc.property(name, (text) => {
        const quoted = `"/tmp/${text.replace(/[\\"]/g, '\\$&')}"`;
        expect(filesOf(`${quoted} env:X`)).toEqual([[`/tmp/${text}`, 'env:X']]);
      }),
    );
  });

  test('never throws, and whatever it takes is an absolute, clean path', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(nastyText, fc.constantFrom('/tmp/a', ' ', 'env:X', '"', '/..'))),
        (parts) => {
          const parsed = keyFiles(parts.join(''));
          for (const { remotePath } of 'ok' in parsed ? parsed.ok : []) {
            expect(remotePath).toMatch(/^\/[^/]/);
            expect(remotePath.split('/')).not.toContain('..');
          }
        },
      ),
    );
  });
});
