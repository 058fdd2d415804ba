// A run that is cancelled, killed or not alone, as far as that needs no virtual machine: what it says, and what it
// leaves on the target. The images here never jump anywhere: their kexec/run is a few harmless words.
import { type ChildProcess, execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ActionOptions } from '../../testbed/action.mts';
import { nixEnvironment } from '../../testbed/paths.mts';
import type { FaultProxy } from '../../testbed/proxy.mts';
import type { Sshd } from '../../testbed/sshd.mts';
import { type BundleRun, imageThat, inputsFor, makeFlake, runBundle } from '../support/bundle';
import { atEnd, test } from '../support/concurrent';
import { expectFault } from '../support/fault-table';
import { script, startMachine, startProxy, targetOf } from '../support/machine';
import { temporaryFolder, testRuntime, until } from '../support/runtime';

/** A PATH whose nix does all but build: that is this shell text. What would be built it may tell. */
function pathWithBuild(build: string): string {
  const folder = temporaryFolder('path');
  const env = nixEnvironment();
  const nix = execFileSync('sh', ['-c', 'command -v nix'], { env, encoding: 'utf8' }).trim();
  for (const name of ['sh', 'sleep', 'touch']) symlinkSync(join('/bin', name), join(folder, name));
  const real = `PATH='${env.PATH}' exec '${nix}' "$@"`;
  const text = `#!/bin/sh\ncase "$*" in *--dry-run*) ${real} ;; build*) ${build} ;; *) ${real} ;; esac\n`;
  writeFileSync(join(folder, 'nix'), text);
  chmodSync(join(folder, 'nix'), 0o755);
  return folder;
}

