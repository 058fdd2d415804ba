import type { ImageFiles } from '../cache/image-cache';
import { GuardError } from '../errors';
import { parseFields } from '../plan/facts';
import { isIpv4Only, type LocatedImage, locateImage, nameImage } from '../plan/kexec-image';
import { bytesOf, withProgressLines } from '../progress-lines';
import { formatBytes } from '../report/quantities';
import type { RemoteResult, RunOptions } from '../ssh/running-script';
import { stage, unstage } from '../ssh/scripts';
import type { PhaseContext } from './context';
import { openImage, readError } from './image-stream';

/** Exit codes of stage.sh: the machine could not fetch the URL itself, or lacks the program that unpacks the image. */
const exitCodes = { cannotFetch: 80, cannotUnpack: 82 } as const;

/** What stage.sh says while something arrives. */
const arrivedForm = /^(\d{1,12}) KiB of the kexec image have arrived$/;

/** What came of bringing the image there. */
interface Staging {
  readonly code: number;
  readonly folder: string;
  /** Of the file as it was fetched, by whoever fetched it; undefined where it did not come to its end. */
  readonly sha256: string | undefined;
  readonly errorLines: readonly string[];
}

/**
 * Brings the kexec image to the target and unpacks it there: fetched by the target where it can, else taken from the cache
 * or fetched here, and streamed through this process, never held in it.
 *
 * @returns the folder on the target that holds kexec/run
 * @throws GuardError when it is not the image that kexec-sha256 asks for
 */
export async function stageKexecImage(context: PhaseContext, signal: AbortSignal): Promise<string> {
  const { settings, facts, progress, runtime } = context;
  const image = locateImage(settings.kexec.image.value, facts.architecture);
  if (image === undefined) throw new Error('the check of the plan makes sure that there is an image');
  promiseRemoval(context);
  const staging =
    image.kind === 'path' ? await send(context, signal, image) : await fetchThere(context, signal, image);
  const { code, folder, sha256, errorLines } = staging;
  checkHash(settings.kexec.sha256.value, staging, nameImage(image));
  if (code !== 0) throw stageError(errorLines);
  if (settings.kexec.sha256.value === undefined && sha256 !== undefined) {
    progress.kexecSha256 = sha256;
    runtime.log.info(`to accept no other kexec image than this one, set kexec-sha256: ${sha256}`);
  }
  return folder;
}

/** Before anything of it is used: what does not unpack may be another file altogether. */
function checkHash(expected: string | undefined, { sha256, code }: Staging, name: string): void {
  if (expected === undefined || sha256 === expected) return;
  // what ended before its end has its own reason
  if (sha256 === undefined && code !== 0) return;
  // what is not known is not what was asked for
  const found = sha256 === undefined ? 'could not be hashed as a whole' : `has the SHA-256 ${sha256}`;
  throw new GuardError(
    `the kexec image ${name} ${found}, but kexec-sha256 says ${expected}: nothing of it was started`,
    {
      hint: 'the image was replaced by another one, or damaged: if it is the one that you want, set kexec-sha256 to its hash',
    },
  );
}

async function fetchThere(
  context: PhaseContext,
  signal: AbortSignal,
  image: LocatedImage & { kind: 'url' },
): Promise<Staging> {
  const { log } = context.runtime;
  if (context.facts.ipv6Only && isIpv4Only(image)) {
    log.info('the machine has a way out by IPv6 alone, and GitHub none in: fetching the kexec image here');
    return fetchHere(context, signal, image);
  }
  log.info(`the target fetches the kexec image ${nameImage(image)}`);
  const mustTell = context.settings.kexec.sha256.value === undefined ? [] : ['sha256'];
  const result = await context.target.survivingDrops('fetching the kexec image', () =>
    stageFromThere(context, [image.url, ...mustTell], signal),
  );
  const reason = result.errorLines.at(-1) ?? 'no reason given';
  switch (result.code) {
    case exitCodes.cannotFetch:
      log.info(`it cannot (${reason}); fetching it here and sending it on`);
      return fetchHere(context, signal, image);
    case exitCodes.cannotUnpack:
      log.info(`it cannot (${reason}); fetching and unpacking it here`);
      return fetchHere(context, signal, image, { unpacked: true });
    default:
      return stagingOf(result);
  }
}

