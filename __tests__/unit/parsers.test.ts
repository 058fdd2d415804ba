import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as parse from '../../src/inputs/parsers';
import { nastyText } from './support';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'parsers-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The value, or the problem. */
const read = <T>(parser: parse.Parser<T>, text: string): T | string => {
  const parsed = parser(text);
  return 'ok' in parsed ? parsed.ok : parsed.problem;
};
const all = {
  boolean: parse.boolean,
  port: parse.port,
  duration: parse.duration,
  choice: parse.choice(['a', 'b']),
  subset: parse.subset(['one', 'two', 'three']),
  targetHost: parse.targetHost,
  kexecImage: parse.kexecImage,
  nixOptions: parse.nixOptions,
};

describe.each(Object.entries<parse.Parser<unknown>>(all))('%s', (_, parser) => {
  test('takes any text without throwing; a problem is one short line that says what to write', () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        const parsed = parser(text);
        if (!('problem' in parsed)) return;
        expect(parsed.problem).toMatch(/write|choose|give|there is no such file/);
        expect(parsed.problem).not.toMatch(/[\r\n]/);
      }),
      { numRuns: 300 },
    );
  });

  test('answers a huge text in little time and few words', () => {
    const start = performance.now();
    for (const text of [
      'x'.repeat(1_000_000),
      '1'.repeat(1_000_000),
      ':'.repeat(100_000),
      'a '.repeat(100_000),
    ]) {
      const parsed = parser(text);
      if ('problem' in parsed && parser !== all.subset) expect(parsed.problem.length).toBeLessThan(300);
    }
    expect(performance.now() - start).toBeLessThan(3000);
  });
});

describe('boolean', () => {
  test.each(['true', 'True', 'TRUE', ' yes ', 'on', 'true\r\n'])('%j is true', (text) => {
    expect(read(parse.boolean, text)).toBe(true);
  });
  test.each(['false', 'False', 'no', 'off', 'OFF\n'])('%j is false', (text) => {
    expect(read(parse.boolean, text)).toBe(false);
  });
  test.each(['', '1', '0', 'y', 'truе', 'null', 'true false'])('%j is neither', (text) => {
    expect(read(parse.boolean, text)).toMatch(/write true or false/);
  });
});

describe('wipeDisks', () => {
  test.each(['/dev/sda, /dev/sdb', '/dev/sda /dev/sdb', 'any,/dev/sda', '/dev/sdc\n/dev/sda;/dev/sdb'])(
    '%j: one disk a line',
    (text) => {
      expect(read(parse.wipeDisks, text)).toMatch(/^has several disks in ".*"; write one disk a line$/);
    },
  );
  test('blanks and commas may be in a serial number', () => {
    expect(read(parse.wipeDisks, 'WD 5000, rev/dev\r\n/dev/disk/by-id/a,b')).toEqual([
      'WD 5000, rev/dev',
      '/dev/disk/by-id/a,b',
    ]);
  });
});

describe('port', () => {
  test('takes exactly the ports', () => {
    fc.assert(
      fc.property(fc.integer({ min: -10, max: 70_000 }), (number) => {
        const result = read(parse.port, ` ${number}\n`);
        if (number >= 1 && number <= 65535) expect(result).toBe(number);
        else expect(result).toEqual(expect.any(String));
      }),
      { numRuns: 500 },
    );
  });
  test.each(['', '22.0', '0x16', '1e3', '٢٢', '+22', '22 23', '000022', '22;id', '65536', '0'])(
    'refuses %j',
    (text) => {
      expect(read(parse.port, text)).toMatch(/port number/);
    },
  );
});

test('the first and the last port are ports', () => {
  expect([read(parse.port, '1'), read(parse.port, '65535')]).toEqual([1, 65535]);
});

