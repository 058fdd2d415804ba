import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatDuration, within } from '../deadlines';
import { errorMessage, TimeoutError } from '../errors';
import type { ProcessRunner } from '../process';
import type { Clock } from '../runtime';
import type { SecretRegistry } from '../secrets';
import { keyFiles } from './disk-encryption-keys';
import { isForManyHosts, isOffline, onlyBuilds } from './kind-of-run';
import { duration, type Parsed } from './parsers';
import type { RawInputs } from './raw-inputs';
import { parseKeyFile } from './read-key';
import { secretFiles } from './secret-files';
import { secretInputs } from './secret-inputs';
import { keyOf, namesSource, parseSecretSource, type SecretSource } from './secret-source';

/** What each source of the inputs holds, or why it could not be read; by keyOf. */
export type LoadedSecrets = ReadonlyMap<string, Parsed<Buffer>>;

export interface LoadOptions {
  readonly environment: NodeJS.ProcessEnv;
  readonly processes: ProcessRunner;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly secrets: SecretRegistry;
}

/** What cryptsetup reads of a key file at most. Nothing that is called a secret is larger. */
const largest = 8 * 1024 * 1024;
const tooLarge = { problem: 'holds more than 8 MiB' };
/** That of idle-timeout, when the input is missing or wrong. */
const defaultDeadlineMs = 600_000;

/**
 * Reads every source that the inputs name, each once and all of them side by side: whoever fills two pipes may do so in
 * any order. Everything that was read is registered before it is handed out. Problems are kept for readSettings, which
 * knows all others. A run without a machine needs no secret of one, and reads none.
 *
 * @param before what was read already: a pipe gives it once
 * @returns what was read now
 * @throws the reason of the signal
 */
export async function loadSecrets(
  raw: RawInputs,
  options: LoadOptions,
  before: LoadedSecrets = new Map(),
): Promise<LoadedSecrets> {
  shieldSecrets(raw, options);
  const sources = new Map(sourcesToRead(raw).map((source) => [keyOf(source), source]));
  const parsed = duration(raw['idle-timeout'] ?? '');
  const ms = 'ok' in parsed ? parsed.ok : defaultDeadlineMs;
  const loaded = await Promise.all(
    [...sources]
      .filter(([key]) => !before.has(key))
      .map(async ([key, source]) => [key, await load(source, ms, options)] as const),
  );
  return new Map(loaded);
}

/**
 * Registers the secrets that stand in the inputs themselves, and withholds the variables that inputs name: before any
 * command is run, which may not see the variable of another input.
 */
function shieldSecrets(raw: RawInputs, { environment, secrets }: LoadOptions): void {
  // the flake may name them, and it is evaluated first: no other variable may hand one on
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith('FLEET_SECRET_') && value !== undefined) secrets.register(value);
  }
  for (const text of secretInputs.map((name) => raw[name] ?? '')) {
    if (!namesSource(text)) secrets.register(text);
  }
  const keyFile = raw['ssh-private-key-file'] ?? '';
  // the key itself, by mistake
  if ('problem' in parseKeyFile(keyFile) && !namesSource(keyFile)) secrets.register(keyFile);
  for (const source of allSources(raw)) {
    if (source.kind === 'env') secrets.withholdVariable(source.name);
  }
}

/** Those that this kind of run has a use for. */
function sourcesToRead(raw: RawInputs): readonly SecretSource[] {
  if (isOffline(raw) || isForManyHosts(raw)) return [];
  // what is built may be kept
  if (onlyBuilds(raw)) return sourceIn('cache-signing-key', raw);
  return allSources(raw);
}

function allSources(raw: RawInputs): readonly SecretSource[] {
  const files = [keyFiles(raw['disk-encryption-keys'] ?? ''), secretFiles(raw['secret-files'] ?? '')];
  const keyFile = parseKeyFile(raw['ssh-private-key-file'] ?? '');
  return [
    ...('ok' in keyFile && keyFile.ok.path !== '' ? [keyFile.ok] : []),
    ...secretInputs.flatMap((name) => sourceIn(name, raw)),
    ...files.flatMap((lines) => ('ok' in lines ? lines.ok.map(({ source }) => source) : [])),
  ];
}

