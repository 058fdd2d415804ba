import { ConnectionError, TimeoutError } from '../errors';
import { type HostKey, sameKey } from '../ssh/host-keys';
import { stillTheOldBoot, type Target } from '../ssh/target';
import type { PhaseContext } from './context';
import { proveRunningSystem, recordProof } from './running-system';

/** So many refused logins until a system that is coming up is believed to refuse them for good. */
const refusedLogins = 3;

/**
 * Proves that the new system runs. After an install it shows the host key that it was given, from another boot than the
 * installer's, and its current system is the one that was installed.
 */
export async function verify(context: PhaseContext): Promise<void> {
  // an update brings no new boot and no new host keys
  if (context.plan.action === 'update') return proveRunningSystem(context, context.target.trust.accepted);
  const { target, settings, progress, runtime } = context;
  const installerKeys = target.trust.accepted;
  const expected = progress.expectedHostKeys;
  if (expected.length === 0)
    runtime.log.warning(
      'The configuration has no SSH host keys that are known before the reboot; those of the installer are expected.',
    );
  // for a moment the installer still answers; its keys are accepted so that its boot id can be seen
  target.moveTo({ trust: target.trust.pinnedTo([...expected, ...installerKeys]) });
  const newKeys = expected.length > 0 ? expected : installerKeys;
  try {
    const what = 'the reboot into the new system';
    await target.waitForBoot(context.facts.bootId, what, settings.deadlines.reboot.value, refusedLogins);
  } catch (error) {
    if (settings.verify.value === 'system' || !isLoginRefused(error)) throw explainSilence(error);
    checkHostKey(target, newKeys);
    acceptHostKey(context, newKeys);
    return;
  }
  checkHostKey(target, newKeys);
  await proveRunningSystem(context, newKeys);
}

function checkHostKey(target: Target, expected: readonly HostKey[]): void {
  const shown = target.trust.offered;
  if (shown !== undefined && expected.some((key) => sameKey(key, shown))) return;
  throw explainSilence(
    new ConnectionError(
      'host-key',
      `the new system does not show the host key that was made for it: ${target.trust.describeMismatch()}`,
    ),
  );
}

/**
 * The host key is proven before the login is refused, and the installer would not have refused it. A login that is
 * let in but runs nothing proves less: an installer that is going down does that too.
 */
function isLoginRefused(error: unknown): boolean {
  return error instanceof ConnectionError && error.reason === 'authentication';
}

function acceptHostKey(context: PhaseContext, keys: readonly HostKey[]): void {
  const { progress, runtime, settings } = context;
  const text =
    'the machine answers with the expected host key, but refuses the login: the running system was not compared';
  if (settings.verify.value === 'auto')
    runtime.log.warning(
      `Verified by host key only: ${text}. Does the configuration authorize the key for root?`,
    );
  else runtime.log.info(text);
  recordProof(context, 'host-key', keys);
  progress.targetState = 'booted';
}

function explainSilence(error: unknown): unknown {
  if (error instanceof ConnectionError && error.reason === 'host-key') {
    return new ConnectionError('host-key', error.message, {
      cause: error,
      hint: 'the new system does not show the host key that was put on its disk: does the configuration replace it at boot, or did another machine answer?',
    });
  }
  if (!(error instanceof TimeoutError)) return error;
  return new TimeoutError(error.message, {
    cause: error,
    hint: error.message.includes(stillTheOldBoot)
      ? 'the installer still answers: the machine did not reboot; look at its console'
      : 'the new system does not answer: look at its console (boot loader, disks, network, sshd)',
  });
}
