import { ConnectionError, GuardError, TimeoutError } from '../errors';
import { gatherFacts } from '../plan/facts';
import { execScript, runDetachedOnce } from '../ssh/detached';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';

/** Jumps into the installer, and makes sure that it is the installer that answers. */
export async function kexec(context: PhaseContext): Promise<void> {
  const { target, settings, runtime, progress, stagedImage } = context;
  if (stagedImage === undefined)
    throw new Error('the kexec phase needs the image that the build phase stages');
  const removeKey = await authorizeKey(context);
  const previousBootId = context.facts.bootId;
  try {
    await startKexec(context, stagedImage);
  } catch (error) {
    await removeKey();
    throw error;
  }
  progress.targetState = 'installer';
  const { host } = target.endpoint;
  target.moveTo({ endpoint: { host, port: settings.postKexecSshPort.value, user: 'root' } });
  target.privilege = 'none';
  const what = 'the jump into the installer';
  await target.waitForBoot(previousBootId, what, settings.deadlines.kexec.value).catch((error: unknown) => {
    throw explainSilence(error);
  });
  context.facts = await gatherFacts(target);
  if (!context.facts.isInstaller) {
    progress.targetState = 'untouched';
    throw new GuardError(
      `the machine came back with ${context.facts.distribution} instead of the installer: kexec fell back to a normal boot`,
      {
        hint: 'look at the machine’s console during the kexec; other causes: too little memory, a kernel that cannot kexec on this hardware',
      },
    );
  }
  runtime.log.info(
    `the installer answers: ${context.facts.distribution}, ${Math.floor(context.facts.memoryKiB / 1024)} MiB of memory`,
  );
}

/** @returns what takes the key away again */
async function authorizeKey({ plan, target, settings }: PhaseContext): Promise<() => Promise<void>> {
  if (!plan.authorizeKey) return async () => undefined;
  const { type, base64 } = settings.publicKey;
  const line = `${type} ${base64} nixos-anywhere-action (added for this installation)`;
  await target.run(scripts.authorize, [line], { privileged: true });
  return async () => {
    await target.run(scripts.deauthorize, [line], { privileged: true });
  };
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
  const stillOld = /still the old boot/.test(error.message);
  return new TimeoutError(error.message, {
    cause: error,
    hint: stillOld
      ? 'the old system still runs: kexec did not jump; look at the machine’s console and its kernel log'
      : 'the machine does not answer: look at its console; it may have another address or port after kexec (post-kexec-ssh-port)',
  });
}
