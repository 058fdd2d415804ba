import { GuardError } from '../errors';
import { systemPathOf } from '../plan/evaluation';
import { parseFields } from '../plan/facts';
import { ageRecipient } from '../ssh/age-recipient';
import type { Endpoint } from '../ssh/connection';
import { type HostKey, knownHostsLine } from '../ssh/host-keys';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';
import { reportFailedUnits } from './failed-units';

/**
 * Asks the machine, as someone who is logged in, which system runs.
 *
 * @throws GuardError when it is not the one that was brought there
 */
export async function proveRunningSystem(context: PhaseContext, keys: readonly HostKey[]): Promise<void> {
  const { target, evaluation, runtime, progress, plan } = context;
  const { stdout } = await target.run(scripts.identity, []);
  const identity = new Map(parseFields(stdout));
  const running = identity.get('systemPath') ?? '';
  const expected = systemPathOf(evaluation);
  if (running !== expected) {
    const found = running || 'a system without /run/current-system';
    throw plan.action === 'install'
      ? new GuardError(`the machine booted ${found}, not ${expected}`, {
          hint: 'its firmware may prefer another disk or boot entry: look at the boot order',
        })
      : new GuardError(`the machine runs ${found}, not ${expected}`, {
          hint: 'the switch did not take effect, or somebody else switched the machine at the same time: run again',
        });
  }
  progress.targetState = 'booted';
  recordProof(context, 'system', keys);
  progress.systemPath = running;
  runtime.log.info(`${identity.get('hostName') ?? 'the machine'} runs ${running}`);
  await reportFailedUnits(context);
}

/** @param keys the host keys that the machine is known to have now */
export function recordProof(
  context: PhaseContext,
  level: 'system' | 'host-key',
  keys: readonly HostKey[],
): void {
  context.progress.verified = level;
  recordHostKeys(context, context.target.endpoint, keys);
}

/** The host keys of the new system, for whoever connects to it next. */
export function recordHostKeys(
  { progress }: PhaseContext,
  { host, port }: Endpoint,
  keys: readonly HostKey[],
): void {
  progress.hostKeyLines = keys.map((key) => knownHostsLine(host, port, key));
  progress.agePublicKeys = keys.map(ageRecipient).filter((recipient) => recipient !== undefined);
}
