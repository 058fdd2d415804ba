import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { ConnectionError, errorMessage, GuardError } from '../errors';
import { locateImage, nameImage } from '../plan/kexec-image';
import type { RemoteResult } from '../ssh/running-script';
import { stage, unstage } from '../ssh/scripts';
import type { PhaseContext } from './context';

/** Exit code of stage.sh: the machine could not fetch the URL itself. */
const cannotFetch = 80;

/**
 * Brings the kexec image to the target and unpacks it there: fetched by the target where it can, else streamed
 * through this process, never held in it.
 *
 * @returns the folder on the target that holds kexec/run
 */
export async function stageKexecImage(context: PhaseContext, signal: AbortSignal): Promise<string> {
  const image = locateImage(context.settings.kexec.value, context.facts.architecture);
  if (image === undefined) throw new Error('the check of the plan makes sure that there is an image');
  const { log } = context.runtime;
  promiseRemoval(context);
  if (image.kind === 'path')
    return upload(context, signal, image.path, () => Promise.resolve(createReadStream(image.path)));
  // its tokens, if it has any, are for no log
  const name = nameImage(image);
  log.info(`the target fetches the kexec image ${name}`);
  const result = await context.target.survivingDrops('fetching the kexec image', () =>
    runStage(context, [image.url], signal),
  );
  if (result.code === 0) return result.stdout.trim();
  if (result.code !== cannotFetch) throw stageError(result.errorLines);
  log.info(
    `it cannot (${result.errorLines.at(-1) ?? 'no reason given'}); fetching it here and sending it on`,
  );
  return upload(context, signal, name, () => download(image.url, name, signal));
}

async function upload(
  context: PhaseContext,
  signal: AbortSignal,
  name: string,
  open: () => Promise<Readable>,
): Promise<string> {
  const { target, runtime } = context;
  const start = runtime.clock.now();
  const result = await target.survivingDrops('sending the kexec image', async () => {
    const stdin = await open();
    const broken = new AbortController();
    // without a listener node would end the process, and the machine would wait for the rest
    stdin.on('error', (error) => broken.abort(readError(name, error)));
    try {
      return await runStage(context, [], AbortSignal.any([signal, broken.signal]), stdin);
    } finally {
      stdin.destroy();
    }
  });
  if (result.code !== 0) throw stageError(result.errorLines);
  const size = await stat(name).then(
    (file) => ` (${(file.size / 1e6).toFixed(1)} MB)`,
    () => '',
  );
  runtime.log.info(
    `sent and unpacked ${name}${size} in ${((runtime.clock.now() - start) / 1000).toFixed(1)} s`,
  );
  return result.stdout.trim();
}

/** Tens of megabytes, which nobody needs when the machine does not jump. */
function promiseRemoval({ cleanUp, target, facts, progress }: PhaseContext): void {
  cleanUp.leave({
    what: 'The kexec image',
    bootId: facts.bootId,
    needed: () => progress.goesOn !== undefined,
    remove: (signal) => target.run(unstage, [], { privileged: true, signal }),
  });
}

/** Stages once what earlier attempts, or runs that were cut off, have begun is ended. */
async function runStage(
  { target, runtime }: PhaseContext,
  args: readonly string[],
  signal: AbortSignal,
  stdin?: Readable,
): Promise<RemoteResult> {
  await target.run(unstage, [], { privileged: true, signal });
  const onErrorLine = (line: string) => runtime.log.foreign('target', line);
  return target.run(stage, args, {
    privileged: true,
    anyExitCode: true,
    onErrorLine,
    signal,
    ...(stdin === undefined ? {} : { stdin }),
  });
}

async function download(url: string, name: string, signal: AbortSignal): Promise<Readable> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    throw new ConnectionError(
      'unreachable',
      `fetching the kexec image ${name} failed: ${errorMessage(error).replaceAll(url, name)}`,
      { cause: error },
    );
  });
  if (!response.ok || response.body === null) {
    throw new ConnectionError(
      'unreachable',
      `fetching the kexec image ${name} failed: HTTP ${response.status} ${response.statusText}`,
      {
        hint: 'check the input kexec',
      },
    );
  }
  return Readable.fromWeb(response.body as ReadableStream);
}

/** The image ended before its end. */
function readError(name: string, error: Error): ConnectionError | GuardError {
  return /^https?:/i.test(name)
    ? new ConnectionError('unreachable', `fetching the kexec image ${name} broke off: ${error.message}`, {
        cause: error,
      })
    : new GuardError(`the kexec image ${name} could not be read: ${error.message}`, { cause: error });
}

function stageError(errorLines: readonly string[]): GuardError {
  return new GuardError(errorLines.at(-1) ?? 'the kexec image could not be unpacked', {
    lastLines: errorLines,
  });
}
