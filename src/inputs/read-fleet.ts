import { passwordIn } from './address-tokens';
import { parseFlakeReference } from './flake-reference';
import type { FleetResultsSettings, FleetSettings, ListSettings } from './fleet-settings';
import { hostSelection } from './host-selection';
import type { InputReader } from './input-reader';
import { matrix } from './matrix';
import type * as parse from './parsers';
import { readDebug, readNixUse } from './read-build';
import type { Settings } from './settings';
import type { InputName } from './table';

export function readListSettings(reader: InputReader): ListSettings {
  const fleet = readFleetSettings(reader);
  const changedSince = reader.optional<string | undefined>('changed-since', gitRevision, undefined);
  if (changedSince.value !== undefined && isElsewhere.test(fleet.flakeUri.value))
    reader.problem(
      'changed-since',
      `needs a flake in a git checkout on the runner, which ${fleet.flakeUri.value} is not; check its repository out and give the folder as flake, or leave this out and choose by hosts`,
    );
  return { kind: 'list-hosts', ...fleet, changedSince };
}

/** Schemes of flakes that Nix fetches from other computers. */
const isElsewhere =
  /^(github|gitlab|sourcehut|tarball\+\w+|https?|ssh|git|git\+(https?|ssh|git)|hg\+(https?|ssh)):/;

/** What every run over many hosts is told. */
export function readFleetSettings(reader: InputReader): FleetSettings {
  const flakeUri = reader.required('flake', wholeFlake, '');
  reader.secrets.register(passwordIn(flakeUri.value));
  return {
    flakeUri,
    hosts: reader.optional('hosts', hostSelection, []),
    ...readNixUse(reader),
  };
}

export function readFleetResults(reader: InputReader): FleetResultsSettings {
  return {
    kind: 'fleet-results',
    folder: reader.required('fleet-results', folder, ''),
    matrix: reader.optional('matrix', matrix, undefined),
    debug: readDebug(reader),
  };
}

/** An input that does nothing in this kind of run would be taken for a choice that was heard. */
export function checkFleetInputs(reader: InputReader, kind: Settings['kind']): void {
  const uses = {
    hosts: ['list-hosts', 'build-hosts'],
    'changed-since': ['list-hosts'],
    matrix: ['fleet-results'],
  } as const satisfies Partial<Record<InputName, readonly Settings['kind'][]>>;
  for (const input of ['hosts', 'changed-since', 'matrix'] as const) {
    const kinds: readonly Settings['kind'][] = uses[input];
    if (reader.text(input) !== undefined && !kinds.includes(kind))
      reader.problem(input, `is for ${kinds.map(inputOf).join(' and ')}; leave it out here`);
  }
}

/** What makes it that kind of run. */
function inputOf(kind: Settings['kind']): string {
  return kind === 'build-hosts' ? 'build-only' : kind;
}

/** Names of many hosts are for another input. */
const wholeFlake: parse.Parser<string> = (text) => {
  const reference = parseFlakeReference(text);
  if (typeof reference === 'string') return { problem: reference };
  return reference.name === ''
    ? { ok: reference.uri }
    : { problem: `names ${reference.name}; give the flake alone (${reference.uri}) and the hosts in hosts` };
};

/** Nothing that git could take for an option, a range or a path: names of branches have nearly all else. */
const gitRevision: parse.Parser<string> = (text) =>
  /^[^\s\p{C}:?*[\\^-][^\s\p{C}:?*[\\]{0,199}$/u.test(text.trim()) && !text.includes('..')
    ? { ok: text.trim() }
    : {
        problem: `is ${JSON.stringify(text.slice(0, 60))}; write a commit, a branch or a tag, as in origin/main`,
      };

/** Whether it is there is told when it is needed: where nothing was to be done nothing was put there. */
const folder: parse.Parser<string> = (text) =>
  /[\r\n]/.test(text.trim())
    ? { problem: 'must be one line: the folder that the result files were put into' }
    : { ok: text.trim() };
