import { errorMessage } from '../errors';
import * as scripts from '../ssh/scripts';
import type { PhaseContext } from './context';

/** How long removing them may take, in milliseconds, when the connection is a bad one. */
const removalMs = 20_000;

/** Puts the disk encryption keys where disko expects them. */
export async function sendDiskKeys({
  settings,
  target,
  runtime,
  cleanUp,
  facts,
  progress,
}: PhaseContext): Promise<void> {
  const keys = settings.diskEncryptionKeys.value;
  if (keys.length === 0) return;
  cleanUp.leave({
    what: 'The disk encryption keys in the installer',
    bootId: facts.bootId,
    remove: (signal) => {
      // a disko that goes on without us would fail in the middle; the machine removes them itself when it has ended
      const first = progress.goesOn === 'disko' ? ['disko'] : [];
      return target.run(scripts.removeSecrets, first, { privileged: true, signal });
    },
  });
  for (const { remotePath, contents } of keys) {
    const bytes = contents.revealBytes();
    await target.run(scripts.putSecret, [remotePath, String(bytes.length)], {
      privileged: true,
      stdin: bytes,
    });
    runtime.log.info(`the key for ${remotePath} is in the installer`);
  }
}

/** Puts the secrets of the new system onto its disks, where they stay. */
export async function sendSecretFiles({ settings, target, runtime }: PhaseContext): Promise<void> {
  for (const { path, mode, contents } of settings.newSystem.secretFiles.value) {
    const bytes = contents.revealBytes();
    await target.run(scripts.putFile, [path, mode, String(bytes.length)], {
      privileged: true,
      stdin: bytes,
    });
    runtime.log.info(`${path} is on the new disks`);
  }
}

/** Removes the disk encryption keys before the reboot. Where that fails they are gone with the installer's memory. */
export async function removeDiskKeys({ settings, target, runtime }: PhaseContext): Promise<void> {
  if (settings.diskEncryptionKeys.value.length === 0) return;
  const signal = AbortSignal.any([runtime.signal, AbortSignal.timeout(removalMs)]);
  await target.run(scripts.removeSecrets, [], { privileged: true, signal }).catch((error: unknown) => {
    runtime.signal.throwIfAborted();
    runtime.log.warning(
      `The disk encryption keys in the installer could not be removed: ${errorMessage(error)}`,
    );
  });
}
