import type { Result } from './result';

/** The outputs of the action, in the order of action.yml. */
export const outputs = [
  {
    name: 'outcome',
    description: 'planned, built, tested, prepared, installed, updated, unchanged or failed.',
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
  { name: 'phases', description: 'The phases that ran, as JSON: name, outcome, seconds.' },
  { name: 'host-keys', description: 'known_hosts lines of the new system.' },
  {
    name: 'age-public-keys',
    description:
      'age recipients of its ed25519 host keys, for sops-nix and agenix; RSA and ECDSA keys have none.',
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
    'result-file': resultFile,
  };
}
