// What src/phases, src/plan, src/ssh and src/nix get from the outside world, for tests that call them directly.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childEnvironment } from '../../src/child-environment';
import { SpawnRunner } from '../../src/process';
import { type Logger, type Runtime, systemClock } from '../../src/runtime';
import { SecretRegistry } from '../../src/secrets';
import { nixEnvironment } from '../../testbed/paths.mts';
import { atEnd } from './concurrent';

/** Keeps what was said, each line with how it was said: `warning: …`, `target> …`. */
export class RecordingLog implements Logger {
  readonly lines: string[] = [];

  info(text: string): void {
    this.lines.push(text);
  }

  debug(text: string): void {
    this.lines.push(`debug: ${text}`);
  }

  warning(text: string): void {
    this.lines.push(`warning: ${text}`);
  }

  foreign(origin: string, line: string): void {
    this.lines.push(`${origin}> ${line}`);
  }

  group<T>(title: string, work: () => Promise<T>): Promise<T> {
    this.lines.push(`group: ${title}`);
    return work();
  }

  get text(): string {
    return this.lines.join('\n');
  }
}

export interface TestRuntime extends Runtime {
  readonly log: RecordingLog;
}

const never = new AbortController().signal;

/**
 * @param cancelled aborted when the test cancels the run
 * @param environment on top of this process's and of what makes Nix work offline
 */
export function testRuntime(
  cancelled: AbortSignal = never,
  environment: Record<string, string> = {},
): TestRuntime {
  const privateFolder = temporaryFolder('runtime');
  const all = { ...process.env, ...nixEnvironment(), ...environment };
  const processes = new SpawnRunner(() => childEnvironment(all, new SecretRegistry(() => undefined)));
  const own = new AbortController();
  return {
    log: new RecordingLog(),
    clock: systemClock,
    processes,
    signal: AbortSignal.any([cancelled, own.signal]),
    abort: (reason) => own.abort(reason),
    privateFolder,
  };
}

/** A folder that is removed at the end of the test. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `test-${name}-`));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Waits until something is so; fails with its name when it takes too long. */
export async function until(what: string, holds: () => boolean, ms = 20_000): Promise<void> {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for: ${what}`);
    await sleep(10);
  }
}

/** The error with which the promise is rejected. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error) return error;
  throw new Error('this should have failed');
}
