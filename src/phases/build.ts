import type { CachedBuild } from '../cache/closure-cache';
import { sideBySide } from '../deadlines';
import { BuildRecord } from '../nix/build-record';
import type { BuildOptions } from '../nix/options';
import { buildSystemOf, installable } from '../plan/evaluation';
import { derivationsOf } from '../plan/work';
import { counted } from '../report/quantities';
import type { PhaseContext, Tools } from './context';
import { stageKexecImage } from './kexec-image';
import { takeOver } from './take-over';

/** Builds what will be installed and, at the same time, gets the target ready for it. */
export async function build(context: PhaseContext): Promise<void> {
  await sideBySide(
    context.runtime.signal,
    (signal) => buildHere(context, signal, context.plan.phases.includes('hardware-config')),
    (signal) => prepareTarget(context, signal),
  );
}

/** What is built on the machine is built when its store is there: in the installer, or right before it is switched. */
export async function buildHere(
  context: PhaseContext,
  signal: AbortSignal,
  mayBuildAgain = false,
): Promise<void> {
  const { plan, evaluation, runtime } = context;
  const wanted = derivationsOf(plan.phases, evaluation);
  if (plan.offline.provisional) {
    runtime.log.info('what is to be built is known when the machine has described itself');
    return;
  }
  const system = buildSystemOf(evaluation);
  if (plan.offline.buildOn === 'local')
    return buildClosures({ wanted, system, mayBuildAgain }, context, signal);
  if (wanted.length > 0) runtime.log.info(`${evaluation.buildSystem} is built on the machine itself, later`);
}

/** Makes sure that nothing of an earlier run is at work there, and brings the kexec image to a running system. */
async function prepareTarget(context: PhaseContext, signal: AbortSignal): Promise<void> {
  await takeOver(context, signal);
  if (!context.plan.phases.includes('kexec')) return;
  context.stagedImage = await context.progress.activity('kexec-image', () =>
    stageKexecImage(context, signal),
  );
}

/** Those of one configuration. */
const shownPaths = 2;

export async function buildClosures(
  build: CachedBuild & Pick<BuildOptions, 'keepGoing'>,
  { nix, runtime, cache, progress }: Tools,
  signal: AbortSignal,
): Promise<void> {
  const { wanted, keepGoing } = build;
  if (wanted.length === 0) return;
  const start = runtime.clock.now();
  let done: Done = { built: 0, copied: 0, taken: 0 };
  let before: Done | undefined;
  const work = async (options: BuildOptions) => {
    const record = options.record ?? new BuildRecord(() => runtime.clock.now());
    // a cache's own remembers the builds before this one; what it cannot give is built in a second attempt
    before ??= { built: record.built.size, copied: record.copies, taken: 0 };
    const { built, copied } = before;
    const { substituter } = options;
    try {
      await nix.build(wanted.map(installable), signal, { ...options, record, keepGoing });
    } finally {
      const taken = substituter === undefined ? done.taken : record.copiedFrom(substituter.uri).length;
      done = { built: record.built.size - built, copied: record.copies - copied, taken };
    }
  };
  await progress.activity('build', () => cache.around(build, signal, work));
  const paths =
    wanted.length > shownPaths
      ? counted(wanted.length, 'path')
      : wanted.map(({ outPath }) => outPath).join(' ');
  const [what, how] = describeDone(done);
  runtime.log.info(`${what} ${paths} in ${((runtime.clock.now() - start) / 1000).toFixed(1)} s${how}`);
}

/** What Nix has done, by its own log; what was taken from the cache is part of what was copied. */
interface Done {
  readonly built: number;
  readonly copied: number;
  readonly taken: number;
}

function describeDone({ built, copied, taken }: Done): readonly [what: string, how: string] {
  const cached = counted(taken, 'path');
  if (built > 0)
    return ['built', ` (${counted(built, 'derivation')}${taken === 0 ? '' : `, ${cached} from the cache`})`];
  if (taken > 0) return ['taken from the cache:', ` (${cached})`];
  return copied > 0 ? ['fetched', ` (${counted(copied, 'path')})`] : ['there already:', ''];
}
