import { accessAfterwards, pinnedAfterwards } from '../plan/access-afterwards';
import { systemOf } from '../plan/evaluation';
import { ageRecipient } from '../ssh/age-recipient';
import { fingerprint, type HostKey } from '../ssh/host-keys';
import * as scripts from '../ssh/scripts';
import { bring } from './bring';
import { checkInstalled } from './check-installed';
import { changeOwners } from './chown';
import type { PhaseContext } from './context';
import { runInProgress } from './detached-work';
import { copyExtraFiles } from './extra-files';
import { prepareHostKeys } from './host-keys';
import { readInitrdKeys } from './initrd';
import { recordHostKeys } from './running-system';
import { removeDiskKeys, sendSecretFiles } from './secret-files';

/** Copies the system to the mounted disks and makes it what boots next. */
export async function install(context: PhaseContext): Promise<void> {
  const { evaluation, target, settings, progress, runtime } = context;
  const toplevel = systemOf(evaluation);
  const system = toplevel.outPath;
  await target.run(scripts.mounted, []);
  // also where they were mounted by hand: from here on something is written to the disks
  progress.targetState = 'partitioned';
  await bring(context, 'system', toplevel, 'local?root=/mnt');
  await copyExtraFiles(context);
  await sendSecretFiles(context);
  await changeOwners(context, 'number');
  progress.expectedHostKeys = await prepareHostKeys(context);
  await progress.activity('nixos-install', () => runNixosInstall(context, system));
  await changeOwners(context, 'name');
  await checkInstalled(context);
  await readInitrdKeys(context);
  progress.targetState = 'installed';
  progress.systemPath = system;
  const access = accessAfterwards(settings, evaluation);
  const pinned = pinnedAfterwards(settings, access.endpoint)?.accepted;
  const hostKeys = pinned ?? progress.expectedHostKeys;
  recordHostKeys(context, access.endpoint, hostKeys);
  for (const key of hostKeys) runtime.log.info(`host key of the new system: ${namesOf(key)}`);
  await removeDiskKeys(context);
  await recordInstall(context);
}

/** As those call it who connect to it, and those who encrypt for it. */
function namesOf(key: HostKey): string {
  return [`${key.type} ${fingerprint(key)}`, ageRecipient(key)]
    .filter((name) => name !== undefined)
    .join(', ');
}

async function runNixosInstall(context: PhaseContext, system: string): Promise<void> {
  const { plan, settings, runtime } = context;
  const { installBootloader, noCheck } = plan.newSystem;
  await runInProgress(context, {
    name: 'nixos-install',
    script: scripts.nixosInstall.text,
    args: [system, installBootloader ? 'yes' : 'no', ...(noCheck === null ? [] : [noCheck])],
    idleMs: settings.deadlines.idle.value,
    onLine: (line) => runtime.log.foreign('nixos-install', line),
  });
}

/** Under which id the machine was installed: an older record, which a disk that was not wiped may have, goes. */
async function recordInstall({ settings, plan, target }: PhaseContext): Promise<void> {
  const id = settings.installId.value;
  await target.run(scripts.installId, ['/mnt', ...(id === undefined ? [] : [id])], { privileged: true });
  // what is done by hand before the reboot is not for the next run to wipe
  if (!plan.phases.includes('reboot')) await target.run(scripts.installing, ['no'], { privileged: true });
}
