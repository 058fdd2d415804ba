import { execScript } from '../ssh/detached';
import { installing, mounted } from '../ssh/scripts';
import { bring } from './bring';
import type { PhaseContext } from './context';
import { runInProgress } from './detached-work';
import { checkDisksAgain } from './disks-again';
import { sendDiskKeys } from './secret-files';

/** Partitions, formats and mounts the disks. From here on their old contents are gone. */
export async function disko(context: PhaseContext): Promise<void> {
  const { evaluation, target, settings, runtime, progress } = context;
  const script = evaluation.diskoScript;
  if (script === undefined)
    throw new Error('the disko phase needs the disko script that the evaluation asks for');
  await target.run(installing, ['yes'], { privileged: true });
  await bring(context, 'disko-script', script, 'local');
  await sendDiskKeys(context);
  await checkDisksAgain(context);
  progress.targetState = 'partitioned';
  await progress.activity('disko', () =>
    runInProgress(context, {
      name: 'disko',
      script: execScript(script.outPath),
      args: [],
      idleMs: settings.deadlines.diskoIdle.value,
      onLine: (line) => runtime.log.foreign('disko', line),
    }),
  );
  await target.run(mounted, []);
}
