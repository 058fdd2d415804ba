import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as core from '@actions/core';
import { ActionError, CancelledError, errorMessage, NixError, type Place } from '../errors';
import type { SecretRegistry } from '../secrets';
import type { ActionLog } from './action-log';
import { closingLines } from './closing-lines';
import { recognise } from './hints';
import { neutralise, neutraliseText } from './neutralise';
import { outputsOf } from './outputs';
import { errorPage } from './pages';
import type { Failure, Progress, Result } from './result';
import { howToResume } from './resume';
import { describeState } from './states';
import { summarise } from './summary';

const keptLines = 40;

/** What went wrong, as the result says it: harmless text without secrets, and advice where there is any. */
export function failureOf(error: unknown, progress: Progress, secrets: SecretRegistry): Failure {
  const known = error instanceof ActionError ? error : undefined;
  const cancelled = error instanceof CancelledError;
  // first of all: a secret with `##[` in it is not recognised once that was made harmless
  const safe = (text: string) => neutraliseText(secrets.redact(text));
  const lastLines = (known?.lastLines ?? [])
    .slice(-keptLines)
    .map((line) => neutralise(secrets.redact(line)));
  const said = {
    kind: known?.kind ?? 'unexpected',
    phase: progress.phase ?? null,
    message: safe(errorMessage(error)),
    lastLines,
  };
  // the place that throws knows more than what was said
  const recognised = known?.hint === undefined ? recognise(said) : undefined;
  return {
    ...said,
    known: recognised?.id ?? null,
    hint: cancelled ? null : (known?.hint ?? recognised?.hint ?? null),
    // of many hosts each has its own
    resume: progress.fleet === null ? howToResume(progress, cancelled) : null,
  };
}

/** Where that is in the user's own files, the nearest first. */
export function placesOf(error: unknown): readonly Place[] {
  return error instanceof NixError ? error.places : [];
}

/**
 * Annotation, result file, outputs, job summary and the end of the log. Called once, at the end of every run. A part that cannot be
 * written (a full disk) is a warning: it says nothing about the machine, and the other parts are still wanted.
 *
 * @param places of the failure, see placesOf
 * @returns whether the outputs were written, which are all that a run over many hosts is for
 */
export async function publish(
  whole: Result,
  log: ActionLog,
  secrets: SecretRegistry,
  places: readonly Place[] = [],
): Promise<boolean> {
  const result = withoutSecrets(whole, secrets);
  if (result.failure !== null) annotate(result.failure, result, log, places);
  const file = await attempt('result file', log, () => writeResultFile(result, secrets));
  const outputs = await attempt('outputs', log, async () => {
    setOutputs(whole, result, file ?? '', log, secrets);
    return true;
  });
  if ((process.env.GITHUB_STEP_SUMMARY ?? '') !== '')
    await attempt('job summary', log, () =>
      core.summary.addRaw(secrets.redact(summarise(result)), true).write(),
    );
  for (const line of closingLines(result, file)) log.info(line);
  return outputs ?? false;
}

/** Text by text, before JSON and Markdown write a secret's characters in their own ways. */
function withoutSecrets(result: Result, secrets: SecretRegistry): Result {
  return JSON.parse(JSON.stringify(result), (_, value: unknown) =>
    typeof value === 'string' ? secrets.redact(value) : value,
  );
}

/** The runner drops an output that contains what it masks: better one that says so. */
function setOutputs(
  whole: Result,
  result: Result,
  file: string,
  log: ActionLog,
  secrets: SecretRegistry,
): void {
  const asTheyAre: Record<string, string> = outputsOf(whole, file);
  const changed: string[] = [];
  for (const [name, value] of Object.entries(outputsOf(result, file))) {
    const safe = secrets.redact(value);
    if (safe !== asTheyAre[name]) changed.push(name);
    core.setOutput(name, safe);
  }
  if (changed.length > 0)
    log.warning(
      `A secret of this run is also part of the outputs ${changed.join(', ')}, and is replaced by *** there. Is it a common word?`,
    );
}

async function attempt<T>(what: string, log: ActionLog, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    log.warning(`The ${what} could not be written: ${errorMessage(error)}`);
    return undefined;
  }
}

/** One job may list hosts, look at several configurations without a machine, and gather results. */
function nameOf({ target, plan, host, fleet, phases }: Result): string {
  if (fleet !== null && fleet.files !== null) return 'fleet';
  // of runs over many hosts only a build has phases
  if (fleet !== null) return phases.length === 0 ? 'hosts' : 'build';
  const of = target || plan?.offline.hostName || host;
  return of.replace(/[^A-Za-z0-9.-]+/g, '_') || 'no-target';
}

async function writeResultFile(result: Result, secrets: SecretRegistry): Promise<string> {
  const folder = process.env.RUNNER_TEMP ?? '.';
  const file = join(folder, `nixos-anywhere-${nameOf(result)}.json`);
  await writeFile(file, secrets.redact(`${JSON.stringify(result, undefined, 2)}\n`), { mode: 0o600 });
  return file;
}

function annotate(
  failure: Failure,
  { targetState, target, plan }: Result,
  log: ActionLog,
  places: readonly Place[],
): void {
  for (const line of failure.lastLines) log.foreign('last lines', line);
  const where = failure.phase === null ? '' : ` in phase ${failure.phase}`;
  const lines = [
    failure.message,
    ...(failure.hint === null ? [] : [`What to do: ${failure.hint}`]),
    ...(target === '' ? [] : [`The machine is ${describeState(targetState, plan, failure)}.`]),
    ...(failure.resume === null ? [] : [`How to go on: ${failure.resume}`]),
    `More about it: ${errorPage(failure)}`,
  ];
  log.error(
    lines.join('\n'),
    `nixos-anywhere ${failure.kind === 'cancelled' ? 'was cancelled' : 'failed'}${where}`,
    places,
  );
}
