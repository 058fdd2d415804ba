import type { BuildHostsSettings } from './fleet-settings';
import type { InputReader } from './input-reader';
import { readBuildChoices, readBuiltHere } from './read-build';
import { readFleetSettings } from './read-fleet';
import { noticeIdleCache } from './without-effect';

/** What cannot be the same for many hosts. */
const ofOneHost = {
  'nix-file': 'which are those of a flake',
  'nix-attribute': 'which are those of a flake',
  'store-paths': 'which are those of a flake',
  'generate-hardware-config':
    'of which each has a file of its own; let the flake say it (nixosAnywhere.NAME.generate-hardware-config)',
} as const;

export function readBuildHosts(reader: InputReader): BuildHostsSettings {
  for (const input of ['nix-file', 'nix-attribute', 'store-paths', 'generate-hardware-config'] as const) {
    if (reader.text(input) !== undefined)
      reader.problem(input, `cannot be combined with hosts, ${ofOneHost[input]}`);
  }
  const choices = readBuildChoices(reader);
  noticeIdleCache(choices, reader);
  return {
    kind: 'build-hosts',
    ...choices,
    ...readFleetSettings(reader),
    buildOn: readBuiltHere(reader, 'build-only', choices),
  };
}
