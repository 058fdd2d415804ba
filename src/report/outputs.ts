import type { Result } from './result';

/** The outputs of the action, in the order of action.yml. */
export const outputNames = [
  'outcome',
  'target-state',
  'system-path',
  'verified',
  'phases',
  'host-keys',
  'plan',
  'plan-digest',
  'result-file',
] as const;
export type OutputName = (typeof outputNames)[number];

export function outputsOf(result: Result, resultFile: string): Record<OutputName, string> {
  return {
    outcome: result.outcome,
    'target-state': result.targetState,
    'system-path': result.systemPath,
    verified: result.verified,
    phases: JSON.stringify(result.phases),
    'host-keys': result.hostKeys.join('\n'),
    plan: result.plan === null ? '' : JSON.stringify(result.plan),
    'plan-digest': result.planDigest ?? '',
    'result-file': resultFile,
  };
}
