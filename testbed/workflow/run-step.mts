// A step with `run`: the shell that GitHub takes, and its command files.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parseFileCommands } from '../action.mts';
import type { StepCall, StepEnd } from './step-call.mts';

/** By `shell`: without one a runner takes bash, and does not set pipefail. */
const shells: Readonly<Record<string, readonly [string, ...string[]]>> = {
  '': ['bash', '-e'],
  bash: ['bash', '--noprofile', '--norc', '-e', '-o', 'pipefail'],
  sh: ['sh', '-e'],
};

/** @throws Error for a shell that the runner does not know */
export async function runScript(script: string, shell: string, call: StepCall): Promise<StepEnd> {
  const command = shells[shell];
  if (command === undefined) throw new Error(`this runner does not know the shell ${shell}`);
  mkdirSync(call.dir, { recursive: true });
  const files = {
    GITHUB_OUTPUT: join(call.dir, 'output'),
    GITHUB_ENV: join(call.dir, 'env'),
    GITHUB_PATH: join(call.dir, 'path'),
    GITHUB_STEP_SUMMARY: join(call.dir, 'summary.md'),
  };
  for (const file of Object.values(files)) writeFileSync(file, '');
  const path = join(call.dir, 'script.sh');
  writeFileSync(path, script);
  const [program, ...args] = command;
  const { code, log } = await spawned([program, ...args, path], { ...call.env, ...files }, call);
  const read = (name: keyof typeof files) => readFileSync(files[name], 'utf8');
  return {
    ok: code === 0,
    log,
    outputs: parseFileCommands(read('GITHUB_OUTPUT')),
    env: parseFileCommands(read('GITHUB_ENV')),
    path: read('GITHUB_PATH')
      .split('\n')
      .filter((line) => line !== ''),
  };
}

/** @param folders those added last come first */
export function withPath(
  env: Readonly<Record<string, string>>,
  folders: readonly string[],
): Record<string, string> {
  return { ...env, PATH: [...folders.toReversed(), env.PATH ?? ''].join(delimiter) };
}

function spawned(
  [program = '', ...args]: readonly string[],
  env: Record<string, string>,
  { workspace, onLine, signal }: StepCall,
): Promise<{ code: number | null; log: string }> {
  return new Promise((settle, reject) => {
    const child = spawn(program, args, { cwd: workspace, env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
    let log = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        log += text;
      });
    child.once('error', (error) => (signal.aborted ? settle({ code: null, log }) : reject(error)));
    child.once('close', (code) => {
      for (const line of log.split('\n')) if (line !== '') onLine(line);
      settle({ code, log });
    });
  });
}
