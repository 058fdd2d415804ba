import { formatDuration, within } from '../deadlines';
import { NixError, TimeoutError } from '../errors';
import type { BuildSettings } from '../inputs/settings';
import { buildSystemOf, type Evaluation } from '../plan/evaluation';
import { observeTestBuilder } from '../plan/test-builder';
import { checkTestBuilder } from '../plan/vm-test';
import type { PhaseContext } from './context';

/** What of the log a failure shows. */
const keptLines = 40;

/**
 * Runs the VM test by building it: its log is what a build logs. A test that is unchanged since it passed is not run
 * again.
 *
 * @throws GuardError where this runner cannot run it, NixError where it fails, TimeoutError where it takes too long; the
 * last two with the last lines of its log
 */
export async function vmTest(
  { deadlines }: BuildSettings,
  evaluation: Evaluation,
  { nix, runtime, cache }: Pick<PhaseContext, 'nix' | 'runtime' | 'cache'>,
): Promise<void> {
  const { installTest } = evaluation;
  const { drvPath, outPath } = installTest ?? {};
  if (installTest === undefined || drvPath === undefined || outPath === undefined)
    throw new Error('the evaluation was not asked for a VM test');
  if ((await nix.pathInfo([outPath], runtime.signal)).has(outPath)) {
    runtime.log.info(`the VM test has passed before: ${outPath}`);
    return;
  }
  checkTestBuilder(
    await nix.requirements(drvPath, runtime.signal),
    await observeTestBuilder(nix, runtime.signal),
  );
  const start = runtime.clock.now();
  const lines: string[] = [];
  const onLine = (line: string) => {
    lines.push(line);
    if (lines.length > keptLines) lines.shift();
  };
  const limitMs = deadlines.vmTest.value;
  // what the test leaves is not kept: it would be a test that has passed and was never run
  const cached = { wanted: [installTest], system: buildSystemOf(evaluation), never: [outPath] };
  await cache.around(cached, runtime.signal, async (options) => {
    let build: Promise<void> | undefined;
    try {
      await within(runtime.clock, 'the VM test', limitMs, runtime.signal, (signal) => {
        build = nix.buildTest(drvPath, { ...options, limitMs, onLine, signal });
        return build;
      });
    } catch (error) {
      // Nix was told to stop, and is killed soon if it does not: no machine is left running
      await build?.catch(() => undefined);
      throw explain(error, lines);
    }
  });
  runtime.log.info(`the VM test passed in ${formatDuration(runtime.clock.now() - start)}: ${outPath}`);
}

function explain(error: unknown, lines: readonly string[]): unknown {
  if (error instanceof TimeoutError) {
    return new TimeoutError(error.message, {
      cause: error,
      lastLines: lines,
      hint: 'see in its log what it waits for; if it only needs more time, raise vm-test-timeout (for all of it) or idle-timeout (for a time without output)',
    });
  }
  if (!(error instanceof NixError)) return error;
  const { ran, lastLines } = error;
  return new NixError(error.message.replace(/^the build failed/, 'the VM test failed'), {
    cause: error,
    lastLines,
    ...(ran === undefined ? {} : { ran }),
  });
}
