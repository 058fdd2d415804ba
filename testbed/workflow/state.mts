// What the parts of the runner tell each other.
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';
import type { ActionOptions, ActionResult } from '../action.mts';
import type { Board } from './board.mts';
import type { Contexts, Value } from './expressions.mts';

export type Outcome = 'success' | 'failure' | 'cancelled' | 'skipped';

export interface StepRecord {
  readonly id: string;
  readonly name: string;
  /** Before continue-on-error. */
  readonly outcome: Outcome;
  readonly conclusion: Outcome;
  readonly outputs: Readonly<Record<string, string>>;
  /** Unmasked, for tests that look for secrets. */
  readonly log: string;
}

/** A job as it is about to start. */
export interface JobStart {
  /** As in the file. */
  readonly id: string;
  /** As shown. */
  readonly name: string;
  /** Its entry of the matrix; undefined without one. */
  readonly matrix: Readonly<Record<string, Value>> | undefined;
  /** Empty: none. */
  readonly environment: string;
  readonly concurrency: string;
}

export interface JobRecord extends JobStart {
  readonly result: Outcome;
  readonly steps: readonly StepRecord[];
  readonly outputs: Readonly<Record<string, string>>;
  /** Why it failed without a step that did: an expression, or a reviewer. */
  readonly problem: string;
}

export interface Environment {
  /** Instead of those of the same name that the repository has. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** So are these. */
  readonly vars?: Readonly<Record<string, string>>;
  /** What reviewers decide; without it nobody has to. */
  readonly approve?: (job: JobStart) => boolean | Promise<boolean>;
}

export interface WorkflowOptions {
  /** Path of the workflow file. */
  readonly file: string;
  /** What the calling workflow gives, or who starts it by hand. */
  readonly inputs?: Readonly<Record<string, string | number | boolean>>;
  /** Of the repository, all inherited. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Variables of the repository. */
  readonly vars?: Readonly<Record<string, string>>;
  /** By name; what is not here is made when a job names it, as GitHub does. */
  readonly environments?: Readonly<Record<string, Environment>>;
  /** The git repository that actions/checkout copies. */
  readonly repository: string;
  /** Of that repository; its HEAD if not given. */
  readonly commit?: string;
  /** For workspaces, logs and artifacts. */
  readonly dir: string;
  /** On top of the runner's environment, for every step. */
  readonly env?: Readonly<Record<string, string>>;
  /** On top of the context `github`. */
  readonly github?: Readonly<Record<string, Value>>;
  /** Called before a job's first step, when its environment has let it in; the run fails when it throws. */
  readonly beforeJob?: (job: JobStart) => void | Promise<void>;
  /** Called after a job's last step. Not for jobs that are skipped. */
  readonly afterJob?: (job: JobRecord) => void | Promise<void>;
  /** What runs our action, by default runAction. */
  readonly action?: (options: ActionOptions) => Promise<ActionResult>;
  /** Each line that a step prints, with the job's name. */
  readonly onLine?: (line: string, job: string) => void;
  /** Cancels the run as a person does. */
  readonly signal?: AbortSignal;
}

export interface WorkflowRun {
  readonly result: Outcome;
  /** In the order in which they ended; a matrix has one for each entry, a skipped job one without steps. */
  readonly jobs: readonly JobRecord[];
  /** What each job of the file came to, by its ID. */
  readonly results: Readonly<Record<string, Outcome>>;
  /** The folder with one folder for each artifact. */
  readonly artifacts: string;
  /** Those that were opened, each as `BRANCH: TITLE`. */
  readonly pullRequests: readonly string[];
}

/** What all jobs of a run share. */
export interface RunState {
  readonly options: WorkflowOptions;
  readonly contexts: Contexts;
  readonly artifacts: string;
  /** Of the whole workflow. */
  readonly env: TemplateToken | undefined;
  readonly permissions: TemplateToken | undefined;
  readonly board: Board;
  /** What may not be in outputs of jobs: secrets, their lines, and what actions have masked. */
  readonly masks: Set<string>;
  /** Ends what runs: a cancelled run, or a fault of the runner. */
  readonly signal: AbortSignal;
}
