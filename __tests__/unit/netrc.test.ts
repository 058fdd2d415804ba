// The netrc, and the settings of an SSH store, out of their inputs.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseNetrc } from '../../src/inputs/netrc';
import { storeSettings } from '../../src/inputs/store-settings';
import { nastyText } from './support';

const netrc = (text: string) => parseNetrc(Buffer.from(text));

describe('parseNetrc', () => {
  test('takes it as it is, but for Windows’ line ends and a last one that is missing', () => {
    expect(netrc('machine a.example login me password s3&#= é\r\nmachine b password two')).toEqual({
      ok: {
        text: 'machine a.example login me password s3&#= é\nmachine b password two\n',
        passwords: ['s3&#=', 'two'],
      },
    });
  });

  test.each<[string, readonly string[]]>([
    ['machine a\nlogin me\npassword\ns3cret', ['s3cret']],
    ['default login me password s3cret', ['s3cret']],
    ['machine a login password password s3cret', ['password', 's3cret']],
    ['machine a login me password "two \\"words\\""', ['two "words"', 'two \\"words\\"']],
    ['# machine a password no\nmachine a login me password #hash', ['#hash']],
  ])('finds what is secret in %j', (text, passwords) => {
    expect(netrc(text)).toMatchObject({ ok: { passwords } });
  });

  test.each([
    ['hunter2', /names no machine/],
    ['machine a login me', /names no password/],
    ['machine a login me password', /names no password/],
    ['machine a password b\0', /NUL/],
  ])('refuses %j without showing it', (text, problem) => {
    const result = netrc(text);
    expect(result).toEqual({ problem: expect.stringMatching(problem) });
    expect(JSON.stringify(result)).not.toMatch(/hunter2|login me\b/);
  });

  test('survives any text', () => {
    fc.assert(fc.property(nastyText, (text) => void netrc(text)));
    netrc(`machine ${'"\\'.repeat(100_000)} password`);
  });
});

describe('storeSettings', () => {
  const read = (text: string) => {
    const parsed = storeSettings(text);
    return 'ok' in parsed ? parsed.ok : parsed.problem;
  };

  test('accepts what does no harm, in both spellings', () => {
    expect(read('compress=true\r\n\r\ncompress false\nmax-connections = 4')).toEqual([
      'compress',
      'max-connections',
    ]);
  });

  test.each([
    ['ssh-key /root/key', /line 1 has ssh-key, .* ssh-private-key/],
    ['compress true\nremote-program=nix-store', /line 2 has remote-program, .* nix-daemon/],
    ['remote-store local?root=/x&a=b#c', /line 1 has remote-store, .* phase decides/],
    ['base64-ssh-public-host-key AAAA', /known-hosts/],
    ['toString x', /line 1 has toString, which no SSH store of Nix knows; accepted are compress, /],
    ['compress maybe & more # x', /value for compress that Nix would not take/],
    ['compress', /line 1 is no setting/],
    ['=x', /line 1 is no setting; write NAME VALUE/],
  ])('refuses %j', (text, problem) => {
    expect(read(text)).toMatch(problem);
  });

  test('survives any text', () => {
    fc.assert(fc.property(nastyText, (text) => void read(text)));
  });
});
