// Passwords that stand in an address, where no input for secrets was made for them.
import { describe, expect, test } from 'vitest';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { readSettings } from '../../src/inputs/read-settings';
import { SecretRegistry } from '../../src/secrets';

function masksOf(raw: RawInputs): string[] {
  const masks: string[] = [];
  readSettings({ flake: '.#demo', plan: 'offline', ...raw }, new SecretRegistry((mask) => masks.push(mask)));
  return masks;
}

describe('a password in the address', () => {
  test.each<[string, RawInputs]>([
    ['of a flake', { flake: 'git+https://me:hunter2@example.org/x.git?ref=main#demo' }],
    ['of a flake that is a tarball', { flake: 'https://me:hunter2@example.org/x.tar.gz#demo' }],
    ['of a store', { from: 'https://me:hunter2@cache.example.org' }],
  ])('%s is masked', (_, inputs) => {
    expect(masksOf(inputs)).toEqual(['hunter2']);
  });

  test.each<RawInputs>([
    { flake: 'git+ssh://git@example.org/x.git#demo' },
    { flake: 'github:owner/repo/0123456789abcdef0123456789abcdef01234567?narHash=sha256-0123456789#demo' },
    { flake: 'git+https://example.org:8443/a@b#demo' },
    { from: 'ssh-ng://builder@10.0.0.1?ssh-key=/home/me/.ssh/id_ed25519' },
  ])('nothing else of it is: %j', (inputs) => {
    expect(masksOf(inputs)).toEqual([]);
  });
});
