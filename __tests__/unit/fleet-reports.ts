// Reports of fleets, made of results as their runs leave them.
import { nothingGathered } from '../../src/report/fleet-results';
import { type HostRun, readResult } from '../../src/report/host-run';
import { type FleetReport, type HostResult, type Outcome, Progress } from '../../src/report/result';
import { summarise } from '../../src/report/summary';
import { planFor } from '../support/planned';
import { type HostRunOf, resultOf, updatePlan } from '../support/results';
import { nixos } from '../support/situation';

export function host(name: string, of: HostRunOf = {}): HostResult {
  const read = readResult(JSON.stringify(resultOf(name, of)));
  if (read.kind !== 'host') throw new Error(JSON.stringify(read));
  const { run: _, ...result }: HostRun = read.run;
  return result;
}
export const missing = (name: string): HostResult => ({
  host: name,
  outcome: 'missing',
  targetState: null,
  seconds: 0,
  failure: null,
  plan: null,
  newHostKeys: [],
});

export function fleetOf(results: readonly HostResult[], of: Partial<FleetReport> = {}): FleetReport {
  return { ...nothingGathered, selected: results.length, results, ...of };
}
export function summaryOf(fleet: FleetReport, outcome: Outcome = 'gathered'): string {
  return summarise({ ...new Progress().result(outcome), fleet });
}

export const reinstallPlan = planFor({ facts: nixos, inputs: { 'on-installed': 'reinstall' } });
export const nothingPlan = { ...updatePlan, action: 'nothing' as const, reason: 'it runs this already' };
export const many = [
  host('web-10', { plan: nothingPlan }),
  host('web-2', { plan: nothingPlan }),
  host('web-3', { outcome: 'updated' }),
  host('web-4', { outcome: 'installed', plan: reinstallPlan, targetState: 'booted', seconds: 200 }),
  missing('web-5'),
  host('web-6', {
    outcome: 'failed',
    plan: reinstallPlan,
    targetState: 'partitioned',
    failure: {
      message: 'nixos-install failed\nat line 2',
      hint: 'run it again',
      resume: 'it takes the installer over',
      phase: 'install',
    },
  }),
  host('web-7', { outcome: 'failed', failure: { kind: 'cancelled', phase: null } }),
  host('web-8', { outcome: 'unchanged', plan: nothingPlan }),
];
