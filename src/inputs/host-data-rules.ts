import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { keyFiles } from './disk-encryption-keys';
import { nearest } from './nearest';
import { parseKeyFile } from './read-key';
import { secretFiles } from './secret-files';
import { secretInputs } from './secret-inputs';
import { namesSource, parseSecretSource, type SecretSource } from './secret-source';
import { type InputName, inputs } from './table';

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
  // and runs that need no secret of a machine, which may be for anybody's flake, would run its command
  'cache-signing-key': 'is one key for all hosts that share the cache',
  'stop-after-disko': 'is deprecated; write phases',
  'no-reboot': 'is deprecated; write phases',
  'build-on-remote': 'is deprecated; write build-on',
  tty: 'is deprecated; leave it out',
};

export function problemWithName(name: string): string | undefined {
  const known = inputs.map((input) => input.name);
  const input = known.find((each) => each === name);
  if (input === undefined) {
    const near = nearest(name, [...known, 'tags', 'environment', 'secrets']);
    return `is no input of this action${near === undefined ? '' : `; did you mean ${near}?`}`;
  }
  const why = notOfHosts[input];
  return why === undefined ? undefined : `cannot be data of a host: it ${why}`;
}

/**
 * What is wrong with a value, but for what it would mean: a flake holds no secrets, and only a checkout may have things
 * run on the runner, or read and write its files. Never shows the value.
 */
export function problemWithValue(
  name: string,
  text: string,
  { isLocal }: HostDataOrigin,
): string | undefined {
  const isSecret = secretInputs.some((each) => each === name);
  if (isSecret && !namesSource(text)) return literal;
  if (name === 'on-installed' && text.trim() === 'reinstall') return wipesEveryTime;
  const use = isLocal ? undefined : useOfRunner(name, text);
  if (use !== undefined) return notLocal(use);
  for (const source of sourcesOf(name, text, isSecret)) {
    if (source.kind === 'exec' && !isLocal) return notLocal('runs a command on the runner');
    if (source.kind === 'path') {
      if (isInStore(source.path)) return literal;
      if (!isLocal) return notLocal('reads a file of the runner');
    }
    if (source.kind === 'env' && !ownVariable.test(source.name))
      return `names the variable ${source.name}; a flake may name those that begin with FLEET_SECRET_, which no other program gets to see`;
    if (source.kind === 'env' && isPut(name) && !source.name.startsWith('FLEET_SECRET_'))
      return `would put ${source.name} on the machine, which only logs in there; give what belongs there as a variable that begins with FLEET_SECRET_`;
  }
  return undefined;
}

/** Whether the machine keeps it, or may read it: with the host, the data says who gets it. */
const isPut = (name: string) => ['disk-encryption-keys', 'secret-files', 'netrc'].includes(name);

/** What is in a flake is in the Nix store, for everybody on the runner, and mostly in a repository. */
const literal = 'holds a secret, which has no place in a flake; write env:FLEET_SECRET_NAME or exec:COMMAND';

/** What a flake says holds for every run of every push. */
const wipesEveryTime =
  'is reinstall, which would wipe the machine in every run; write converge, and change install-id when it shall be installed anew, or give it as an input of one run';

/** What the flake itself brings along is nobody else's; where it leads out of the store again, it is. */
function isInStore(text: string): boolean {
  const path = resolve(text.trim());
  return [path, existsSync(path) ? realpathSync(path) : path].every((each) => each.startsWith('/nix/store/'));
}

/** What only the owner of the runner decides. A flake from elsewhere could have any file sent to a machine of its choice. */
function useOfRunner(name: string, text: string): string | undefined {
  switch (name) {
    case 'hooks':
      return 'runs programs on the runner';
    case 'generate-hardware-config':
      return 'writes a file of the runner';
    case 'extra-files':
      return isInStore(text) ? undefined : 'reads a folder of the runner';
    case 'kexec':
      return isInStore(text) || /^\s*https?:/i.test(text) ? undefined : 'reads a file of the runner';
    case 'ssh-option':
      return /UserKnownHostsFile/i.test(text) ? 'reads a file of the runner' : undefined;
    default:
      return undefined;
  }
}

function notLocal(what: string): string {
  return `${what}, which only a flake in a folder of the runner may; give it as an input`;
}

function sourcesOf(name: string, text: string, isSecret: boolean): readonly SecretSource[] {
  if (isSecret) {
    const source = parseSecretSource(text);
    return 'ok' in source ? [source.ok] : [];
  }
  if (name === 'ssh-private-key-file') {
    const source = parseKeyFile(text);
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

/** Nobody is to be shown, or to approve, what only looks like the name of an environment. */
const environmentForm = /^[\p{L}\p{N}_][\p{L}\p{N} _.:@/()+-]{0,254}$/u;

export function problemWithEnvironment(environment: unknown): string | undefined {
  if (environment === undefined || environment === null) return undefined;
  return typeof environment === 'string' && environmentForm.test(environment)
    ? undefined
    : 'must be the name of an environment of the repository: letters, digits, blanks and _ . : @ / ( ) + -';
}

/** @param secrets names of the repository's secrets, by the variables that the machine's job gets them in */
export function problemWithSecretNames(secrets: unknown): string | undefined {
  if (secrets === undefined || secrets === null) return undefined;
  const areNames =
    typeof secrets === 'object' &&
    !Array.isArray(secrets) &&
    Object.entries(secrets).every(
      // GitHub's own token would go wherever the data says
      ([variable, name]) =>
        ownVariable.test(variable) && typeof name === 'string' && /^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/.test(name),
    );
  return areNames
    ? undefined
    : 'must be a set of names of the repository’s secrets, in capitals, by the variables that get them: { SSH_PRIVATE_KEY = "WEB_1_KEY"; }, FLEET_SECRET_… for others';
}
