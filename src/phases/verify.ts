import { ConnectionError, GuardError, RemoteCommandError, TimeoutError } from '../errors';
import { type AccessAfterwards, accessAfterwards, pinnedAfterwards } from '../plan/access-afterwards';
import { loginAfterwards } from '../plan/logins';
import { type HostKey, sameKey } from '../ssh/host-keys';
import { type AboutConnection, stillTheOldBoot, type Target } from '../ssh/target';
import type { PhaseContext } from './context';
import { InitrdWatch, initrdSshOf, Locked } from './initrd';
import { proveRunningSystem, recordHostKeys, recordProof } from './running-system';
import { verifyUpdate } from './verify-update';

/** So many refused logins until a system that is coming up is believed to refuse them for good. */
const refusedLogins = 3;
const what = 'the reboot into the new system';

/** The host keys that tell who answers after the reboot. */
interface Keys {
  /** Those of the new system. */
  readonly expected: readonly HostKey[];
  /** Those of the installer, which are mostly those of the system before it. */
  readonly installer: readonly HostKey[];
  readonly revoked: readonly HostKey[];
}

/**
 * Proves that the new system runs. After an install it shows the host key that it was given, from another boot than the
 * installer's, and its current system is the one that was installed.
 */
export async function verify(context: PhaseContext): Promise<void> {
  const { settings, evaluation, progress, runtime } = context;
  if (context.plan.action !== 'install') return verifyUpdate(context);
  const access = accessAfterwards(settings, evaluation);
  const keys = keysOf(context, access);
  if (keys.expected.length === 0) return notVerifiable(context);
  try {
    await awaitNewSystem(context, access, keys);
  } catch (error) {
    if (!(error instanceof Locked)) throw explainSilence(error, context);
    recordHostKeys(context, access.endpoint, keys.expected);
    runtime.log.warning(
      `Not verified: the new system boots, but waits in its initrd for a disk's passphrase on port ${initrdSshOf(evaluation).port}. Somebody must unlock it.`,
    );
    progress.verified = 'none';
  }
}

function keysOf(context: PhaseContext, access: AccessAfterwards): Keys {
  const { target, settings, progress, plan } = context;
  const installer = target.trust.accepted;
  const pinned = pinnedAfterwards(settings, access.endpoint);
  if (pinned !== undefined) return { expected: pinned.accepted, revoked: pinned.revoked, installer };
  // what was not installed by this run comes back with the keys that it has
  const asBefore =
    !plan.phases.includes('install') || (settings.copyHostKeys.value && !progress.expectedHostKeys.length);
  return { expected: asBefore ? installer : progress.expectedHostKeys, revoked: [], installer };
}

function notVerifiable({ settings, runtime }: PhaseContext): void {
  const level = settings.verify.value;
  const text = 'no host key of the new system was known before its boot';
  const hint = 'give its keys as post-install-known-hosts';
  if (level !== 'auto') throw new GuardError(`the new system cannot be recognised: ${text}`, { hint });
  runtime.log.warning(`Not verified: ${text}; to have it verified, ${hint}.`);
}

async function awaitNewSystem(context: PhaseContext, access: AccessAfterwards, keys: Keys): Promise<void> {
  const { target, settings, runtime, facts } = context;
  const end = runtime.clock.now() + settings.deadlines.reboot.value;
  const left = () => Math.max(end - runtime.clock.now(), 1);
  const { endpoint, trust, login } = target;
  const before = { endpoint, trust, login };
  // the old keys are accepted where they may be met: so a machine that came back with its old system is recognised
  const accepted = access.sameHost ? [...keys.expected, ...keys.installer] : keys.expected;
  const after = {
    endpoint: access.endpoint,
    trust: target.trust.pinnedTo(accepted, keys.revoked),
    login: loginAfterwards(settings),
  };
  for (;;) {
    target.moveTo(before);
    // it lets in nobody but root, and its refusal must not be taken for the new system's
    await target.waitUntilGone(facts.bootId, what, left());
    target.moveTo(after);
    const refusal = await firstAnswer(context, keys, left);
    if (refusal === undefined) return proveRunningSystem(context, keys.expected);
    // what looked gone may have been out of reach for a moment, and its key does not tell it from the new system
    if (
      !showsOneOf(target, keys.installer) ||
      (await target.isAnotherBoot(facts.bootId, { user: endpoint.user, login }, runtime.signal))
    )
      return acceptHostKey(context, refusal, keys);
  }
}

/**
 * Waits until another boot lets us in, or whoever shows the expected host key does not.
 *
 * @returns how that refused, if so
 */
