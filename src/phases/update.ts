import { systemPathOf } from '../plan/evaluation';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';
import { copyClosure } from './copy-closure';
import { runInProgress } from './detached-work';

/** Brings the system to a machine that runs NixOS, and switches it over. Nothing is wiped. */
export async function update(context: PhaseContext): Promise<void> {
  const { evaluation, settings, runtime, progress } = context;
  const system = systemPathOf(evaluation);
  await copyClosure(context, system, 'local');
  await runInProgress(context, {
    name: 'switch',
    script: scripts.switchTo.text,
    args: [system],
    idleMs: settings.deadlines.idle.value,
    onLine: (line) => runtime.log.foreign('switch', line),
  });
  progress.systemPath = system;
}
