import { systemPathOf } from '../plan/evaluation';
import { parsePublicKeys } from '../ssh/host-keys';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';
import { copyClosure } from './copy-closure';
import { runInProgress } from './detached-work';
import { removeDiskKeys } from './secret-files';

const nixosInstall = 'exec nixos-install --no-root-passwd --no-channel-copy --system "$1"\n';

/** Copies the system to the mounted disks and makes it what boots next. */
export async function install(context: PhaseContext): Promise<void> {
  const { evaluation, target, settings, runtime, progress } = context;
  const system = systemPathOf(evaluation);
  await target.run(scripts.mounted, []);
  await copyClosure(context, system, 'local?root=/mnt');
  progress.expectedHostKeys = await prepareHostKeys(context);
  await runInProgress(context, {
    name: 'nixos-install',
    script: nixosInstall,
    args: [system],
    idleMs: settings.deadlines.idle.value,
    onLine: (line) => runtime.log.foreign('nixos-install', line),
  });
  await target.run(scripts.checkInstalled, [system], { privileged: true });
  progress.targetState = 'installed';
  progress.systemPath = system;
  await removeDiskKeys(context);
}

/** The new system's host keys are made before it boots, so that it can be recognised when it does. */
async function prepareHostKeys({ evaluation, settings, target, runtime }: PhaseContext) {
  const configured = evaluation.hostKeys.flatMap(({ type, path, bits }) => [type, path, bits]);
  const copy = settings.copyHostKeys.value ? 'yes' : 'no';
  const { stdout } = await target.run(scripts.hostKeys, [copy, ...configured], {
    privileged: true,
    onErrorLine: (line) => runtime.log.foreign('ssh-keygen', line),
  });
  return parsePublicKeys(stdout);
}
