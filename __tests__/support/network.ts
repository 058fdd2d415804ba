// A network of its own for a test, in which nothing is but what the test puts there.
import { spawn } from 'node:child_process';
import { atEnd } from './concurrent';

/**
 * @param setup shell text that makes it; the loopback device is up already
 * @returns the command, with its first arguments, that executes another command in that network
 */
export async function startNetwork(setup: string): Promise<readonly string[]> {
  const text = `set -e\nip link set lo up\n${setup}\necho ready\nexec cat >&2`;
  const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', text], {
    // it lasts as long as its standard input, which ends with this process too
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  atEnd(() => void holder.stdin.end());
  await new Promise<void>((resolve, reject) => {
    holder.once('error', reject);
    holder.once('close', (code) => reject(new Error(`the network could not be made (${code})`)));
    holder.stdout.once('data', () => resolve());
  });
  const namespaces = `/proc/${holder.pid}/ns`;
  return ['nsenter', `--net=${namespaces}/net`, `--mount=${namespaces}/mnt`, '--'];
}
