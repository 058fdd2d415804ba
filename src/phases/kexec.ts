import { ConnectionError, errorMessage, GuardError, RemoteCommandError, TimeoutError } from '../errors';
import { mebibytes } from '../plan/checks';
import { addedKeyComment, gatherFacts } from '../plan/facts';
import { installerEndpoint, trustOfInstaller } from '../plan/installer-access';
import { loginOfEarlierInstaller, loginOfInstaller } from '../plan/logins';
import { planDigest } from '../plan/plan';
import { execScript, runDetachedToTheEnd } from '../ssh/detached';
import { quote } from '../ssh/quote';
import * as scripts from '../ssh/scripts';
import { stillTheOldBoot } from '../ssh/target';
import { recordApproval } from './approval';
import type { PhaseContext } from './context';
import { takeOver } from './take-over';

/** So many refused logins until the installer is believed to refuse: while it comes up it may not know its keys yet. */
const refusedLogins = 10;
/** The detached work, and what goes on when this run stops while the machine jumps. */
const kexecWork = 'kexec';

/** Jumps into the installer, and makes sure that it is the installer that answers. */
export async function kexec(context: PhaseContext): Promise<void> {
  const { stagedImage, runtime, lease, plan } = context;
  if (stagedImage === undefined) {
    throw new Error('the kexec phase needs the image that the build phase stages');
  }
  const withdrawKey = await authorizeKey(context);
  if (context.facts.isInstaller) await releaseDisks(context);
  // after a jump that came at once whoever answers is the installer, which needs the key
  if ((await startKexec(context, stagedImage)) === 'to come') await withdrawKey();
  await jump(context);
  await lease.take(context.facts.bootId, 'kexec', planDigest(plan));
  await recordApproval(context);
  // while nobody had the lease another run may have begun, and been cut off
  await takeOver(context);
  // from here a run that is cut off is completed by the next one, whatever that finds on the disks; not one that was to end
  // here, after which the disks still hold what they held
  if (plan.phases.includes('disko'))
    await context.target.run(scripts.installing, ['yes'], { privileged: true });
  const { distribution, memoryKiB } = context.facts;
  runtime.log.info(`the installer answers: ${distribution}, ${mebibytes(memoryKiB)} MiB of memory`);
}

/** What an installer has mounted would be left as after a power cut. */
async function releaseDisks({ target, runtime }: PhaseContext): Promise<void> {
  const { stdout } = await target.run(scripts.releaseDisks, [], { privileged: true });
  const busy = stdout.trim().split('\n').join(', ');
  if (busy !== '')
    runtime.log.warning(
      `Still in use when the installer is left: ${busy}. File systems there will be as after a power cut.`,
    );
}

/** The lease ends with the old system; should that not go down, it is still ours. */
async function jump(context: PhaseContext): Promise<void> {
  const { lease, progress } = context;
  lease.end();
  try {
    await awaitInstaller(context);
    progress.goesOn = undefined;
  } catch (error) {
    if (isStillTheOldBoot(error)) {
      progress.goesOn = undefined;
      lease.resume();
    }
    throw explainJump(error);
  }
}

async function awaitInstaller(context: PhaseContext): Promise<void> {
  const { target, settings, progress, facts } = context;
  const what = 'the jump into the installer';
  const { clock } = context.runtime;
  const end = clock.now() + settings.deadlines.kexec.value;
  const left = () => Math.max(end - clock.now(), 1);
  await target.waitUntilGone(facts.bootId, what, left());
  target.moveTo({
    endpoint: installerEndpoint(settings),
    login: loginOfInstaller(settings),
    trust: trustOfInstaller(settings, target.trust),
  });
  await target.waitForBoot(facts.bootId, what, left(), refusedLogins);
  context.facts = await gatherFacts(target);
  target.privilege = context.facts.privilege ?? 'none';
  if (context.facts.isInstaller) {
    progress.targetState = 'installer';
    return checkBecomesRoot(context);
  }
  throw new GuardError(
    `the machine came back with ${context.facts.distribution} instead of the installer: kexec fell back to a normal boot`,
    {
      hint: 'look at the machine’s console during the kexec; other causes: too little memory, a kernel that cannot kexec on this hardware',
    },
  );
}

