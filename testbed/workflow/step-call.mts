import type { RunState } from './state.mts';

/** What a step gets. */
export interface StepCall {
  readonly run: RunState;
  readonly inputs: Readonly<Record<string, string>>;
  /** All of it. */
  readonly env: Readonly<Record<string, string>>;
  readonly workspace: string;
  /** For what only this step writes. */
  readonly dir: string;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What a step leaves. */
export interface StepEnd {
  readonly ok: boolean;
  readonly outputs: Readonly<Record<string, string>>;
  readonly log: string;
  /** For the job's later steps. */
  readonly env?: Readonly<Record<string, string>>;
  readonly path?: readonly string[];
  /** What is done after the job's last step. */
  readonly post?: () => Promise<StepEnd>;
}