async function firstAnswer(context: PhaseContext, keys: Keys, left: () => number): Promise<unknown> {
  const { target, facts } = context;
  const initrd = new InitrdWatch(context, [...keys.expected, ...keys.installer]);
  const recognise = async (error: AboutConnection, signal: AbortSignal) =>
    showsOneOf(target, keys.installer) && isAboutHostKey(error)
      ? 'the installer’s host key at the new system’s address'
      : initrd.recognise(error, signal);
  do {
    try {
      await target.waitForBoot(facts.bootId, what, left(), refusedLogins, recognise);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      checkHostKey(target, keys.expected);
      return error;
    }
    checkHostKey(target, keys.expected);
  } while (await initrd.isStillThere());
  return undefined;
}

function isAboutHostKey(error: unknown): boolean {
  return error instanceof ConnectionError && error.reason === 'host-key';
}

/** The host key is proven before a login is refused, or let in to run nothing. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof RemoteCommandError ||
    (error instanceof ConnectionError && error.reason === 'authentication')
  );
}

function showsOneOf({ trust }: Target, keys: readonly HostKey[]): boolean {
  const shown = trust.offered;
  return shown !== undefined && keys.some((key) => sameKey(key, shown));
}

function checkHostKey(target: Target, expected: readonly HostKey[]): void {
  if (showsOneOf(target, expected)) return;
  throw new ConnectionError(
    'host-key',
    `the new system does not show the host key that was made for it: ${target.trust.describeMismatch()}`,
  );
}

/**
 * The expected key answers, and lets nobody in. A key that the installer has as well proves less where the login is not
 * refused but runs nothing: an installer that is going down does that too.
 */
function acceptHostKey(context: PhaseContext, error: unknown, { expected, installer }: Keys): void {
  const { progress, runtime, settings, target } = context;
  const level = settings.verify.value;
  if (level === 'system' || (error instanceof RemoteCommandError && showsOneOf(target, installer)))
    throw error;
  const { user } = target.endpoint;
  const keyIsKnown = settings.postInstall.privateKey !== undefined || settings.login.keyIsGiven;
  const advice = keyIsKnown
    ? `Does the configuration authorize the key for ${user}?`
    : 'To have it compared, give post-install-ssh-private-key.';
  const text = `the machine answers with the expected host key, but does not let ${user} in: the running system was not compared`;
  if (level === 'auto') runtime.log.warning(`Verified by host key only: ${text}. ${advice}`);
  else runtime.log.info(text);
  recordProof(context, 'host-key', expected);
  progress.targetState = 'booted';
}

function explainSilence(error: unknown, { progress, evaluation, target, settings }: PhaseContext): unknown {
  if (error instanceof ConnectionError && error.reason === 'host-key')
    return new ConnectionError('host-key', error.message, {
      cause: error,
      hint: otherKeyHint(initrdSshOf(evaluation).enabled),
    });
  if (isRefusal(error) && error instanceof Error && settings.verify.value === 'system') {
    return new ConnectionError('authentication', error.message, {
      cause: error,
      hint: 'the new system shows the expected host key, but its login fails: does the configuration authorize the key (post-install-ssh-user, post-install-ssh-private-key)? verify: host-key is content without a login',
    });
  }
  if (!(error instanceof TimeoutError)) return error;
  return new TimeoutError(error.message, {
    cause: error,
    hint: silenceHint(
      error.message,
      progress.targetState === 'unlocking',
      target,
      initrdSshOf(evaluation).port,
    ),
  });
}

function otherKeyHint(initrdAnswers: boolean): string {
  const initrd = initrdAnswers
    ? ' Or is it its initrd that answers, with keys that were not found on the new disks (boot.initrd.network.ssh.hostKeys)? Then give it a port of its own.'
    : '';
  return `the new system does not show the host key that was put on its disk: does the configuration replace it at boot, or did another machine answer?${initrd}`;
}

function silenceHint(message: string, isLocked: boolean, { endpoint }: Target, initrdPort: number): string {
  if (isLocked)
    return `nobody has entered the disk's passphrase in time: ssh -p ${initrdPort} root@${endpoint.host}; with verify: auto a system that waits for it is good enough`;
  return message.includes(stillTheOldBoot)
    ? 'the installer still answers: the machine did not reboot; look at its console'
    : 'the new system does not answer: look at its console (boot loader, disks, network, sshd), and whether it is reached elsewhere (post-install-ssh-host, post-install-ssh-port)';
}