/** Serves an image that is given out to nobody in full, until it is let go. */
async function servedSlowly(path: string) {
  const bytes = readFileSync(path);
  const state = { asked: 0, left: 0, free: false };
  const server = createServer((_, response) => {
    state.asked += 1;
    response.on('close', () => {
      if (!response.writableFinished) state.left += 1;
    });
    if (state.free) response.end(bytes);
    else response.write(bytes.subarray(0, 20));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { state, url: `http://127.0.0.1:${address.port}/image.tar.gz` };
}

interface Started {
  readonly run: Promise<BundleRun>;
  child(): ChildProcess | undefined;
  lines(): string;
}

function installInputs(sshd: Sshd, kexec: string): Record<string, string> {
  return { ...inputsFor(sshd, `${makeFlake()}#demo`), plan: 'false', kexec, 'allow-lockout': 'true' };
}

/** The inputs that lead through a proxy. */
function through(sshd: Sshd, { port }: FaultProxy): Record<string, string> {
  const known = sshd.hostKeyLine('ed25519').replace(`:${sshd.port}`, `:${port}`);
  return { 'ssh-port': String(port), 'post-kexec-ssh-port': String(port), 'known-hosts': known };
}

/** Begins an install on the machine. */
function start(
  sshd: Sshd,
  kexec: string,
  build: string,
  more: Partial<ActionOptions> & { runId?: string } = {},
): Started {
  let child: ChildProcess | undefined;
  let lines = '';
  const { runId = '1', ...options } = more;
  const run = runBundle({
    inputs: installInputs(sshd, kexec),
    env: { PATH: pathWithBuild(build), GITHUB_RUN_ID: runId },
    onLine: (line) => {
      lines += `${line}\n`;
    },
    onStart: (started) => {
      child = started;
    },
    ...options,
  });
  run.catch(() => undefined);
  return { run, child: () => child, lines: () => lines };
}

/** What of a run is still on the machine. */
async function tracesOn(sshd: Sshd): Promise<string> {
  const target = targetOf(sshd, testRuntime());
  const text = `ls -d /root/nixos-anywhere 2>/dev/null
    grep -c nixos-anywhere-action /root/.ssh/authorized_keys 2>/dev/null
    grep -q released=yes /run/nixos-anywhere/lease || echo leased
    for dir in /proc/[0-9]*; do case $(tr '\\0' ' ' <$dir/cmdline 2>/dev/null) in curl*) echo curl ;; esac; done`;
  return (await target.run(script(text), [])).stdout.trim();
}

const hang = 'exec sleep 60';

function expectCancelled(run: BundleRun, phase: string, resume: RegExp): void {
  expect(run.code, run.log).toBe(1);
  expect(run.outputs).toMatchObject({ outcome: 'failed', 'target-state': 'untouched' });
  expect(run.result.failure).toMatchObject({
    kind: 'cancelled',
    phase,
    resume: expect.stringMatching(resume),
  });
  expect(run.errors).toEqual([
    expect.stringMatching(/the job was cancelled \(SIGINT\)\n(.*\n)*How to go on: /),
  ]);
  expect(run.summary).toContain('🛑 Cancelled');
  expect(run.summary).toContain(`In phase ${phase}`);
}

test('cancelled while it builds and the target fetches the image: all is stopped, and nothing left', async () => {
  const sshd = await startMachine();
  const image = await servedSlowly(imageThat('exit 1'));
  const controller = new AbortController();
  const started = start(sshd, image.url, hang, { signal: controller.signal });
  await until(
    'both are under way',
    () => image.state.asked > 0 && started.lines().includes('::group::build'),
  );
  const begin = Date.now();
  controller.abort();
  const run = await started.run;
  expect(Date.now() - begin).toBeLessThan(7000);
  expectCancelled(run, 'build', /nothing on the machine’s disks was changed/);
  expect(run.warnings.filter((text) => text.includes('could not be removed'))).toEqual([]);
  await until('the download ended', () => image.state.left === 1);
  expect(await tracesOn(sshd)).toBe('');
});

test('cancelled while the image is sent: the same', async () => {
  const sshd = await startMachine();
  // at most some MB a second get through
  const proxy = await startProxy(sshd, 200);
  const controller = new AbortController();
  const image = imageThat('exit 1', 64 << 20);
  const inputs = { ...installInputs(sshd, image), ...through(sshd, proxy) };
  const started = start(sshd, image, hang, { signal: controller.signal, inputs });
  await until('it is under way', () => proxy.bytesToTarget > 6 << 20);
  const begin = Date.now();
  controller.abort();
  const run = await started.run;
  expect(Date.now() - begin).toBeLessThan(7000);
  expectCancelled(run, 'build', /run the workflow again when you like/);
  expect(await tracesOn(sshd)).toBe('');
});

test('an image that does not start: no image and no key are left', async () => {
  const sshd = await startMachine();
  const { run } = start(sshd, imageThat('echo "no kexec here" >&2; exit 3'), 'exit 0');
  const failed = await run;
  expect(failed.code).toBe(1);
  expect(failed.result.failure).toMatchObject({
    phase: 'kexec',
    message: expect.stringContaining('exit code 3'),
  });
  expect(await tracesOn(sshd)).toBe('0');
});

test('cancelled while it starts the image: the image and the key stay, since the jump may come, and it says so', async () => {
  const sshd = await startMachine();
  const controller = new AbortController();
  const started = start(sshd, imageThat('echo loading; exec sleep 20'), 'exit 0', {
    signal: controller.signal,
  });
  await until('it is under way', () => started.lines().includes('target> loading'));
  const begin = Date.now();
  controller.abort();
  const run = await started.run;
  expect(Date.now() - begin).toBeLessThan(7000);
  expectCancelled(run, 'kexec', /may be in the installer or on the way there/);
  expect(await tracesOn(sshd)).toBe('/root/nixos-anywhere\n1');
  // the same run again: waits for what goes on, and cleans up
  const again = await start(sshd, imageThat('exit 4'), 'exit 0').run;
  expect(again.log).toContain('waited for what an earlier run had left running: kexec-');
  expect(again.result.failure).toMatchObject({ message: expect.stringContaining('exit code 4') });
});

test('a connection that is cut whenever a phase begins hides no reason, and leaves nothing behind', async () => {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd);
  const image = imageThat('sleep 3; echo "no kexec here" >&2; exit 3');
  const cuts: string[] = [];
  const onLine = (line: string) => {
    const [, phase] = /^::group::(\w+)$/.exec(line) ?? [];
    if (phase === undefined) return;
    cuts.push(phase);
    proxy.cut();
    // and in the middle of what takes the machine away
    if (phase === 'kexec') setTimeout(() => proxy.cut(), 1500);
  };
  const inputs = { ...installInputs(sshd, image), ...through(sshd, proxy) };
  const run = await start(sshd, image, 'exit 0', { inputs, onLine }).run;
  expect(cuts).toEqual(['preflight', 'build', 'kexec']);
  expect(run.result.failure, run.log).toMatchObject({
    phase: 'kexec',
    message: expect.stringContaining('exit code 3'),
  });
  expect(await tracesOn(sshd)).toBe('0');
});

test('killed while it stages: the same run again ends that, and takes the machine at once', async () => {
  const sshd = await startMachine();
  const image = await servedSlowly(imageThat('exit 5'));
  const first = start(sshd, image.url, hang);
  await until('it stages', () => image.state.asked > 0);
  first.child()?.kill('SIGKILL');
  await first.run.catch(() => undefined);
  expect(image.state.left).toBe(0);
  image.state.free = true;
  const begin = Date.now();
  const again = await start(sshd, image.url, 'exit 0').run;
  expect(Date.now() - begin).toBeLessThan(20_000);
  expect(image.state.left).toBe(1);
  expect(again.log).toContain(
    'taken over from https://github.com/octocat/fleet/actions/runs/1 (install on testbed)',
  );
  expect(again.result.failure).toMatchObject({ message: expect.stringContaining('exit code 5') });
  expect(await tracesOn(sshd)).toBe('0');
});

test('another run at the same time is refused, and leaves the first one alone', async () => {
  const sshd = await startMachine();
  const image = await servedSlowly(imageThat('exit 1'));
  const controller = new AbortController();
  const first = start(sshd, image.url, hang, { signal: controller.signal });
  await until('it stages', () => image.state.asked > 0);
  const second = await start(sshd, image.url, 'exit 0', { runId: '2' }).run;
  expectFault('another run is at work', second);
  expect(second.errors[0]).toMatch(
    /another run works on this machine: https:\/\/github\.com\/octocat\/fleet\/actions\/runs\/1 \(install on testbed\), for \d+ s, now in phase build/,
  );
  expect(second.errors[0]).toContain('`concurrency`');
  expect(image.state).toMatchObject({ asked: 1, left: 0 });
  controller.abort();
  expectCancelled(await first.run, 'build', /nothing/);
  expect(await tracesOn(sshd)).toBe('');
});

test('a second signal ends it at once, with its result', async () => {
  const sshd = await startMachine();
  const image = await servedSlowly(imageThat('exit 1'));
  // deaf to the polite way of being ended, for longer than the second signal waits
  const started = start(sshd, image.url, 'trap "" TERM; sleep 60 & wait; sleep 60');
  await until('it stages', () => image.state.asked > 0);
  const begin = Date.now();
  started.child()?.kill('SIGINT');
  await new Promise((resolve) => setTimeout(resolve, 300));
  started.child()?.kill('SIGTERM');
  const run = await started.run;
  expect(Date.now() - begin).toBeLessThan(1500);
  expect(run.code).toBe(1);
  expect(run.result.failure?.kind).toBe('cancelled');
  expect(run.summary).toContain('🛑 Cancelled');
});
