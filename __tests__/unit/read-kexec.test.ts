import { expect, test } from 'vitest';
import { SecretRegistry } from '../../src/secrets';
import { machineSettings } from '../support/settings';
import { makeTestKey } from './support';

const key = makeTestKey();

function masksFor(kexec: string): string[] {
  const masks: string[] = [];
  machineSettings(
    { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': key, kexec },
    new SecretRegistry((mask) => masks.push(mask)),
  );
  return masks.filter((mask) => kexec.includes(mask));
}

test.each<[string, string[]]>([
  ['https://me:pass-word@example.org/a?token=0123456789abcdef0&x=y#z', ['pass-word', '0123456789abcdef0']],
  ['https://token@example.org/a', ['token']],
  ['https://example.org/a?0123456789abcdef', ['0123456789abcdef']],
  // words that may stand anywhere
  ['https://example.org/a?download=installer&raw=1#0123456789abcdef', []],
  ['https://example.org/0123456789abcdef/me@home', []],
])('what is secret in the address of an image is masked: %j', (url, masks) => {
  expect(masksFor(url)).toEqual(masks);
});
