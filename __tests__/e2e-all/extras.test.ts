// Files that come along, with owners and modes, as the booted system has them.
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { runScenario, whoAreYou } from '../e2e/support';
import { expectNoLeak } from '../support/leak';

beforeAll(() => ensureImages());

it('extra files, secret files, owners and what a hook did are what the installed system boots with', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'extra-files-'));
  const write = (path: string, mode: number, contents: string | Buffer = path) => {
    mkdirSync(join(folder, 'files', path, '..'), { recursive: true });
    writeFileSync(join(folder, 'files', path), contents);
    chmodSync(join(folder, 'files', path), mode);
  };
  const bytes = randomBytes(5_000_000);
  write('srv/app/run', 0o755);
  write('srv/app/state/db', 0o600, bytes);
  write('etc/app.conf', 0o644);
  symlinkSync('/etc/app.conf', join(folder, 'files/srv/app/conf'));
  // a umask that others may write with, and one that only root could read with: both would lock everybody out
  chmodSync(join(folder, 'files/etc'), 0o777);
  chmodSync(join(folder, 'files'), 0o700);
  const secret = `line one ${randomBytes(8).toString('hex')}\nline two ${randomBytes(8).toString('hex')}\r\n`;

  const hook = (name: string, script: string) => {
    writeFileSync(join(folder, name), `#!/bin/sh\nset -eu\n${script}\n`, { mode: 0o755 });
    return join(folder, name);
  };
  const onTarget = hook('on-target', 'echo "$NIXOS_ANYWHERE_HOOK" >"$NIXOS_ANYWHERE_MNT/srv/by-hook"');
  const onRunner = hook('on-runner', `echo "$NIXOS_ANYWHERE_HOOK" >'${join(folder, 'by-hook')}'`);

  const machine = await Machine.start({ name: 'extras', snapshot: 'installer' });
  try {
    const result = await runScenario({
      name: 'extras',
      machine,
      inputs: {
        'known-hosts': await machine.hostKeys(),
        'extra-files': join(folder, 'files'),
        'secret-files': '/srv/app/token mode=0640 owner=1000:33 env:APP_TOKEN',
        hooks: `after-install target ${onTarget}\nbefore-disko runner ${onRunner}`,
        chown: '/srv/app/state 1000:100',
      },
      env: { APP_TOKEN: secret },
    });
    expect(result.code, result.log).toBe(0);
    expect(result.outputs).toMatchObject({
      outcome: 'installed',
      'target-state': 'booted',
      verified: 'system',
    });
    expect((await whoAreYou(machine)).hostName).toBe('host-extras');
    const paths =
      '/ /etc /etc/app.conf /srv/app/run /srv/app/conf /srv/app/state /srv/app/state/db /srv/app/token';
    const { stdout } = await machine.ssh(
      `stat -c '%n %a %u:%g' ${paths}; readlink /srv/app/conf; cat /srv/by-hook`,
    );
    expect(stdout.trim().split('\n')).toEqual([
      '/ 755 0:0',
      '/etc 755 0:0',
      '/etc/app.conf 644 0:0',
      '/srv/app/run 755 0:0',
      '/srv/app/conf 777 0:0',
      '/srv/app/state 755 1000:100',
      '/srv/app/state/db 600 1000:100',
      '/srv/app/token 640 1000:33',
      '/etc/app.conf',
      'after-install',
    ]);
    expect(readFileSync(join(folder, 'by-hook'), 'utf8')).toBe('before-disko\n');
    const sums = await machine.ssh('sha256sum /srv/app/state/db /srv/app/token | cut -d" " -f1');
    const sum = (contents: string | Buffer) => createHash('sha256').update(contents).digest('hex');
    expect(sums.stdout.trim().split('\n')).toEqual([sum(bytes), sum(secret)]);
    expectNoLeak(result, secret.trim().split(/\r?\n/));
  } finally {
    await machine.stop();
    rmSync(folder, { recursive: true });
  }
});
