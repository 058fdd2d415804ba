import {
  amountAt,
  booleanAt,
  choiceAt,
  type Fields,
  fieldsAt,
  isFields,
  listAt,
  MisshapenError,
  orNull,
  own,
  textAt,
} from '../checked-json';
import type { ErrorKind } from '../errors';
import { type PhaseName, phaseNames, planDigest } from '../plan/plan';
import { lostDisks } from './lost-disks';
import { neutraliseText } from './neutralise';
import { hasNewKeys } from './new-keys';
import {
  type HostAction,
  type HostFailure,
  type HostPlan,
  type Outcome,
  outcomes,
  type RunRecord,
  type TargetState,
  targetStates,
} from './result';
import { termsInFile } from './terms-in-file';

/** What a result file says of a host's run, as far as it matters for many. Every text in it was made harmless. */
export interface HostRun {
  readonly host: string;
  readonly outcome: Outcome;
  readonly targetState: TargetState;
  readonly run: RunRecord;
  readonly seconds: number;
  readonly failure: HostFailure | null;
  /** Null without one that a machine had its part in. */
  readonly plan: HostPlan | null;
  /** known_hosts lines of keys that are others than those that it was known by. */
  readonly newHostKeys: readonly string[];
}

/** What a file turned out to be; `foreign`: nothing that this action has written for a host. */
export type ReadResult =
  | { readonly kind: 'host'; readonly run: HostRun }
  | { readonly kind: 'foreign' }
  | { readonly kind: 'problem'; readonly problem: string };

/** No name of a host is longer, and none has what could be taken for more than a name. */
const nameForm = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,255}$/u;
const digestForm = /^sha256:[0-9a-f]{64}$/;
const longestMessage = 4000;

/** Reads a result file, which another job has left: it may be anything. */
export function readResult(text: string): ReadResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'problem', problem: 'is no whole JSON; was it cut off?' };
  }
  const marks = ['version', 'outcome', 'targetState', 'phases'];
  if (!marks.every((name) => own(value, name) !== undefined)) return { kind: 'foreign' };
  const version = own(value, 'version');
  if (version !== 1)
    return {
      kind: 'problem',
      problem: `is a result of version ${shown(version)}, and this action reads version 1: use one version of it for all jobs`,
    };
  // of a run over many hosts, or for a configuration without a name
  if (own(value, 'host') === '') return { kind: 'foreign' };
  try {
    return { kind: 'host', run: readRun(value) };
  } catch (error) {
    // too deep for anybody
    if (error instanceof RangeError) return { kind: 'problem', problem: 'is nested too deeply for a result' };
    if (!(error instanceof MisshapenError)) throw error;
    return { kind: 'problem', problem: `is no result that this action has written: ${error.message}` };
  }
}

function shown(version: unknown): string {
  return typeof version === 'number' ? String(version) : 'unknown';
}

function readRun(value: unknown): HostRun {
  const run = fieldsAt(value, 'run');
  const digest = orNull(value, 'planDigest', (of, name) => textAt(of, name, digestForm));
  return {
    host: textAt(value, 'host', nameForm),
    outcome: choiceAt(value, 'outcome', outcomes),
    targetState: choiceAt(value, 'targetState', targetStates),
    run: {
      url: safeText(run, 'url'),
      attempt: amountAt(run, 'attempt'),
      startedAt: textAt(run, 'startedAt', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    },
    seconds: listAt(value, 'phases').reduce<number>((sum, phase) => sum + amountAt(phase, 'seconds'), 0),
    failure: orNull(value, 'failure', (of, name) => readFailure(fieldsAt(of, name))),
    plan: orNull(value, 'plan', (of, name) => readPlan(fieldsAt(of, name), digest)),
    newHostKeys: readNewHostKeys(value),
  };
}

const kinds: Record<ErrorKind, true> = {
  input: true,
  connection: true,
  'remote-command': true,
  nix: true,
  timeout: true,
  guard: true,
  hook: true,
  cancelled: true,
  unexpected: true,
};

function readFailure(failure: Fields): HostFailure {
  return {
    cancelled: choiceAt(failure, 'kind', Object.keys(kinds)) === 'cancelled',
    phase: orNull(failure, 'phase', (of, name) => choiceAt<PhaseName>(of, name, phaseNames)),
    message: safeText(failure, 'message'),
    hint: orNull(failure, 'hint', safeText),
    // of a run before there was one
    resume: Object.hasOwn(failure, 'resume') ? orNull(failure, 'resume', safeText) : null,
  };
}

function readPlan(plan: Fields, digest: string | null): HostPlan | null {
  if (own(plan, 'online') === null) return null;
  const online = fieldsAt(plan, 'online');
  return {
    action: actionOf(plan, online),
    reason: safeText(plan, 'reason'),
    lost: lostDisks(plan).map(safe),
    terms: termsInFile(plan).map(safe),
    digest: digest !== null && shows(plan, digest) ? digest : null,
  };
}

const knownHostsForm = /^[^\s\p{Cc}]{1,300} (?:ssh|ecdsa|sk)-[a-z0-9@.-]{1,60} AAAA[A-Za-z0-9+/=]{1,2000}$/u;
const mostKeys = 20;

function readNewHostKeys(value: unknown): readonly string[] {
  const lines = listAt(value, 'hostKeys').slice(0, mostKeys).map(String);
  const plan = own(value, 'plan');
  const online = own(plan, 'online');
  if (!isFields(online) || !lines.every((line) => knownHostsForm.test(line))) return [];
  return hasNewKeys(lines, listAt(online, 'hostKeys').map(String)) ? lines.map(safe) : [];
}

/** A machine that runs NixOS and gets it anew is another thing to approve than one that runs something else. */
function actionOf(plan: Fields, online: Fields): HostAction {
  const action = choiceAt(plan, 'action', ['install', 'update', 'nothing']);
  const phases = listAt(plan, 'phases');
  const replaces = phases.includes('disko') || phases.includes('install');
  const isAgain = booleanAt(online, 'runsNixos') && !booleanAt(online, 'isInstaller');
  return action === 'install' && replaces && isAgain ? 'reinstall' : action;
}

/**
 * Whether who approves the digest approves what is shown. A secret that is part of the plan was replaced in the file
 * after the digest was made, so that it cannot be told.
 */
function shows(plan: Fields, digest: string): boolean {
  return planDigest(plan) === digest || JSON.stringify(plan).includes('***');
}

function safeText(of: unknown, name: string): string {
  return safe(textAt(of, name));
}

function safe(text: string): string {
  return neutraliseText(text.slice(0, longestMessage));
}
