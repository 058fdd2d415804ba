// A machine on which there is BusyBox and nothing else.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { kexecImage } from '../../testbed/paths.mts';
import { runScenario, whoAreYou } from '../e2e/support';

const served = mkdtempSync(join(tmpdir(), 'image-'));

beforeAll(async () => {
  await ensureImages();
  symlinkSync(kexecImage, join(served, 'image.tar.gz'));
  writeFileSync(join(served, 'nohup'), '#!/bin/sh\ntrap \'\' HUP\nexec "$@"\n');
});
afterAll(() => rmSync(served, { recursive: true }));

/** Whoever logs in from now on is in a folder with a root's usual files, the kernel's file systems, and BusyBox. */
const onlyBusybox = `
set -eu
r=/srv/busybox
mkdir -p $r/bin $r/usr/bin $r/tmp $r/var/tmp $r/home $r/mnt $r/proc $r/sys $r/dev $r/run $r/etc/ssh
chmod 1777 $r/tmp $r/var/tmp
cp "$(command -v busybox)" $r/bin/busybox
chroot $r /bin/busybox --install -s /bin
cp -a /etc/passwd /etc/group /etc/machine-id /etc/hosts $r/etc/
cp -a /etc/ssh/ssh_host_* $r/etc/ssh/
cp -a /root $r/
printf 'ID=alpine\\nPRETTY_NAME="BusyBox alone"\\n' >$r/etc/os-release
usermod -s /bin/sh root
for each in proc sys dev run; do mount --rbind /$each $r/$each; done
printf 'Match User root\\n  ChrootDirectory %s\\n' $r >>/etc/ssh/sshd_config
systemctl restart ssh
`;

it('a machine with no userland but BusyBox fetches the image and is installed', async () => {
  const machine = await Machine.start({ name: 'busybox', snapshot: 'target', guestHttp: served });
  try {
    const pinned = await machine.hostKeys();
    const prepared = await machine.ssh(onlyBusybox);
    expect(prepared.code, prepared.stderr).toBe(0);
    const shell = await machine.ssh(
      'ls -l /bin/sh; command -v bash systemd-run curl blkid; sh --help 2>&1 | head -n 1',
    );
    expect(shell.stdout).toMatch(/^\S.* \/bin\/sh -> \/bin\/busybox\nBusyBox/);
    const inputs = { kexec: 'http://10.0.2.100/image.tar.gz', 'known-hosts': pinned };
    // Debian's BusyBox has no nohup, with which kexec/run jumps; that of others has
    const refused = await runScenario({ name: 'busybox', machine, inputs });
    expect(refused.log).toContain('the machine lacks nohup, which kexec needs');
    expect(refused.outputs['target-state']).toBe('untouched');
    await machine.ssh('cat >/bin/nohup && chmod 755 /bin/nohup', { stdinFile: join(served, 'nohup') });
    const result = await runScenario({ name: 'busybox', machine, inputs });
    expect(result.code, result.log).toBe(0);
    expect(result.log).toContain('BusyBox alone');
    expect(result.log).not.toContain('fetching it here');
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    expect((await whoAreYou(machine)).hostName).toBe('host-busybox');
  } finally {
    await machine.stop();
  }
});
