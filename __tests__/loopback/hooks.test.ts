// Hooks on a real machine and on this one.
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { CancelledError, HookError } from '../../src/errors';
import { runHooks } from '../../src/phases/hooks';
import { Lease } from '../../src/phases/lease';
import { takeOver } from '../../src/phases/take-over';
import type { Target } from '../../src/ssh/target';
import { test } from '../support/concurrent';
import { contextOf } from '../support/context';
import { script, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, type TestRuntime, temporaryFolder, testRuntime, until } from '../support/runtime';

/** A machine behind a proxy, with hooks whose lines name the scripts. */
async function withHooks(
  lines: string,
  scripts: Record<string, string>,
  inputs: Record<string, string> = {},
) {
  const folder = temporaryFolder('hooks');
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  const sshd = await startMachine();
  const proxy = await startProxy(sshd);
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime, { port: proxy.port });
  const hooks = lines.replace(/ (\w+)$/gm, (_, name: string) => ` ${folder}/${name}`);
  const context = await contextOf(sshd, target, runtime, { hooks, ...inputs });
  const observer = targetOf(sshd, testRuntime());
  const ask = async (text: string) => (await observer.run(script(text), [])).stdout.trim();
  return { context, folder, proxy, runtime, ask, sshd };
}

const tasks = 'ls -A /run/nixos-anywhere/tasks';
const tell = '#!/bin/sh\nenv | grep ^NIXOS_ANYWHERE_ | sort\nid -u\n';

describe('on the target', () => {
  test('runs as root at its moment only, is told where it is, and leaves nothing', async () => {
    const { context, runtime, ask, proxy, sshd } = await withHooks(
      'after-disko target tell\nbefore-disko target other',
      { tell, other: 'echo too early\n' },
    );
    await runHooks(context, 'after', 'disko');
    await runHooks(context, 'before', 'install');
    const said = runtime.log.text.split('\n').filter((line) => line.includes('after-disko'));
    expect(said.join('\n')).toContain('hook after-disko on the target:');
    for (const line of [
      'NIXOS_ANYWHERE_HOOK=after-disko',
      'NIXOS_ANYWHERE_PHASE=disko',
      'NIXOS_ANYWHERE_ACTION=install',
      `NIXOS_ANYWHERE_TARGET_HOST=${sshd.host}`,
      `NIXOS_ANYWHERE_TARGET_PORT=${proxy.port}`,
      'NIXOS_ANYWHERE_HOST_NAME=test',
      'NIXOS_ANYWHERE_MNT=/mnt',
    ])
      expect(runtime.log.text).toContain(line);
    expect(runtime.log.text).toMatch(/after-disko.*\b0$/m);
    expect(runtime.log.text).not.toContain('too early');
    expect(await ask(tasks)).toBe('');
  });

  test('that fails fails the phase, with its last lines, and the author’s line numbers', async () => {
    const { context, folder, ask } = await withHooks(
      'before-install target bad\nbefore-install target next',
      {
        bad: '#!/bin/sh\necho said\nset -u\n: "$NOT_THERE"\n',
        next: 'touch /run/next\n',
      },
    );
    const error = await failure(runHooks(context, 'before', 'install'));
    if (!(error instanceof HookError)) throw error;
    expect(error.message).toMatch(/^hook-before-install failed with exit code 2 on the target: /);
    expect(error.message).toContain(`(${folder}/bad)`);
    expect(error.lastLines[0]).toBe('said');
    expect(error.lastLines[1]).toMatch(/script: 4: NOT_THERE: parameter not set$/);
    expect(await ask(`${tasks}; ls /run/next 2>/dev/null || true`)).toBe('');
    expect(context.progress.goesOn).toBeUndefined();
  });

  test('runs once, though the connection is cut while it does', async () => {
    const { context, proxy, runtime, ask } = await withHooks('after-install target slow', {
      slow: 'echo run >>/run/runs\necho begun\nsleep 2\necho ended\n',
    });
    const running = runHooks(context, 'after', 'install');
    await until('it has begun', () => runtime.log.text.includes('begun'));
    expect(await ask('stat -c %a /run/nixos-anywhere/tasks/hook-*/script /run/nixos-anywhere/tasks')).toBe(
      '600\n700',
    );
    proxy.cut();
    await running;
    expect(runtime.log.text).toContain('ended');
    expect(await ask('cat /run/runs')).toBe('run');
    expect(await ask(tasks)).toBe('');
  });

  test('that is left running is waited for by the next run, which removes what is left of it', async () => {
    const { context, runtime, ask, sshd } = await withHooks('after-install target slow', {
      slow: 'echo begun\nsleep 3\ntouch /run/ended\n',
    });
    const running = failure(runHooks(context, 'after', 'install'));
    await until('it has begun', () => runtime.log.text.includes('begun'));
    runtime.abort(new CancelledError('cancelled'));
    expect((await running).message).toBe('cancelled');
    expect(context.progress.goesOn).toBe('hook-after-install');
    const next = testRuntime();
    await takeOver({ ...context, runtime: next, target: targetOf(sshd, next) });
    expect(await ask(`ls /run/ended; ${tasks}`)).toBe('/run/ended');
    expect(next.log.text).toContain('waited for what an earlier run had left running: hook-after-install-');
  });

  test('after verify needs somebody who is in, and who is root', async () => {
    const { context, ask } = await withHooks('after-verify target tell', { tell: 'id -u >/run/who\n' });
    expect((await failure(runHooks(context, 'after', 'verify'))).message).toBe(
      'the hook after-verify cannot run on the target: nobody could log in to the new system',
    );
    context.progress.verified = 'system';
    await runHooks(context, 'after', 'verify');
    expect(await ask('cat /run/who')).toBe('0');
  });

  test('that is silent for too long is given up', async () => {
    const { context } = await withHooks(
      'after-install target slow',
      { slow: 'sleep 5\n' },
      { 'idle-timeout': '1s' },
    );
    expect((await failure(runHooks(context, 'after', 'install'))).message).toContain(
      'no output and no bytes for 1',
    );
  });
});

