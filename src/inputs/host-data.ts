import type { InputProblem } from '../errors';
import { keyFiles } from './disk-encryption-keys';
import { nearest } from './nearest';
import type { RawInputs } from './raw-inputs';
import { secretFiles } from './secret-files';
import { secretInputs } from './secret-inputs';
import { namesSource, parseSecretSource, type SecretSource } from './secret-source';
import { type InputName, inputs } from './table';

/** What the flake says of one host: inputs of its runs, and what only a workflow over many hosts uses. */
export interface HostData {
  /** Where it stands in the flake, for messages: `nixosAnywhere."web-1"`. */
  readonly attribute: string;
  readonly inputs: RawInputs;
  readonly fleet: FleetData;
  /** What is wrong with it, but for the values of inputs: what those may be is for readSettings to say. */
  readonly problems: readonly InputProblem[];
}

/** What is no input: a workflow's jobs use it. */
export interface FleetData {
  /** Names of groups that the host belongs to. */
  readonly tags: readonly string[];
  /** GitHub's environment for the jobs that change the host; null: none of its own. */
  readonly environment: string | null;
  /** Names of the repository's secrets, by the variables that a workflow puts them into. */
  readonly secrets: Readonly<Record<string, string>>;
}

export const noFleetData: FleetData = { tags: [], environment: null, secrets: {} };
export const noHostData: HostData = { attribute: '', inputs: {}, fleet: noFleetData, problems: [] };

/** Where the data came from, as far as it matters for what it may say. */
export interface HostDataOrigin {
  readonly attribute: string;
  /** A folder of the runner: a checkout, of which other files may be run as well. */
  readonly isLocal: boolean;
}

/** Variables that no child process gets to see, so that the flake, which is evaluated first, may name them. */
const ownVariable = /^(FLEET_SECRET_[A-Z0-9_]+|SSH_PRIVATE_KEY|SSHPASS|SSH_PASS)$/;

/** Inputs of a run that a flake has no say in, and why. */
const notOfHosts: Partial<Record<InputName, string>> = {
  flake: 'leads to this data',
  'nix-file': 'is instead of a flake',
  'nix-attribute': 'is instead of a flake',
  'store-paths': 'is instead of a flake',
  option: 'changes how Nix works on the runner, which Nix takes from no flake unasked',
  from: 'is a store that the runner believes, which Nix takes from no flake unasked',
  plan: 'is what kind of run this is',
  'build-only': 'is what kind of run this is',
  'vm-test': 'is what kind of run this is',
  'list-hosts': 'is what kind of run this is',
  hosts: 'is for runs over many hosts',
  'changed-since': 'is for runs over many hosts',
  'fleet-results': 'is what kind of run this is',
  matrix: 'is for runs over many hosts',
  'approved-plan': 'is given by whoever approves',
  'stop-after-disko': 'is deprecated; write phases',
  'no-reboot': 'is deprecated; write phases',
  'build-on-remote': 'is deprecated; write build-on',
  tty: 'is deprecated; leave it out',
};

/** Of these one says what another one says too: an input that is given is instead of all data of its group. */
const alternatives: readonly (readonly InputName[])[] = [
  ['ssh-private-key', 'ssh-private-key-file'],
  ['phases', 'stop-after-disko', 'no-reboot'],
  ['build-on', 'build-on-remote'],
];

/** Reads what Nix gives for a host. */
export function parseHostData(value: unknown, origin: HostDataOrigin): HostData {
  const { attribute } = origin;
  const problems: InputProblem[] = [];
  const problem = (input: string, text: string) => problems.push({ input, problem: text });
  if (!isRecord(value)) {
    problem(
      'flake',
      `has ${attribute}, which is no set of inputs, as in { target-host = "root@203.0.113.7"; }`,
    );
    return { ...noHostData, attribute, problems };
  }
  const { tags, environment, secrets, ...rest } = value;
  const given: Record<string, string> = {};
  for (const [name, each] of Object.entries(rest)) {
    if (each === null) continue;
    const text = textOf(name, each);
    const wrong =
      problemWithName(name) ??
      (text === undefined ? shapeProblem(name) : problemWithSecrets(name, text, origin));
    if (wrong !== undefined) problem(name, wrong);
    else if (text !== undefined) given[name] = text;
  }
  return {
    attribute,
    inputs: given,
    fleet: readFleetData({ tags, environment, secrets }, problem),
    problems,
  };
}