describe('duration', () => {
  test.each([
    ['90', 90_000],
    ['90s', 90_000],
    ['90 s', 90_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['24h', 86_400_000],
    [' 5 \r\n', 5000],
  ])('%j is %i ms', (text, ms) => {
    expect(read(parse.duration, text)).toBe(ms);
  });
  test.each(['', '0', '0s', '-1', '1.5h', '2 min', '25h', '86401', '1d', 'forever', '9999999h', '1h30m'])(
    'refuses %j',
    (text) => {
      expect(read(parse.duration, text)).toMatch(/write seconds, or a time/);
    },
  );
});

describe('choice and subset', () => {
  test('a choice is exact', () => {
    expect(read(parse.choice(['fail', 'reinstall']), ' reinstall\n')).toBe('reinstall');
    expect(read(parse.choice(['fail', 'reinstall']), 'Fail')).toMatch(/write one of fail, reinstall/);
  });

  test('a subset has its own order and each once', () => {
    const subset = parse.subset(['one', 'two', 'three']);
    for (const text of ['three,one', 'three one', ' one ,\r\n three,', 'one\none,three'])
      expect(read(subset, text)).toEqual(['one', 'three']);
    expect(read(subset, ',')).toMatch(/names nothing/);
    expect(read(subset, 'one,four,Five')).toMatch(/"four", "Five"; choose from one, two, three/);
  });
});

describe('targetHost', () => {
  test.each([
    ['example.org', 'root', 'example.org'],
    ['me@example.org', 'me', 'example.org'],
    ['a@b@host', 'a@b', 'host'],
    ['host_1', 'root', 'host_1'],
    ['203.0.113.7', 'root', '203.0.113.7'],
    ['2001:db8::1', 'root', '2001:db8::1'],
    ['me@[2001:db8::1]', 'me', '2001:db8::1'],
    ['fe80::1%eth0', 'root', 'fe80::1%eth0'],
    ['::ffff:203.0.113.7', 'root', '::ffff:203.0.113.7'],
    [' root@host\n', 'root', 'host'],
    ['DOMAIN.user@host', 'DOMAIN.user', 'host'],
  ])('reads %s', (text, user, host) => {
    expect(read(parse.targetHost, text)).toEqual({ user, host });
  });

  test.each([
    '',
    '@host',
    'user@',
    '-oProxyCommand=id',
    'user@-host',
    '-user@host',
    'ho st',
    'host;id',
    'host\nother',
    '$(id)',
    'ssh://host',
    'höst',
    ':',
    '::::',
    '1:2',
    '[host',
    '[]',
    'user@[::1]:22',
  ])('refuses %j', (text) => {
    expect(read(parse.targetHost, text)).toMatch(/write (user@)?host|give the port/);
  });

  test('says where the port belongs', () => {
    for (const text of ['host:22', 'me@host:2222', '203.0.113.7:22', '[2001:db8::1]:22'])
      expect(read(parse.targetHost, text)).toMatch(/give the port as ssh-port/);
  });

  test('gives nothing that a program could take for an option', () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        const result = read(parse.targetHost, text);
        if (typeof result === 'string') return;
        expect(result.host).toMatch(/^[A-Za-z0-9_:.%-]+$/);
        expect(result.host + result.user).not.toMatch(/^-|[\s\p{Cc}]/u);
      }),
      { numRuns: 500 },
    );
  });
});

describe('kexecImage', () => {
  test('takes URLs and files', () => {
    const file = join(dir, 'image with blank.tar.gz');
    writeFileSync(file, '');
    const url = 'https://example.org/x.tar.gz?a=b&c=d';
    expect(read(parse.kexecImage, ` ${url}\n`)).toEqual({ kind: 'url', url });
    expect(read(parse.kexecImage, file)).toEqual({ kind: 'path', path: file });
  });

  test('says what is wrong with others', () => {
    mkdirSync(join(dir, 'folder'));
    expect(read(parse.kexecImage, join(dir, 'folder'))).toMatch(/is a folder; give the tarball/);
    expect(read(parse.kexecImage, '/dev/zero')).toMatch(/is no file; give the tarball/);
    expect(read(parse.kexecImage, join(dir, 'nothing'))).toMatch(/no such file on the runner/);
    expect(read(parse.kexecImage, 'ftp://example.org/x')).toMatch(/path on the runner or an http/);
    expect(read(parse.kexecImage, 'file:///etc/passwd')).toMatch(/path on the runner or an http/);
  });
});

describe('nixOptions', () => {
  test.each([
    ['max-jobs 2', [['max-jobs', '2']]],
    ['max-jobs = 2', [['max-jobs', '2']]],
    [
      'max-jobs=2\r\n\r\ncores 1',
      [
        ['max-jobs', '2'],
        ['cores', '1'],
      ],
    ],
    ['substituters https://a https://b?x=y&z=1', [['substituters', 'https://a https://b?x=y&z=1']]],
    ['  sandbox   false  ', [['sandbox', 'false']]],
    ['substituters =', [['substituters', '']]],
    [`x 'it''s' "$HOME"`, [['x', `'it''s' "$HOME"`]]],
    ['', []],
  ])('reads %j', (text, expected) => {
    expect(read(parse.nixOptions, text)).toEqual(expected);
  });

  test.each(['max-jobs', '--option a b', 'Max-Jobs 2', '= 2', 'a\u0000b', '42'])('refuses %j', (text) => {
    expect(read(parse.nixOptions, text)).toMatch(/has the line .*NAME VALUE/);
  });
});
