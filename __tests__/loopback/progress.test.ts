// What the log says of work that takes long: a real Nix and a real sshd, over a slow line. Time passes faster than
// outside, so that the lines of a minute come in three seconds.
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { createReadStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { Nix } from '../../src/nix/nix';
import { bring } from '../../src/phases/bring';
import { runInProgress } from '../../src/phases/detached-work';
import { copyExtraFiles } from '../../src/phases/extra-files';
import { stageKexecImage } from '../../src/phases/kexec-image';
import { listExtraFiles } from '../../src/plan/extra-files';
import { systemClock } from '../../src/runtime';
import { atEnd, test } from '../support/concurrent';
import { contextOf } from '../support/context';
import { script, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, type TestRuntime, temporaryFolder, testRuntime } from '../support/runtime';
import { instantiate, makeClosure, makeDerivation, newStore, nix } from '../support/store';

/** How many seconds pass in one. */
const haste = 20;

function hastyRuntime(): TestRuntime {
  const start = systemClock.now();
  const clock = {
    now: () => start + (systemClock.now() - start) * haste,
    sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / haste, signal),
  };
  return { ...testRuntime(), clock };
}

/** A machine behind a line of 3 MB/s, which are 150 kB/s here. */
async function farMachine(inputs: Record<string, string> = {}) {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd, 0, { bytesPerSecond: 3e6 });
  const runtime = hastyRuntime();
  const target = targetOf(sshd, runtime, { port: proxy.port, connectMs: 600_000, idleMs: 1_000_000 });
  const context = await contextOf(sshd, target, runtime, inputs);
  return { runtime, target, context };
}

/** The lines of this work, without what begins each of them; on a busy computer they come when they can. */
function linesOf({ log }: TestRuntime, what: string): string[] {
  const beginning = new RegExp(`^${what} for \\d+ (?:s|min)(?: \\d+ s)?(?:: |$)`);
  return log.lines.filter((line) => beginning.test(line)).map((line) => line.replace(beginning, ''));
}

/** A tarball with what a kexec image has, which no compression makes smaller. */
function image(megabytes: number): string {
  const folder = temporaryFolder('image');
  mkdirSync(join(folder, 'tree', 'kexec'), { recursive: true });
  for (const part of ['run', 'kexec', 'ip', 'bzImage', 'initrd'])
    writeFileSync(join(folder, 'tree', 'kexec', part), randomBytes(part === 'initrd' ? megabytes * 1e6 : 10));
  const path = join(folder, 'image.tar');
  execFileSync('tar', ['-c', '-f', path, '-C', join(folder, 'tree'), '.']);
  return path;
}

test('a copy of a closure: paths and bytes of how many, and the rate', async () => {
  const { context, runtime } = await farMachine();
  const closure = makeClosure({ small: 5, large: 9 });
  await bring(context, 'system', { drvPath: undefined, outPath: closure.path }, newStore);
  const lines = linesOf(runtime, 'copying closure');
  expect(lines).toContainEqual(
    expect.stringMatching(/^[1-9]\d* of 15 paths sent, \d\.\d MB of 9\.4 MB, \d+\.\d kB\/s$/),
  );
  const paths = lines.flatMap((line) => /^(\d+) of 15 paths/.exec(line)?.[1] ?? []).map(Number);
  expect(paths.at(-1)).toBeGreaterThan(paths[0] ?? 15);
});

/** A derivation that needs three others, of which two take some seconds. */
function makeSlowDerivation(): string {
  const drvPath = instantiate(`
    let
      build = name: seconds: needs: derivation {
        inherit name needs;
        system = "x86_64-linux";
        builder = busybox;
        args = [ "sh" "-euc" "\${busybox} sleep \${toString seconds}; echo ${randomUUID()} >$out" ];
      };
    in build "all" 0 [ (build "quick" 0 []) (build "slow" 4 []) (build "slower" 5 []) ]`);
  atEnd(() => {
    const all = nix('nix-store', ['--query', '--requisites', '--include-outputs', drvPath]).split('\n');
    // busybox is that of other tests, too
    const own = all.filter((path) => !path.endsWith('-tools'));
    nix('nix-store', ['--delete', '--ignore-liveness', ...own]);
  });
  return drvPath;
}

