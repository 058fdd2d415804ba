// Results of hosts, and the files that their runs leave: made by the code that makes them in a run.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type MatrixHost, notApproved } from '../../src/inputs/matrix';
import type { Plan } from '../../src/plan/plan';
import { type Failure, type Outcome, Progress, type Result, type RunRecord } from '../../src/report/result';
import { somePlan } from './situation';

export interface HostRunOf {
  readonly outcome?: Outcome;
  /** Null: none. */
  readonly plan?: Plan | null;
  readonly failure?: Partial<Failure>;
  readonly run?: Partial<RunRecord>;
  readonly targetState?: Result['targetState'];
  readonly seconds?: number;
}

export const updatePlan: Plan = { ...somePlan, action: 'update', reason: 'it runs another system' };

/** What the run for a host has found. */
export function resultOf(host: string, of: HostRunOf = {}): Result {
  const { outcome = 'planned', plan = updatePlan, failure, run, targetState = 'untouched', seconds = 2 } = of;
  const clock = { time: 0, now: () => clock.time };
  const progress = new Progress(clock);
  const known = { url: 'https://example.org/run/1', attempt: 1, startedAt: '2026-11-28T07:30:00.000Z' };
  Object.assign(progress, { host, targetState, run: { ...known, ...run }, plan: plan ?? undefined });
  progress.begin('preflight');
  clock.time += seconds * 1000;
  progress.end('success');
  return progress.result(
    outcome,
    outcome === 'failed'
      ? {
          kind: 'nix',
          phase: 'disko',
          message: 'it broke',
          known: null,
          hint: null,
          resume: null,
          lastLines: [],
          ...failure,
        }
      : undefined,
  );
}

/** Writes it as report.ts does; or a text as it is. */
export function leave(folder: string, file: string, content: Result | string): void {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : `${JSON.stringify(content, undefined, 2)}\n`);
}

/** A host of a matrix. */
export function matrixHost(host: string, of: Partial<MatrixHost> = {}): MatrixHost {
  return {
    host,
    flake: `.#${host}`,
    tags: [],
    environment: '',
    secrets: {},
    reason: 'listed',
    'approved-plan': notApproved,
    ...of,
  };
}
