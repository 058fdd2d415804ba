import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Does the work with a folder (mode 0700) that is gone afterwards. */
export async function withPrivateFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nixos-anywhere-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Longer paths are no address of a socket: the limit with the closing NUL is 104 bytes on macOS, 108 on Linux. */
const longestSocketPath = 100;

/**
 * A folder (mode 0700) for a socket of this name, which the caller removes. It is made in the system's own or, where that
 * makes the socket's path too long (TMPDIR may be anything, and is long on macOS), in /tmp: with a name that nobody
 * can have made before, and where nobody but its owner can take it away.
 */
export async function folderForSocket(socketName: string, usual = tmpdir()): Promise<string> {
  const path = join(usual, 'nab-XXXXXX', socketName);
  const folder = await mkdtemp(join(Buffer.byteLength(path) < longestSocketPath ? usual : '/tmp', 'nab-'));
  // whatever the umask
  await chmod(folder, 0o700);
  return folder;
}
