import { matrixJson } from '../inputs/matrix';
import { needsSomebody } from './fleet-words';
import type { Result } from './result';

/** The outputs of the action, in the order of action.yml. */
export const outputs = [
  {
    name: 'outcome',
    description:
      'listed, gathered, planned, built, tested, prepared, installed, updated, unchanged or failed.',
  },
  {
    name: 'target-state',
    description: 'How far the machine came: untouched, installer, partitioned, installed, unlocking, booted.',
  },
  { name: 'system-path', description: 'Store path of the installed system.' },
  {
    name: 'verified',
    description: 'What was proven about the new system: system, host-key or none.',
  },
  { name: 'phases', description: 'The phases that ran, as JSON: name, outcome, startedAfter, seconds.' },
  { name: 'host-keys', description: 'known_hosts lines of the new system.' },
  {
    name: 'age-public-keys',
    description:
      'age recipients of its ed25519 host keys, for sops-nix; agenix takes host-keys. RSA and ECDSA keys have none.',
  },
  {
    name: 'hardware-config',
    description:
      'Path of the generated hardware configuration, to be committed; empty if none was generated.',
  },
  {
    name: 'cache-hit',
    description: 'What the cache had for this build: exact, partial or none.',
  },
  { name: 'plan', description: 'The plan as JSON.' },
  { name: 'plan-digest', description: 'SHA-256 of what the plan decides, for approved-plan.' },
  {
    name: 'matrix',
    description:
      'With list-hosts and fleet-results: the hosts that there is something to do for, for strategy.matrix.',
  },
  { name: 'count', description: 'How many those are; a job over none of them has to be skipped.' },
  {
    name: 'canary',
    description: 'Of that matrix the hosts that go first: those with the tag canary, else the first one.',
  },
  { name: 'rest', description: 'The matrix of the others; its include is an empty list if there are none.' },
  {
    name: 'failed-hosts',
    description:
      'As JSON, the names of hosts that are not in the matrix because they failed: with list-hosts those that cannot be evaluated, with build-only and hosts also those that cannot be built, with fleet-results those whose runs failed or left no result.',
  },
  {
    name: 'result-file',
    description: 'Path of the JSON file with the whole result; set on failure too.',
  },
] as const;
export type OutputName = (typeof outputs)[number]['name'];

export function outputsOf(result: Result, resultFile: string): Record<OutputName, string> {
  return {
    outcome: result.outcome,
    'target-state': result.targetState,
    'system-path': result.systemPath,
    verified: result.verified,
    phases: JSON.stringify(result.phases),
    'host-keys': result.hostKeys.join('\n'),
    'age-public-keys': result.agePublicKeys.join('\n'),
    'hardware-config': result.hardwareConfig ?? '',
    'cache-hit': result.cache?.hit ?? 'none',
    plan: result.plan === null ? '' : JSON.stringify(result.plan),
    'plan-digest': result.planDigest ?? '',
    ...fleetOutputs(result),
    'result-file': resultFile,
  };
}

/**
 * Nothing where the run has failed and knows no hosts: a count of 0 would say that there is nothing to do. Where only some
 * could not be built the others go on.
 */
function fleetOutputs({
  fleet,
  outcome,
}: Result): Record<'matrix' | 'count' | 'canary' | 'rest' | 'failed-hosts', string> {
  const knowsHosts = fleet !== null && fleet.files === null && fleet.selected > 0;
  if (fleet === null || (outcome === 'failed' && !knowsHosts))
    return { matrix: '', count: '', canary: '', rest: '', 'failed-hosts': '' };
  const { hosts, failed, results } = fleet;
  const tagged = hosts.filter(({ tags }) => tags.includes('canary'));
  const canary = tagged.length === 0 ? hosts.slice(0, 1) : tagged;
  const rest = hosts.filter((host) => !canary.includes(host));
  return {
    matrix: matrixJson(hosts),
    count: String(hosts.length),
    canary: matrixJson(canary),
    // an output that got lost is empty too, and would skip hosts without a word
    rest: matrixJson(rest),
    'failed-hosts': JSON.stringify([...failed, ...results.filter(needsSomebody)].map(({ host }) => host)),
  };
}