function sourceIn(name: (typeof secretInputs)[number], raw: RawInputs): readonly SecretSource[] {
  const text = raw[name] ?? '';
  const source = namesSource(text) ? parseSecretSource(text) : undefined;
  return source !== undefined && 'ok' in source ? [source.ok] : [];
}

async function load(source: SecretSource, ms: number, options: LoadOptions): Promise<Parsed<Buffer>> {
  const { name, contents } = await read(source, ms, options);
  if ('problem' in contents) return { problem: `${name} ${contents.problem}` };
  if (contents.ok.length > largest) return { problem: `${name} ${tooLarge.problem}` };
  return contents.ok.toString('latin1').trim() === '' ? { problem: `${name} is empty` } : contents;
}

/** Names no path and no command: somebody may have written the secret itself there. */
async function read(
  source: SecretSource,
  ms: number,
  options: LoadOptions,
): Promise<{ name: string; contents: Parsed<Buffer> }> {
  switch (source.kind) {
    case 'env':
      return { name: `the variable ${source.name}`, contents: readVariable(source.name, options) };
    case 'exec':
      return { name: 'the exec: command', contents: await readCommand(source.command, ms, options) };
    case 'path':
      return {
        name: 'the file on the runner',
        contents: await readPath(inHome(source.path, options), ms, options),
      };
  }
}

function readVariable(name: string, { environment, secrets }: LoadOptions): Parsed<Buffer> {
  const value = environment[name];
  if (value === undefined) return { problem: 'is not set; set it with env: of this step' };
  secrets.register(value);
  return { ok: Buffer.from(value) };
}

/** What a failed command says at most; it stands among other problems. */
const shownLines = 10;

async function readCommand(command: string, ms: number, options: LoadOptions): Promise<Parsed<Buffer>> {
  const { clock, processes, secrets, signal } = options;
  try {
    const { code, stdoutBytes, errorLines } = await within(clock, 'it', ms, signal, (limited) =>
      processes.run('sh', ['-c', command], { signal: limited, idleMs: ms }),
    );
    // also of a command that failed: what it said may quote what it printed
    secrets.register(stdoutBytes);
    if (code === 0) return { ok: stdoutBytes };
    const said = errorLines.slice(-shownLines).map((line) => `\n  ${secrets.redact(line)}`);
    const how = code === null ? 'was killed' : `ended with exit code ${code}`;
    return { problem: `${how}${said.length === 0 ? ' and said nothing' : `, and said:${said.join('')}`}` };
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof TimeoutError
      ? { problem: `did not end within ${formatDuration(ms)} (idle-timeout)` }
      : { problem: `could not be run: ${errorMessage(error)}` };
  }
}

/** What no shell expands here. */
function inHome(path: string, { environment }: LoadOptions): string {
  return path.startsWith('~/') ? `${environment.HOME ?? '~'}${path.slice(1)}` : path;
}

async function readPath(path: string, ms: number, options: LoadOptions): Promise<Parsed<Buffer>> {
  try {
    const kind = statSync(path);
    if (kind.isFIFO()) return registered(await readPipe(path, ms, options), options);
    if (!kind.isFile()) return { problem: 'is neither a file nor a pipe' };
    return kind.size > largest ? tooLarge : registered({ ok: readFileSync(path) }, options);
  } catch (error) {
    options.signal.throwIfAborted();
    return { problem: `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})` };
  }
}

function registered(contents: Parsed<Buffer>, { secrets }: LoadOptions): Parsed<Buffer> {
  if ('ok' in contents) secrets.register(contents.ok);
  return contents;
}

/**
 * Waits until somebody has written to the pipe and closed it. A child does, because the open of a pipe that nobody
 * writes to does not come back and could not be given up here; and without waiting macOS gives its end at once.
 */
async function readPipe(path: string, ms: number, options: LoadOptions): Promise<Parsed<Buffer>> {
  const { clock, processes, signal } = options;
  try {
    const { code, stdoutBytes, errorLines } = await within(clock, 'it', ms, signal, (limited) =>
      processes.run('cat', [resolve(path)], { signal: limited, idleMs: ms }),
    );
    return code === 0 ? { ok: stdoutBytes } : { problem: `cannot be read (${errorLines.join('; ')})` };
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof TimeoutError
      ? { problem: `is a pipe that nobody wrote to and closed within ${formatDuration(ms)} (idle-timeout)` }
      : { problem: `cannot be read (${errorMessage(error)})` };
  }
}
