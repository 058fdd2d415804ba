// What the programs that a disko script calls say of disks: real ones, on a file of this computer, in a machine of its own.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe } from 'vitest';
import { runDetached } from '../../src/ssh/detached';
import { test, testEach } from '../support/concurrent';
import { expectKnown } from '../support/known-failures';
import { startMachine, targetOf } from '../support/machine';
import { failure, testRuntime } from '../support/runtime';

/** Root may, where there are loop devices: not every container has them. */
function hasLoopDevices(): boolean {
  try {
    return (
      process.getuid?.() === 0 && existsSync(execFileSync('losetup', ['--find'], { encoding: 'utf8' }).trim())
    );
  } catch {
    return false;
  }
}

/** Fails to do this with a disk; the variables disk and there are set, and it is mounted there. */
async function failOnDisk(text: string): Promise<Error> {
  const target = targetOf(await startMachine(), testRuntime());
  const script = `set -eu
    cd "$(mktemp -d)"
    mkdir there
    truncate -s 64M file
    mkfs.ext4 -q file
    mount -o loop file there
    there=$PWD/there
    disk=$(sed -n "s,^\\(/dev/loop[0-9]*\\) $there .*,\\1,p" /proc/mounts)
    # gone with the last that uses it, which is this
    trap 'cd /; umount -l "$there"' EXIT
    ${text}`;
  return failure(
    runDetached(target, { name: 'disko', script, args: [], idleMs: 30_000, onLine: () => undefined }),
  );
}

describe.runIf(hasLoopDevices())('a disk that is mounted', () => {
  testEach<string, readonly [string, string]>([
    ['mke2fs', ['mkfs.ext4 -q "$disk"', '/dev/loop… is mounted; will not make a filesystem here!']],
    ['mkfs.fat', ['mkfs.vfat "$disk"', 'mkfs.vfat: /dev/loop… contains a mounted filesystem.']],
    ['mkswap', ['mkswap "$disk"', 'mkswap: error: /dev/loop… is mounted; will not make swapspace']],
    [
      'wipefs',
      [
        'wipefs -a "$disk"',
        'wipefs: error: /dev/loop…: probing initialization failed: Device or resource busy',
      ],
    ],
    [
      'sfdisk',
      [
        'echo "label: gpt" | sfdisk "$disk"',
        'This disk is currently in use - repartitioning is probably a bad idea.',
      ],
    ],
    [
      'umount',
      ['(cd "$there"; exec sleep 20) & sleep 0.2; umount "$there"; kill $!', 'umount: …: target is busy.'],
    ],
    [
      'cryptsetup',
      [
        'echo x | cryptsetup luksFormat --batch-mode "$disk" -',
        'Cannot exclusively open /dev/loop…, device in use.',
      ],
    ],
  ])('is refused by %s', async (_, [command, words]) => {
    expectKnown(words, await failOnDisk(command));
  });

  test('with a file system that the kernel does not know', async () => {
    const error = await failOnDisk('mount -t unheardof "$disk" "$there"');
    expectKnown("mount: …: unknown filesystem type 'unheardof'.", error);
  });

  test('whose key is not there', async () => {
    const error = await failOnDisk('cryptsetup luksFormat --batch-mode "$disk" /tmp/no-such-key');
    expectKnown('Failed to open key file.', error);
  });

  test('whose room is not enough', async () => {
    const error = await failOnDisk('dd if=/dev/zero of="$there/big" bs=1M');
    expectKnown("dd: error writing '…/big': No space left on device", error);
  });
});