/** The machine tells how much of the image lies there, which has mostly passed through a network and a decompressor. */
function stageFromThere(
  context: PhaseContext,
  args: readonly string[],
  signal: AbortSignal,
): Promise<RemoteResult> {
  let bytes = 0;
  const read = () => ({ done: `${formatBytes(bytes)} unpacked`, bytes });
  return withProgressLines(context.runtime, 'the target fetches the kexec image', read, () =>
    runStage(context, args, signal, {}, (now) => {
      bytes = now;
    }),
  );
}

/** Where it is on its way from here. */
interface Sending extends ImageFiles {
  /** Whether its compression is undone here. */
  readonly unpacked?: boolean;
}

/** What the cache has is not fetched. */
function fetchHere(
  context: PhaseContext,
  signal: AbortSignal,
  image: LocatedImage,
  sending: Sending = {},
): Promise<Staging> {
  const { cache, settings } = context;
  return cache.images.around(settings.kexec.sha256.value, signal, (files) =>
    send(context, signal, image, { ...sending, ...files }),
  );
}

async function send(
  context: PhaseContext,
  signal: AbortSignal,
  image: LocatedImage,
  sending: Sending = {},
): Promise<Staging> {
  const { target, runtime } = context;
  const start = runtime.clock.now();
  const { bytes, ...staging } = await target.survivingDrops('sending the kexec image', () =>
    sendOnce(context, signal, image, sending),
  );
  if (staging.code === exitCodes.cannotUnpack && sending.unpacked !== true) {
    runtime.log.info(`${staging.errorLines.at(-1)}; unpacking the image here`);
    return send(context, signal, image, { ...sending, unpacked: true });
  }
  if (staging.code === 0) {
    const seconds = ((runtime.clock.now() - start) / 1000).toFixed(1);
    runtime.log.info(
      `sent and unpacked ${nameImage(image)} (${(bytes / 1e6).toFixed(1)} MB) in ${seconds} s`,
    );
  }
  return staging;
}

async function sendOnce(
  context: PhaseContext,
  signal: AbortSignal,
  image: LocatedImage,
  { file, ...options }: Sending,
): Promise<Staging & { readonly bytes: number }> {
  const source: LocatedImage = file === undefined ? image : { kind: 'path', path: file };
  const { stream, sha256, bytes, total } = await openImage(source, options, context.runtime, signal);
  const what =
    source.kind === 'url' ? 'fetching the kexec image and sending it on' : 'sending the kexec image';
  const read = () => ({ done: bytesOf(bytes(), total), bytes: bytes() });
  const broken = new AbortController();
  // without a listener node would end the process, and the machine would wait for the rest
  stream.on('error', (error) => broken.abort(readError(source, error)));
  try {
    const until = AbortSignal.any([signal, broken.signal]);
    const result = await withProgressLines(context.runtime, what, read, () =>
      runStage(context, [], until, { stdin: stream }),
    );
    return { ...stagingOf(result), sha256: sha256(), bytes: bytes() };
  } finally {
    stream.destroy();
  }
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
  input: Pick<RunOptions, 'stdin'> = {},
  onArrived: (bytes: number) => void = () => undefined,
): Promise<RemoteResult> {
  await target.run(unstage, [], { privileged: true, signal });
  const onErrorLine = (line: string) => {
    const [, arrived] = arrivedForm.exec(line) ?? [];
    if (arrived === undefined) runtime.log.foreign('target', line);
    else onArrived(Number(arrived) * 1024);
  };
  return target.run(stage, args, { privileged: true, anyExitCode: true, onErrorLine, signal, ...input });
}

function stagingOf({ code, stdout, errorLines }: RemoteResult): Staging {
  const fields = new Map(parseFields(stdout));
  return { code, folder: fields.get('folder') ?? '', sha256: fields.get('sha256'), errorLines };
}

function stageError(errorLines: readonly string[]): GuardError {
  return new GuardError(errorLines.at(-1) ?? 'the kexec image could not be unpacked', {
    lastLines: errorLines,
  });
}