test('a build: n of m, and what is built for how long', async () => {
  const runtime = hastyRuntime();
  const options = { options: [['max-jobs', '2'] as const], printBuildLogs: false, idleMs: 50_000 };
  await new Nix(options, runtime).build([`${makeSlowDerivation()}^*`], runtime.signal);
  const lines = linesOf(runtime, 'building');
  expect(lines).toContainEqual(expect.stringMatching(/^[0-3] of 4 derivations built; now slow/));
  const two = /^[01] of 4 derivations built; now slow\w* \((\d+) s\), slow\w* \((\d+) s\)$/;
  const [, longer, shorter] = lines.map((line) => two.exec(line)).findLast((found) => found !== null) ?? [];
  expect(Number(longer)).toBeGreaterThanOrEqual(Number(shorter));
  // one for each derivation only for who wants to know
  expect(runtime.log.lines.filter((line) => line.startsWith('building /'))).toEqual([]);
  expect(runtime.log.lines.filter((line) => line.startsWith('debug: building /'))).toHaveLength(4);
});

test('a build on the machine', async () => {
  const { context, runtime } = await farMachine();
  context.plan = { ...context.plan, offline: { ...context.plan.offline, buildOn: 'remote' } };
  await bring(context, 'system', makeDerivation('$bb sleep 4; echo done >$out'), newStore);
  expect(linesOf(runtime, 'building second on the machine')).toContainEqual(
    expect.stringMatching(/^1 of 2 derivations built, 3 of 3 paths sent, 2\.\d MB; now second \(\d+ s\)$/),
  );
});

test('a kexec image that is sent: bytes of how many', async () => {
  const path = image(9);
  const { context, runtime } = await farMachine({ kexec: path });
  await stageKexecImage(context, runtime.signal);
  const total = (statSync(path).size / 1e6).toFixed(1);
  expect(linesOf(runtime, 'sending the kexec image')).toContainEqual(
    expect.stringMatching(new RegExp(`^[\\d.]+ [kM]B of ${total} MB, [\\d.]+ kB/s$`)),
  );
  // what the machine says of it would be the same again
  expect(runtime.log.text).not.toContain('have arrived');
});

test('a kexec image that the machine fetches: what has arrived there', async () => {
  const path = image(8);
  const trickle = async (response: ServerResponse) => {
    for await (const chunk of createReadStream(path, { highWaterMark: 100_000 })) {
      response.write(chunk);
      await sleep(100);
    }
    response.end();
  };
  const server = createServer((_, response) => void trickle(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { context, runtime } = await farMachine({ kexec: `http://127.0.0.1:${address.port}/x.tar` });
  await stageKexecImage(context, runtime.signal);
  const lines = linesOf(runtime, 'the target fetches the kexec image');
  // it tells each five seconds, which are long here
  expect(lines[0]).toMatch(/^0 B unpacked, no bytes for \d+ s$/);
  expect(lines).toContainEqual(expect.stringMatching(/^[1-9]\.\d MB unpacked, [\d.]+ kB\/s$/));
});

test('extra files: bytes of how many', async () => {
  const folder = join(temporaryFolder('extra'), 'files');
  mkdirSync(folder);
  writeFileSync(join(folder, 'large'), randomBytes(6e6));
  const { context, target, runtime } = await farMachine();
  await target.run(script('mkdir -p /mnt'), [], { privileged: true });
  await copyExtraFiles({ ...context, extraFiles: await listExtraFiles(folder, runtime.signal) });
  expect(linesOf(runtime, 'copying the extra files')).toContainEqual(
    expect.stringMatching(/^[\d.]+ [kM]B of 6\.0 MB, [\d.]+ kB\/s$/),
  );
});

test('what is silent on the machine goes on all the same', async () => {
  const { context, runtime } = await farMachine();
  await runInProgress(context, {
    name: 'disko',
    script: 'echo formatting; sleep 4; echo done\n',
    args: [],
    idleMs: 50_000,
    onLine: (line) => runtime.log.foreign('disko', line),
  });
  const lines = runtime.log.lines.filter((line) => line.startsWith('disko>'));
  expect(lines).toEqual(['disko> formatting', 'disko> done']);
  expect(linesOf(runtime, 'disko').at(-1)).toMatch(/^it has printed nothing for \d+ s$/);
});

test('a wait says what was seen last, and how long it goes on', async () => {
  const { context, target, runtime } = await farMachine();
  const { bootId } = context.facts;
  const error = await failure(target.waitUntilGone(bootId, 'the reboot into the new system', 100_000));
  expect(error.message).toContain('still the old boot');
  expect(linesOf(runtime, 'waiting for the reboot into the new system')).toContainEqual(
    expect.stringMatching(/^still the old boot; given up in \d+ s$/),
  );
});
