// Copying a closure to the machine while the connection breaks.
import { expect } from 'vitest';
import { bring } from '../../src/phases/bring';
import type { FaultProxy } from '../../testbed/proxy.mts';
import { test, testEach } from '../support/concurrent';
import { contextOf } from '../support/context';
import { expectKnown } from '../support/known-failures';
import { startMachine, startProxy, targetOf } from '../support/machine';
import { failure, testRuntime, until } from '../support/runtime';
import { daemons, makeClosure, newStore, verifiedPaths } from '../support/store';

const built = (outPath: string) => ({ drvPath: undefined, outPath });

/** A machine at some distance, so that a copy takes long enough to be disturbed. */
async function distantMachine() {
  const sshd = await startMachine();
  const proxy = await startProxy(sshd, 25);
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime, { port: proxy.port });
  return { sshd, proxy, runtime, target, context: await contextOf(sshd, target, runtime) };
}

const breaks: readonly (readonly ['closed' | 'whose bytes vanish', (proxy: FaultProxy) => void])[] = [
  ['closed', (proxy) => proxy.cut()],
  ['whose bytes vanish', (proxy) => proxy.blackhole()],
];

testEach(breaks)('a copy survives a connection %s', async (_, breakIt) => {
  const { sshd, proxy, runtime, target, context } = await distantMachine();
  const closure = makeClosure({ small: 20, large: 48 });
  const before = proxy.bytesToTarget;
  const copy = bring(context, 'system', built(closure.path), newStore);
  await until('the copy is under way', () => proxy.bytesToTarget - before > 12 << 20);
  breakIt(proxy);
  await copy;
  expect(runtime.log.text).toContain(`was lost during copying ${closure.path}`);
  // none is counted twice that was on its way when it broke
  expect(context.progress.copied).toMatchObject([{ sentPaths: closure.count, substituted: 0 }]);
  const observer = targetOf(sshd, runtime);
  expect(await verifiedPaths(observer)).toBe(closure.count);
  // the daemon of the broken connection was ended, and ours ended with its bridge
  let left = await daemons(observer);
  for (let tries = 0; tries < 50 && left.length > 0; tries++) left = await daemons(observer);
  expect(left).toEqual([]);
  expect(target.isConnected).toBe(true);
});

test('paths that the machine has already are not sent again', async () => {
  const { sshd, runtime, target, context } = await distantMachine();
  const closure = makeClosure({ small: 2, large: 12 });
  await bring(context, 'system', built(closure.path), 'local');
  const sent = () => Number(/copied \S+: ([\d.]+) MB/.exec(runtime.log.lines.at(-1) ?? '')?.[1]);
  expect(sent()).toBeGreaterThan(12);
  // the new system's store takes them from the installer's
  await bring(context, 'system', built(closure.path), newStore);
  expect(sent()).toBeLessThan(1);
  expect(context.progress.copied).toEqual([
    { what: 'system', sentPaths: closure.count, sentBytes: expect.any(Number), substituted: 0, built: 0 },
    { what: 'system', sentPaths: 0, sentBytes: expect.any(Number), substituted: closure.count, built: 0 },
  ]);
  expect(await verifiedPaths(target)).toBe(closure.count);
  expect(await daemons(targetOf(sshd, runtime))).toEqual([]);
});

test('a machine without Nix: what is missing, and advice', async () => {
  const sshd = await startMachine({ nix: false });
  const runtime = testRuntime();
  const context = await contextOf(sshd, targetOf(sshd, runtime), runtime);
  const error = await failure(
    bring(context, 'system', built(makeClosure({ small: 1, large: 0 }).path), newStore),
  );
  expectKnown('sh: …: nix-daemon: not found', error);
});