/** The data without what the inputs of the step say themselves. */
export function withoutGiven(data: HostData, raw: RawInputs): HostData {
  const isGiven = (name: string) => (raw[name] ?? '').trim() !== '';
  const isSaid = (name: string) =>
    (alternatives.find((group) => group.some((each) => each === name)) ?? [name]).some(isGiven);
  return {
    ...data,
    inputs: Object.fromEntries(Object.entries(data.inputs).filter(([name]) => !isSaid(name))),
    problems: data.problems.filter(({ input }) => input === 'flake' || !isSaid(input)),
  };
}

function problemWithName(name: string): string | undefined {
  const known = inputs.map((input) => input.name);
  const input = known.find((each) => each === name);
  if (input === undefined) {
    const near = nearest(name, [...known, 'tags', 'environment', 'secrets']);
    return `is no input of this action${near === undefined ? '' : `; did you mean ${near}?`}`;
  }
  const why = notOfHosts[input];
  return why === undefined ? undefined : `cannot be data of a host: it ${why}`;
}

/** As an input would have it; undefined for what cannot be one. */
function textOf(name: string, value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (Array.isArray(value)) {
    const separator = name === 'phases' || name === 'kexec-extra-flags' ? ' ' : '\n';
    return value.every((each) => typeof each === 'string' || typeof each === 'number')
      ? value.join(separator)
      : undefined;
  }
  if (!isRecord(value)) return undefined;
  if (name === 'special-args') return JSON.stringify(value);
  if (name !== 'ssh-option') return undefined;
  const lines = Object.entries(value).map(([key, each]) => `${key}=${String(each)}`);
  return Object.values(value).every((each) => typeof each !== 'object') ? lines.join('\n') : undefined;
}

function shapeProblem(name: string): string {
  return name === 'ssh-option'
    ? 'must be a text, a list of texts, or a set of them'
    : 'must be a text, a number, a boolean, or a list of texts: one each line';
}

/** What is in a flake is in the Nix store, for everybody on the runner, and mostly in a repository. */
function problemWithSecrets(name: string, text: string, { isLocal }: HostDataOrigin): string | undefined {
  const isSecret = secretInputs.some((each) => each === name);
  if (isSecret && !namesSource(text))
    return 'holds a secret, which has no place in a flake; write env:FLEET_SECRET_NAME or exec:COMMAND';
  if (name === 'hooks' && !isLocal) return notLocal('runs programs on the runner');
  for (const source of sourcesOf(name, text, isSecret)) {
    if (source.kind === 'exec' && !isLocal) return notLocal('runs a command on the runner');
    if (source.kind === 'env' && !ownVariable.test(source.name))
      return `names the variable ${source.name}; a flake may name those that begin with FLEET_SECRET_, which no other program gets to see`;
  }
  return undefined;
}

function notLocal(what: string): string {
  return `${what}, which only a flake in a folder of the runner may; give it as an input`;
}

function sourcesOf(name: string, text: string, isSecret: boolean): readonly SecretSource[] {
  if (isSecret) {
    const source = parseSecretSource(text);
    return 'ok' in source ? [source.ok] : [];
  }
  const lines =
    name === 'disk-encryption-keys'
      ? keyFiles(text)
      : name === 'secret-files'
        ? secretFiles(text)
        : undefined;
  return lines !== undefined && 'ok' in lines ? lines.ok.map(({ source }) => source) : [];
}

function readFleetData(
  { tags, environment, secrets }: Readonly<Record<string, unknown>>,
  problem: (name: string, text: string) => void,
): FleetData {
  const areTags = tags === undefined || tags === null || isListOf(tags, /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/);
  if (!areTags) problem('tags', 'must be a list of words: letters, digits, _ . and -');
  const isName = environment === undefined || environment === null || isText(environment, /^\S[^\p{Cc}]*$/u);
  if (!isName) problem('environment', 'must be the name of an environment of the repository');
  const areNames =
    secrets === undefined ||
    secrets === null ||
    (isRecord(secrets) &&
      Object.entries(secrets).every(
        ([name, of]) => ownVariable.test(name) && isText(of, /^[A-Za-z_][A-Za-z0-9_]*$/),
      ));
  if (!areNames)
    problem(
      'secrets',
      'must be a set of names of the repository’s secrets, by the variables that get them: { SSH_PRIVATE_KEY = "WEB_1_KEY"; }, FLEET_SECRET_… for others',
    );
  return {
    tags: areTags && Array.isArray(tags) ? tags.map(String) : [],
    environment: isName && typeof environment === 'string' ? environment : null,
    secrets:
      areNames && isRecord(secrets)
        ? Object.fromEntries(Object.entries(secrets).map(([name, of]) => [name, String(of)]))
        : {},
  };
}

const isText = (value: unknown, form: RegExp): boolean => typeof value === 'string' && form.test(value);

function isListOf(value: unknown, form: RegExp): boolean {
  return Array.isArray(value) && value.every((each) => isText(each, form));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