describe('on the runner', () => {
  test('runs in any language, is told where it is, and sees no secret', async () => {
    const { context, runtime, ask } = await withHooks('after-kexec runner tell', {
      tell: '#!/usr/bin/env bash\nenv | grep -E "^(NIXOS_ANYWHERE_|INPUT_)" | sort\necho to-stderr >&2\n[[ -t 0 ]] || echo no terminal\n',
    });
    await runHooks(context, 'after', 'kexec');
    expect(runtime.log.text).toContain('NIXOS_ANYWHERE_HOOK=after-kexec');
    expect(runtime.log.text).toContain('NIXOS_ANYWHERE_TARGET_USER=');
    expect(runtime.log.text).toContain('to-stderr');
    expect(runtime.log.text).not.toContain('INPUT_');
    expect(await ask('ls -A /run/nixos-anywhere 2>/dev/null || true')).toBe('');
  });

  test('that fails, cannot be started or was changed fails the phase', async () => {
    const { context, folder } = await withHooks(
      'after-kexec runner bad\nafter-disko runner odd\nafter-install runner changed',
      {
        bad: '#!/bin/sh\necho out; echo err >&2; exit 7\n',
        odd: '#!/nowhere/sh\n',
        changed: '#!/bin/sh\ntrue\n',
      },
    );
    const bad = await failure(runHooks(context, 'after', 'kexec'));
    if (!(bad instanceof HookError)) throw bad;
    expect(bad.message).toBe(`the hook after-kexec ended with exit code 7 on the runner: ${folder}/bad`);
    expect(bad.lastLines.toSorted()).toEqual(['err', 'out']);
    const odd = await failure(runHooks(context, 'after', 'disko'));
    if (!(odd instanceof HookError)) throw odd;
    expect(odd.message).toBe(`the hook ${folder}/odd could not be started (ENOENT)`);
    writeFileSync(join(folder, 'changed'), `#!/bin/sh\ntouch ${folder}/ran\n`);
    const changed = await failure(runHooks(context, 'after', 'install'));
    expect(changed.message).toBe(`the hook ${folder}/changed was changed while this run was at work`);
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });

  test('that took so long that another run has the machine now is not followed by anything', async () => {
    const { context, runtime, folder, proxy, sshd } = await withHooks('before-disko runner slow', {
      slow: '#!/bin/sh\necho begun\nwhile [ ! -e "$(dirname "$0")/go" ]; do sleep 0.1; done\n',
    });
    const leaseOf = (target: Target, of: TestRuntime, attempt: number) =>
      new Lease({
        target,
        runtime: of,
        cleanUp: context.cleanUp,
        identity: { run: 'r', attempt, job: 'j' },
      });
    const lease = leaseOf(context.target, runtime, 1);
    await lease.take(context.facts.bootId, 'disko', '');
    const running = failure(runHooks({ ...context, lease }, 'before', 'disko'));
    await until('it has begun', () => runtime.log.text.includes('begun'));
    proxy.cut();
    const later = testRuntime();
    await leaseOf(targetOf(sshd, later), later, 2).take(context.facts.bootId, 'disko', '');
    writeFileSync(join(folder, 'go'), '');
    expect((await running).message).toMatch(/^this run lost the machine: r, attempt 2/);
  });

  test('is ended when the job is cancelled', async () => {
    const { context, runtime, folder } = await withHooks('after-kexec runner slow', {
      slow: '#!/bin/sh\necho $$\nexec sleep 60\n',
    });
    const running = failure(runHooks(context, 'after', 'kexec'));
    await until('it has begun', () => /^after-kexec.*\b\d+$/m.test(runtime.log.text));
    const pid = Number(/(\d+)$/m.exec(runtime.log.text.split(`${folder}/slow`)[1] ?? '')?.[1]);
    expect(pid).toBeGreaterThan(1);
    runtime.abort(new CancelledError('cancelled'));
    expect((await running).message).toBe('cancelled');
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
