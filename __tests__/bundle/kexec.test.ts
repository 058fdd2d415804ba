// The kexec image on its way into a machine, and what is started of it: it writes down how it was called.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import { type BundleRun, imageThat, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { test } from '../support/concurrent';
import { script, startMachine, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime } from '../support/runtime';

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** An image that leaves its arguments, as nixos-images' shell reads them, in a file of this computer. */
function recordingImage() {
  const record = join(temporaryFolder('record'), 'arguments');
  const path = imageThat(`sh -c "printf '%s\\n' \\"$1\\" $2" >${record}; echo jumping`);
  return {
    path,
    called: () => (existsSync(record) ? readFileSync(record, 'utf8').trim().split('\n') : null),
  };
}

/** Takes the machine over; when the image has started it comes back as another boot. */
async function takeOver(
  sshd: Sshd,
  inputs: Record<string, string>,
  comeBack: () => void = () => undefined,
): Promise<BundleRun> {
  return runBundle({
    inputs: { ...inputsFor(sshd, `${makeFlake()}#demo`), plan: 'false', phases: 'kexec', ...inputs },
    onLine: (line) => {
      if (line !== 'target> jumping') return;
      comeBack();
      setTimeout(() => void sshd.restart(), 500);
    },
  });
}

test('an image packed with zstd, for a machine without it: unpacked here, pinned, and given its flags in one word', async () => {
  const installer = join(temporaryFolder('kexec'), 'installer');
  const sshd = await startMachine({ installer, hidden: ['zstd'] });
  const { path, called } = recordingImage();
  execFileSync('zstd', ['-q', path]);
  const packed = `${path}.zst`;
  const run = await takeOver(
    sshd,
    {
      kexec: packed,
      'kexec-sha256': sha256(packed),
      'kexec-extra-flags': `--no-sync "--append=a b"`,
    },
    () => writeFileSync(installer, ''),
  );
  expect(run.code, run.log).toBe(0);
  expect(run.log).toContain('this machine lacks the program zstd; unpacking the image here');
  expect(run.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
  expect(called()).toEqual(['--kexec-extra-flags', '--no-sync', '--append=a b']);
  expect(run.result.plan).toMatchObject({
    kexec: { image: packed, sha256: sha256(packed), extraFlags: ['--no-sync', '--append=a b'] },
  });
  expect(run.summary).not.toContain('kexec-sha256');
});

test('an image that is not pinned: no flags, and its hash in log, summary and result', async () => {
  const installer = join(temporaryFolder('kexec'), 'installer');
  const sshd = await startMachine({ installer });
  const { path, called } = recordingImage();
  const run = await takeOver(sshd, { kexec: path }, () => writeFileSync(installer, ''));
  expect(run.code, run.log).toBe(0);
  expect(called()).toEqual(['']);
  expect(run.result.kexecSha256).toBe(sha256(path));
  expect(run.summary).toMatch(
    /^## ✅ Prepared, not installed: .*\n(.*\n)*\| machine \| in the installer; its disks were/,
  );
  const [, next = ''] = /^### What to do next\n\n(.*?)\n\n\*\*Install\*\*/ms.exec(run.summary) ?? [];
  expect(next).toContain(
    'Until it is rebooted the machine runs the installer in its memory, and the next run',
  );
  expect(next).toContain(`<code>kexec-sha256: ${sha256(path)}</code>`);
  expect(run.summary).toMatch(
    /```mermaid\ngantt\n(.*\n)* {2}section build\n.*:done, .*\n(.*\n)? {4}bring the kexec image, .*:active, 2000-.*ms\n(.*\n)*```/,
  );
  expect(run.log).toContain(`set kexec-sha256: ${sha256(path)}`);
});

test('an image that is another one than was pinned: nothing of it is started or left', async () => {
  const sshd = await startMachine();
  const { path, called } = recordingImage();
  const pin = 'f'.repeat(64);
  const run = await takeOver(sshd, { kexec: path, 'kexec-sha256': pin });
  expect(run.code, run.log).toBe(1);
  expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'untouched' });
  expect(run.result.failure).toMatchObject({ kind: 'guard', phase: 'build' });
  expect(run.errors[0]).toContain(
    `has the SHA-256 ${sha256(path)}, but kexec-sha256 says ${pin}: nothing of it was started`,
  );
  expect(called()).toBe(null);
  const { stdout } = await targetOf(sshd, testRuntime()).run(script('ls -A /root'), []);
  expect(stdout).not.toContain('nixos-anywhere');
});

test('force-kexec starts another installer in the place of one, which has let go of its disks', async () => {
  // it would let go of this computer's pools
  const sshd = await startMachine({ installer: true, hidden: ['zpool'] });
  const observer = targetOf(sshd, testRuntime());
  const shared = join(temporaryFolder('mounts'), 'mounts');
  await observer.run(
    script('mount -t tmpfs none /mnt; mkdir "/mnt/a b"; mount -t tmpfs none "/mnt/a b"'),
    [],
  );
  const path = imageThat(`grep ' /mnt' /proc/mounts >${shared}; echo jumping`);
  const run = await takeOver(sshd, { kexec: path, 'force-kexec': 'true' });
  expect(run.code, run.log).toBe(0);
  expect(run.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
  expect(run.log).toContain('because the machine runs a NixOS installer (force-kexec starts another)');
  expect(run.result.phases.map(({ name }) => name)).toEqual(['preflight', 'build', 'kexec']);
  // what this computer itself may have below /mnt is not the machine's
  expect(readFileSync(shared, 'utf8')).not.toMatch(/ \/mnt(\/a\\040b)? /);
});
