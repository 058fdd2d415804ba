import { ConnectionError, GuardError, TimeoutError } from '../errors';
import { mebibytes } from '../plan/checks';
import { gatherFacts } from '../plan/facts';
import { execScript, runDetachedOnce } from '../ssh/detached';
import * as scripts from '../ssh/scripts';
import { stillTheOldBoot } from '../ssh/target';
import type { PhaseContext } from './context';

/** So many refused logins until the installer is believed to refuse: while it comes up it may not know its keys yet. */
const refusedLogins = 10;

/** Jumps into the installer, and makes sure that it is the installer that answers. */
export async function kexec(context: PhaseContext): Promise<void> {
  const { stagedImage, runtime } = context;
  if (stagedImage === undefined) {
    throw new Error('the kexec phase needs the image that the build phase stages');
  }
  await authorizeKey(context);
  try {
    await startKexec(context, stagedImage);
    await awaitInstaller(context);
  } catch (error) {
    throw explainSilence(error);
  }
  const { distribution, memoryKiB } = context.facts;
  runtime.log.info(`the installer answers: ${distribution}, ${mebibytes(memoryKiB)} MiB of memory`);
}

async function awaitInstaller(context: PhaseContext): Promise<void> {
  const { target, settings, progress, facts } = context;
  const what = 'the jump into the installer';
  const { clock } = context.runtime;
  const end = clock.now() + settings.deadlines.kexec.value;
  const left = () => Math.max(end - clock.now(), 1);
  await target.waitUntilGone(facts.bootId, what, left());
  progress.targetState = 'installer';
  const { host } = target.endpoint;
  // only root is let in by the installer
  target.moveTo({ endpoint: { host, port: settings.postKexecSshPort.value, user: 'root' } });
  target.privilege = 'none';
  await target.waitForBoot(facts.bootId, what, left(), refusedLogins);
  context.facts = await gatherFacts(target);
  if (context.facts.isInstaller) return;
  progress.targetState = 'untouched';
  throw new GuardError(
    `the machine came back with ${context.facts.distribution} instead of the installer: kexec fell back to a normal boot`,
    {
      hint: 'look at the machine’s console during the kexec; other causes: too little memory, a kernel that cannot kexec on this hardware',
    },
  );
}

/**
 * Lets our key in to root's account where the kexec image would not take it along otherwise. It is taken away again if
 * the machine does not jump.
 */
async function authorizeKey({ plan, target, settings, facts, cleanUp }: PhaseContext): Promise<void> {
  if (!plan.authorizeKey) return;
  const { type, base64 } = settings.publicKey;
  const line = `${type} ${base64} nixos-anywhere-action (added for this installation)`;
  cleanUp.leave({
    what: "The public key that was added to root's authorized_keys",
    bootId: facts.bootId,
    remove: (signal) => target.run(scripts.deauthorize, [line], { privileged: true, signal }),
  });
  await target.run(scripts.authorize, [line], { privileged: true });
}

async function startKexec({ target, settings, runtime }: PhaseContext, image: string): Promise<void> {
  const work = {
    name: 'kexec',
    script: execScript(`${image}/kexec/run`),
    args: [],
    idleMs: settings.deadlines.idle.value,
    onLine: (line: string) => runtime.log.foreign('target', line),
  };
  try {
    await runDetachedOnce(target, work);
  } catch (error) {
    // the jump may come before the answer does
    if (error instanceof ConnectionError && error.reason === 'dropped') return;
    const { stdout } = await target.run(scripts.kernelLog, [], { privileged: true });
    for (const line of stdout.split('\n')) runtime.log.foreign('kernel', line);
    throw error;
  }
}

function explainSilence(error: unknown): unknown {
  if (!(error instanceof TimeoutError)) return error;
  const stillOld = error.message.includes(stillTheOldBoot);
  return new TimeoutError(error.message, {
    cause: error,
    hint: stillOld
      ? 'the old system still runs: kexec did not jump; look at the machine’s console and its kernel log'
      : 'the machine does not answer: look at its console; it may have another address or port after kexec (post-kexec-ssh-port)',
  });
}
