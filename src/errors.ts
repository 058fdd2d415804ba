/** What kind of thing went wrong; it decides which advice fits and how the failure is counted in the result. */
export type ErrorKind =
  | 'input'
  | 'connection'
  | 'remote-command'
  | 'nix'
  | 'timeout'
  | 'guard'
  | 'hook'
  | 'cancelled'
  | 'unexpected';

export interface ErrorContext {
  /** What was run, as a person would recognise it; never with a secret in it. */
  readonly ran?: string;
  /** The last lines that it printed. */
  readonly lastLines?: readonly string[];
  /** What the user can do about it, when the place that throws knows better than the table of hints. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Every failure that the action foresees. Anything else that is thrown is a defect and reported as `unexpected`. */
export abstract class ActionError extends Error {
  abstract readonly kind: ErrorKind;
  readonly ran: string | undefined;
  readonly lastLines: readonly string[];
  readonly hint: string | undefined;

  constructor(message: string, context: ErrorContext = {}) {
    super(message, { cause: context.cause });
    this.name = new.target.name;
    this.ran = context.ran;
    this.lastLines = context.lastLines ?? [];
    this.hint = context.hint;
  }
}

/** One thing wrong with one input. */
export interface InputProblem {
  readonly input: string;
  readonly problem: string;
}

/** The inputs do not describe a run; carries every problem, not just the first. */
export class InputError extends ActionError {
  readonly kind = 'input';
  readonly problems: readonly InputProblem[];

  constructor(problems: readonly InputProblem[]) {
    super(problems.map(({ input, problem }) => `input ${input}: ${problem}`).join('\n'));
    this.problems = problems;
  }
}

/** Why there is no connection. `dropped` is one that worked and was lost; only it and the unreachable ones are worth another try. */
export type ConnectionFailure =
  | 'unreachable'
  | 'refused'
  | 'no-banner'
  | 'unknown-host'
  /** The runner itself has no way there. */
  | 'no-route'
  /** A jump host does not let us through: not to be taken for a refusal of the machine behind it. */
  | 'jump-host'
  | 'host-key'
  | 'authentication'
  | 'protocol'
  | 'dropped';

export class ConnectionError extends ActionError {
  readonly kind = 'connection';
  readonly reason: ConnectionFailure;

  constructor(reason: ConnectionFailure, message: string, context: ErrorContext = {}) {
    super(message, context);
    this.reason = reason;
  }
}

/** A script on the target ended with another exit code than 0. */
export class RemoteCommandError extends ActionError {
  readonly kind = 'remote-command';
  /** Undefined when it was killed, or never began. */
  readonly exitCode: number | undefined;

  constructor(message: string, context: ErrorContext & { readonly exitCode?: number | undefined } = {}) {
    super(message, context);
    this.exitCode = context.exitCode;
  }
}

/** One of the errors that a command of Nix has told of, with the last lines of the builds that it names. */
export interface NixMessage {
  readonly text: string;
  readonly buildLog: readonly string[];
}

/** A place in a file on the runner. */
export interface Place {
  /** The absolute path. */
  readonly file: string;
  /** From 1; undefined where only the file is known. */
  readonly line: number | undefined;
  readonly column: number | undefined;
}

export class NixError extends ActionError {
  readonly kind = 'nix';
  /** What Nix says, without what was run; more than one line where it says more. */
  readonly reason: string | undefined;
  /** All errors, in their order: a build that goes on after a failure has many. */
  readonly messages: readonly NixMessage[];
  /** Where that is in the user's own files, the nearest first. */
  readonly places: readonly Place[];

  constructor(
    message: string,
    context: ErrorContext & {
      readonly reason?: string | undefined;
      readonly messages?: readonly NixMessage[];
      readonly places?: readonly Place[];
    } = {},
  ) {
    super(message, context);
    this.reason = context.reason;
    this.messages = context.messages ?? [];
    this.places = context.places ?? [];
  }
}

/** Nix did not end by itself: most likely the kernel has ended it, for lack of memory. */
export class NixKilledError extends NixError {}

/** The configuration does not evaluate, for a reason that lies in what it says. */
export class EvaluationError extends NixError {}

/** A deadline passed. The message says what was waited for and for how long. */
export class TimeoutError extends ActionError {
  readonly kind = 'timeout';
}

/** A check that protects the machine or its data said no. */
export class GuardError extends ActionError {
  readonly kind = 'guard';
}

/** A program of the user's between the phases failed. */
export class HookError extends ActionError {
  readonly kind = 'hook';
}

/** The job was cancelled. */
export class CancelledError extends ActionError {
  readonly kind = 'cancelled';
}

/** Text of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
