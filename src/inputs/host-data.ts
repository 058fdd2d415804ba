import type { InputProblem } from '../errors';
import {
  type HostDataOrigin,
  problemWithEnvironment,
  problemWithName,
  problemWithSecretNames,
  problemWithValue,
} from './host-data-rules';
import type { RawInputs } from './raw-inputs';
import { sshOptions } from './ssh-options';
import type { InputName } from './table';

/** What the flake says of one host: inputs of its runs, and what only a workflow over many hosts uses. */
export interface HostData {
  /** Where it stands in the flake, for messages: `nixosAnywhere."web-1"`. */
  readonly attribute: string;
  readonly inputs: RawInputs;
  /** Where those inputs stand that come from another attribute: `deploy.nodes.web-1`. */
  readonly places: Readonly<Record<string, string>>;
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
export const noHostData: HostData = {
  attribute: '',
  inputs: {},
  places: {},
  fleet: noFleetData,
  problems: [],
};

/** How a tool that the flake is written for too reaches a host. */
export interface Address {
  /** Where that stands in the flake. */
  readonly attribute: string;
  readonly inputs: Readonly<Partial<Record<'target-host' | 'ssh-port', string>>>;
}

const ownKey: readonly InputName[] = ['ssh-private-key', 'ssh-private-key-file'];

/** Data that is nothing without another one, or says the same: left aside where one of these inputs is given. */
const overruledBy: ReadonlyMap<string, readonly InputName[]> = new Map([
  ['ssh-private-key', ownKey],
  ['ssh-private-key-file', ownKey],
  ['ssh-private-key-passphrase', ownKey],
  ['jump-ssh-private-key-passphrase', ['jump-ssh-private-key']],
  ['post-install-ssh-private-key-passphrase', ['post-install-ssh-private-key']],
  ['phases', ['stop-after-disko', 'no-reboot']],
  ['build-on', ['build-on-remote']],
]);

/** Reads what Nix gives for a host. */
export function parseHostData(value: unknown, origin: HostDataOrigin): HostData {
  const { attribute } = origin;
  const problems: InputProblem[] = [];
  const problem = (input: string, text: string) => problems.push({ input: shown(input), problem: text });
  if (!isRecord(value)) {
    problem(
      'flake',
      `has ${attribute}, which is no set of inputs, as in { target-host = "root@203.0.113.7"; }`,
    );
    return { ...noHostData, attribute, problems };
  }
  const { tags, environment, secrets, ...rest } = value;
  const texts: Record<string, string> = {};
  for (const [name, each] of Object.entries(rest)) {
    if (each === null) continue;
    const text = textOf(name, each);
    const wrong =
      problemWithName(name) ??
      (text === undefined ? shapeProblem(name) : problemWithValue(name, text, origin));
    if (wrong !== undefined) problem(name, wrong);
    else if (text !== undefined) texts[name] = text;
  }
  return {
    attribute,
    inputs: texts,
    places: {},
    fleet: readFleetData({ tags, environment, secrets }, problem),
    problems: problems.length <= mostProblems ? problems : firstOf(problems, attribute),
  };
}

/** Whoever has more has written something else than inputs. */
const mostProblems = 40;
const longestName = 100;

function firstOf(problems: readonly InputProblem[], attribute: string): readonly InputProblem[] {
  const rest = problems.length - mostProblems;
  return [
    ...problems.slice(0, mostProblems),
    { input: 'flake', problem: `has ${rest} more such problems in ${attribute}` },
  ];
}

/** Names may be anything. */
function shown(name: string): string {
  return name.length <= longestName ? name : `${name.slice(0, longestName).toWellFormed()}…`;
}

/** Whether only somebody else can say where the machine is. */
export function lacksAddress({ inputs, problems }: HostData, raw: RawInputs = {}): boolean {
  const input: InputName = 'target-host';
  return (
    given(raw, input) === undefined &&
    given(inputs, input) === undefined &&
    !problems.some((problem) => problem.input === input)
  );
}

/**
 * The data with an address for a host that has none. What else is said of it, also in an OpenSSH option, goes before what
 * was written for another tool.
 */
export function withAddress(data: HostData, { attribute, inputs }: Address, raw: RawInputs = {}): HostData {
  const parsed = sshOptions(given(raw, 'ssh-option') ?? given(data.inputs, 'ssh-option') ?? '');
  const { user, port } = 'ok' in parsed ? parsed.ok : {};
  const { 'target-host': host = '', 'ssh-port': sshPort } = inputs;
  const known = {
    'target-host': user === undefined ? host : host.replace(/^.*@/, ''),
    ...(port === undefined && sshPort !== undefined ? { 'ssh-port': sshPort } : {}),
  };
  const added = Object.entries(known).filter(([name]) => given(data.inputs, name) === undefined);
  return {
    ...data,
    inputs: { ...data.inputs, ...Object.fromEntries(added) },
    places: { ...data.places, ...Object.fromEntries(added.map(([name]) => [name, attribute])) },
  };
}

/** A text that says something: blanks alone are not given. Names may be any, also those that every object has. */
export function given(texts: RawInputs, name: string): string | undefined {
  const text = Object.hasOwn(texts, name) ? texts[name] : undefined;
  return text === undefined || text.trim() === '' ? undefined : text;
}

/** The data without what the inputs of the step say themselves. */
export function withoutGiven(data: HostData, raw: RawInputs): HostData {
  const isGiven = (name: string) => given(raw, name) !== undefined;
  const isSaid = (name: string) => [name, ...(overruledBy.get(name) ?? [])].some(isGiven);
  return {
    ...data,
    inputs: Object.fromEntries(Object.entries(data.inputs).filter(([name]) => !isSaid(name))),
    problems: data.problems.filter(({ input }) => input === 'flake' || !isSaid(input)),
  };
}

/** As an input would have it; undefined for what cannot be one. */
function textOf(name: string, value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean' || isWhole(value)) return String(value);
  if (Array.isArray(value)) {
    const separator = name === 'phases' || name === 'kexec-extra-flags' ? ' ' : '\n';
    return value.every((each) => typeof each === 'string' || isWhole(each))
      ? value.join(separator)
      : undefined;
  }
  if (!isRecord(value)) return undefined;
  if (name === 'special-args') return JSON.stringify(value);
  if (name !== 'ssh-option') return undefined;
  const options = Object.entries(value).filter(([, each]) => each !== null);
  return options.every(([, each]) => typeof each === 'string' || typeof each === 'boolean' || isWhole(each))
    ? options.map(([key, each]) => `${key}=${String(each)}`).join('\n')
    : undefined;
}

/** Another number would not arrive as it was written: those of Nix are of 64 bits, and JavaScript writes others its own way. */
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

function shapeProblem(name: string): string {
  return name === 'ssh-option'
    ? 'must be a text, a list of texts, or a set of them'
    : 'must be a text, a whole number (a long one as a text), a boolean, or a list of texts: one each line';
}

function readFleetData(
  { tags, environment, secrets }: Readonly<Record<string, unknown>>,
  problem: (name: string, text: string) => void,
): FleetData {
  const areTags = tags === undefined || tags === null || isListOf(tags, /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/);
  if (!areTags) problem('tags', 'must be a list of words: up to 100 letters, digits, _ . and -');
  const wrongEnvironment = problemWithEnvironment(environment);
  if (wrongEnvironment !== undefined) problem('environment', wrongEnvironment);
  const wrongSecrets = problemWithSecretNames(secrets);
  if (wrongSecrets !== undefined) problem('secrets', wrongSecrets);
  return {
    tags: areTags && Array.isArray(tags) ? tags.map(String) : [],
    environment: wrongEnvironment === undefined && typeof environment === 'string' ? environment : null,
    secrets:
      wrongSecrets === undefined && isRecord(secrets)
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
