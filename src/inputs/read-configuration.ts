import { passwordIn } from './address-tokens';
import { splitAttributePath } from './attribute-path';
import { parseFlakeReference } from './flake-reference';
import type { InputReader } from './input-reader';
import * as parse from './parsers';
import type { Configuration, Setting } from './settings';
import { parseStorePaths } from './store-paths';

/** What stands for a configuration until the problems are thrown. */
const none: Configuration = { kind: 'flake', flake: { uri: '', name: '', path: [] } };

/** What is installed is given in exactly one way. */
export function readConfiguration(reader: InputReader): Setting<Configuration> {
  const ways = ['flake', 'nix-file', 'store-paths'] as const;
  const [way, ...others] = ways.filter((name) => reader.text(name) !== undefined);
  if (way === undefined) reader.problem('flake', 'is required, or nix-file, or store-paths');
  for (const other of others) reader.problem(other, `cannot be combined with ${way}; give one of them`);
  if (way !== 'nix-file' && reader.text('nix-attribute') !== undefined)
    reader.problem('nix-attribute', 'is an attribute in nix-file; give nix-file too, or leave it out');
  if (way === 'store-paths') refuseChoices(reader);
  const read = {
    flake: readFlake(reader),
    'nix-file': readFileReference(reader),
    'store-paths': reader.optional('store-paths', storePaths(reader), none),
  };
  return read[way ?? 'flake'];
}

/** What was decided when the paths were built. */
function refuseChoices(reader: InputReader): void {
  const combined = (why: string) => `cannot be combined with store-paths: ${why}`;
  for (const input of ['disko-mode', 'no-disko-deps'] as const) {
    if (reader.text(input) !== undefined)
      reader.problem(input, combined('what the disko script does was decided when it was built'));
  }
  if (reader.text('special-args') !== undefined)
    reader.problem('special-args', combined('nothing is evaluated that could get them'));
}

function readFlake(reader: InputReader): Setting<Configuration> {
  const flake = reader.optional('flake', flakeReference, none);
  if (flake.value.kind === 'flake') reader.secrets.register(passwordIn(flake.value.flake.uri));
  return flake;
}

function readFileReference(reader: InputReader): Setting<Configuration> {
  const file = reader.optional('nix-file', parse.nixFile, '');
  const path = reader.optional('nix-attribute', attributePath, []);
  return {
    value: { kind: 'nix-file', reference: { file: file.value, path: path.value } },
    source: file.source,
  };
}

const attributePath: parse.Parser<readonly string[]> = (text) => {
  const parts = /[\r\n]/.test(text.trim()) ? undefined : splitAttributePath(text.trim());
  return parts === undefined
    ? {
        problem: `is ${JSON.stringify(text.slice(0, 60))}, which is no attribute path; quote names with dots or special characters, as in machines."host.example.org"`,
      }
    : { ok: parts };
};

const flakeReference: parse.Parser<Configuration> = (text) => {
  const flake = parseFlakeReference(text);
  return typeof flake === 'string' ? { problem: flake } : { ok: { kind: 'flake', flake } };
};

/** With `from` they need not be here yet. */
function storePaths(reader: InputReader): parse.Parser<Configuration> {
  return (text) => {
    const paths = parseStorePaths(text, { mayBeAbsent: reader.text('from') !== undefined });
    return typeof paths === 'string' ? { problem: paths } : { ok: { kind: 'store-paths', paths } };
  };
}
