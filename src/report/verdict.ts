import type { Outcome, Result, Verified } from './result';

const titles: Record<Outcome, string> = {
  listed: '📋 Hosts listed',
  gathered: '📋 Results gathered',
  planned: '📋 Planned',
  built: '✅ Built, no machine contacted',
  tested: '✅ VM test passed',
  prepared: '✅ Prepared, not installed',
  installed: '✅ NixOS installed',
  updated: '✅ NixOS updated',
  unchanged: '✅ Nothing to do',
  failed: '❌ Installation failed',
};

/** What was seen of the new system. */
export const proofs: Record<Verified, string> = {
  system: 'logged in: the running system is the one of the configuration',
  'host-key': 'the expected host key answers; the running system was not compared',
  none: 'not verified',
};

/** What came of a run, in a few words: log and summary say the same. */
export function verdictOf({ outcome, failure, plan }: Result): string {
  if (failure?.kind === 'cancelled') return '🛑 Cancelled';
  if (outcome === 'failed' && (plan?.offline.vmTest ?? null) !== null) return '❌ VM test failed';
  const updating = plan !== null && plan.online !== null && plan.action === 'update';
  return outcome === 'failed' && updating ? '❌ Update failed' : titles[outcome];
}

/** The machine, or what there is instead of one. */
export function subjectOf({ target, plan }: Result): string {
  return target || plan?.offline.hostName || 'no target';
}