function checkBecomesRoot({ facts, target }: PhaseContext): void {
  if (facts.privilege !== undefined) return;
  throw new GuardError(
    `the installer lets in ${target.endpoint.user}, who is not root and cannot become root without a password`,
    {
      hint: 'leave out post-kexec-ssh-user, to log in as root; or use an image in which that user may run sudo or doas without a password',
    },
  );
}

/** How long it may take to withdraw the key in the seconds before the jump. */
const withdrawMs = 4000;

/**
 * Lets our key in to root's account where the kexec image would not take it along otherwise. It is taken away again if
 * the machine does not jump.
 *
 * @returns what takes it away once the image has it, if the jump leaves the time: the old disk shall not keep it
 */
async function authorizeKey(context: PhaseContext): Promise<() => Promise<void>> {
  const { plan, target, settings, facts, cleanUp, progress } = context;
  if (!plan.authorizeKey) return async () => undefined;
  const { type, base64 } = settings.login.publicKey;
  const line = `${type} ${base64} ${addedKeyComment}`;
  const remove = (signal: AbortSignal) =>
    target.run(scripts.deauthorize, [addedKeyComment], { privileged: true, signal });
  const forget = cleanUp.leave({
    what: "The public key that was added to root's authorized_keys",
    bootId: facts.bootId,
    needed: () => progress.goesOn === kexecWork,
    remove,
  });
  await target.run(scripts.authorize, [line], { privileged: true });
  return () =>
    remove(AbortSignal.any([context.runtime.signal, AbortSignal.timeout(withdrawMs)])).then(
      forget,
      (error: unknown) => context.runtime.log.debug(`the key stays on the old disk: ${errorMessage(error)}`),
    );
}

/**
 * The image's contract: all flags in one word. The run script of nixos-images hands it to a shell, others split it at
 * blanks: only words with which that makes a difference are quoted.
 */
export function flagsInOneWord(flags: readonly string[]): string {
  return flags.map((flag) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(flag) ? flag : quote(flag))).join(' ');
}

/** @returns whether the jump is to come, some seconds from now, or came at once */
async function startKexec(
  { target, settings, runtime, progress, facts, plan }: PhaseContext,
  image: string,
): Promise<'to come' | 'came'> {
  const flags = plan.kexec?.extraFlags ?? [];
  const work = {
    name: kexecWork,
    script: execScript(`${image}/kexec/run`),
    args: flags.length === 0 ? [] : ['--kexec-extra-flags', flagsInOneWord(flags)],
    idleMs: settings.deadlines.idle.value,
    onLine: (line: string) => runtime.log.foreign('target', line),
  };
  progress.goesOn = kexecWork;
  progress.keyIsLost = loginOfEarlierInstaller(settings) === undefined;
  try {
    await runDetachedToTheEnd(target, work, facts.bootId);
    return 'to come';
  } catch (error) {
    // the jump may come before the answer does
    if (error instanceof ConnectionError && error.reason === 'dropped') return 'came';
    if (error instanceof RemoteCommandError) progress.goesOn = undefined;
    const { stdout } = await target.run(scripts.kernelLog, [], { privileged: true });
    for (const line of stdout.split('\n')) runtime.log.foreign('kernel', line);
    throw error;
  }
}

function isStillTheOldBoot(error: unknown): error is TimeoutError {
  return error instanceof TimeoutError && error.message.includes(stillTheOldBoot);
}

/** What it means that no installer answers, or another one than was started. */
function explainJump(error: unknown): unknown {
  if (error instanceof ConnectionError && error.reason === 'host-key') {
    return new ConnectionError('host-key', error.message, {
      cause: error,
      hint: 'either the kexec image did not take the machine’s host keys along, or another machine answers; nothing was sent there: look at the machine’s console, and use an image laid out as those of nixos-images',
    });
  }
  if (error instanceof ConnectionError && error.reason === 'authentication') {
    return new ConnectionError('authentication', error.message, {
      cause: error,
      hint: 'the kexec image did not take the key along, or it lets in somebody else (post-kexec-ssh-user): look at the machine’s console, and use an image laid out as those of nixos-images',
    });
  }
  if (!(error instanceof TimeoutError)) return error;
  return new TimeoutError(error.message, {
    cause: error,
    hint: isStillTheOldBoot(error)
      ? 'the old system still runs: kexec did not jump; look at the machine’s console and its kernel log'
      : 'the machine does not answer: look at its console; its address may have changed with the kexec, or its port (post-kexec-ssh-host, post-kexec-ssh-port)',
  });
}
