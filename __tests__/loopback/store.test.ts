// The store bridge between a real Nix here and a real nix-daemon there, and what may and may not pass over it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { NixError } from '../../src/errors';
import { type BridgeOptions, StoreBridge } from '../../src/nix/store-bridge';
import type { Runtime } from '../../src/runtime';
import { bridge as bridgeScript } from '../../src/ssh/scripts';
import type { Target } from '../../src/ssh/target';
import { atEnd, test } from '../support/concurrent';
import { script, startMachine, startProxy, targetOf } from '../support/machine';
import { failure, temporaryFolder, testRuntime, until } from '../support/runtime';
import { daemons, features, makeClosure, newStore, nixOf, verifiedPaths } from '../support/store';

async function openBridge(target: Target, runtime: Runtime, options: Partial<BridgeOptions> = {}) {
  const bridge = await StoreBridge.open(target, { store: newStore, daemonOptions: [], ...options }, runtime);
  atEnd(() => bridge.close());
  return bridge;
}

const copying = (bridge: StoreBridge, signal: AbortSignal) => ({
  signal,
  alsoAlive: (touch: () => void) => bridge.onProgress(touch),
});

async function noDaemonIsLeft(target: Target): Promise<void> {
  for (let tries = 0; tries < 50 && (await daemons(target)).length > 0; tries++);
  expect(await daemons(target)).toEqual([]);
}

describe('a copy', () => {
  test('brings a closure over whole, and leaves no daemon behind', async () => {
    const runtime = testRuntime();
    const target = targetOf(await startMachine(), runtime);
    const closure = makeClosure({ small: 30, large: 8 });
    const bridge = await openBridge(target, runtime);
    await nixOf(runtime).copy([closure.path], bridge.uri, copying(bridge, runtime.signal));
    expect(bridge.bytesSent).toBeGreaterThan(8 << 20);
    await bridge.close();
    expect(await verifiedPaths(target)).toBe(closure.count);
    await noDaemonIsLeft(target);
  });

  test('is checked by a control: a path whose contents changed does not verify', async () => {
    const runtime = testRuntime();
    const target = targetOf(await startMachine(), runtime);
    const closure = makeClosure({ small: 1, large: 0 });
    const bridge = await openBridge(target, runtime);
    await nixOf(runtime).copy([closure.path], bridge.uri, copying(bridge, runtime.signal));
    await target.run(script('chmod u+w "/mnt$1" && echo changed >"/mnt$1"'), [closure.path]);
    expect((await failure(verifiedPaths(target))).message).toContain('exit code');
  });

  test('a second time sends next to nothing', async () => {
    const runtime = testRuntime();
    const target = targetOf(await startMachine(), runtime);
    const closure = makeClosure({ small: 3, large: 4 });
    for (const atMost of [8 << 20, 100_000]) {
      const bridge = await openBridge(target, runtime);
      await nixOf(runtime).copy([closure.path], bridge.uri, copying(bridge, runtime.signal));
      expect(bridge.bytesSent).toBeLessThan(atMost);
      await bridge.close();
    }
  });

  test('a Nix that waits to be read is told when the connection is lost', async () => {
    const runtime = testRuntime();
    const sshd = await startMachine();
    const proxy = await startProxy(sshd);
    const target = targetOf(sshd, runtime, { port: proxy.port });
    const bridge = await openBridge(target, runtime);
    const nix = connect(bridge.uri.replace('unix://', ''));
    atEnd(() => void nix.destroy());
    nix.on('error', () => undefined);
    const closed = new Promise((resolve) => nix.once('close', resolve));
    nix.write('x');
    await until('the channel is open', () => bridge.bytesSent > 0);
    proxy.blackhole();
    // as Nix does while it sends a path: it writes, and does not read
    nix.write(Buffer.alloc(64 << 20));
    await sleep(1500);
    expect(nix.writableNeedDrain).toBe(true);
    proxy.cut();
    await closed;
  });

  test('without nix-daemon on the machine: its shell’s words', async () => {
    const runtime = testRuntime();
    const target = targetOf(await startMachine({ nix: false }), runtime);
    const closure = makeClosure({ small: 1, large: 0 });
    const bridge = await openBridge(target, runtime);
    const copy = nixOf(runtime).copy([closure.path], bridge.uri, copying(bridge, runtime.signal));
    expect(await failure(copy)).toBeInstanceOf(NixError);
    expect(bridge.problems.join('\n')).toMatch(/nix-daemon: not found/);
  });
});

describe('the settings of the runner', () => {
  /** Settings in the places where Nix looks, each with a value that occurs nowhere else. */
  function hostileRunner(): Record<string, string> {
    const home = temporaryFolder('home');
    mkdirSync(join(home, '.config/nix'), { recursive: true });
    writeFileSync(
      join(home, '.config/nix/nix.conf'),
      'post-build-hook = /marked-hook\nnetrc-file = /marked-netrc\nsandbox = false\nextra-substituters = file:///marked-cache\n',
    );
    const config =
      'substituters =\naccess-tokens = marked.example=marked-token\nsecret-key-files = /marked-key\n';
    return { HOME: home, XDG_CONFIG_HOME: join(home, '.config'), NIX_CONFIG: config };
  }

  const forbidden = /marked|post-build-hook|netrc-file|access-tokens|secret-key-files|sandbox/g;

  /** A socket in front of the bridge's that keeps what Nix sends. */
  async function tap(bridge: StoreBridge): Promise<{ uri: string; sent: () => string }> {
    const path = join(temporaryFolder('tap'), 'sock');
    const sent: Buffer[] = [];
    const server = createServer((socket) => {
      const onward = connect(bridge.uri.replace('unix://', ''));
      socket.on('data', (bytes: Buffer) => sent.push(bytes));
      socket.pipe(onward).pipe(socket);
      for (const end of [socket, onward]) end.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    atEnd(() => void server.close());
    return { uri: `unix://${path}`, sent: () => Buffer.concat(sent).toString('latin1') };
  }

  async function tappedBridge() {
    const runtime = testRuntime(undefined, hostileRunner());
    const target = targetOf(await startMachine(), runtime);
    const bridge = await openBridge(target, runtime);
    return { runtime, bridge, tapped: await tap(bridge), ...makeClosure({ small: 2, large: 0 }) };
  }

  test('are not forwarded to the machine', async () => {
    const { runtime, bridge, tapped, path } = await tappedBridge();
    await nixOf(runtime).copy([path], tapped.uri, copying(bridge, runtime.signal));
    expect(tapped.sent()).toContain(path);
    expect(tapped.sent().match(forbidden)).toBeNull();
  });

  test('would be forwarded without our isolation, and this test would see it', async () => {
    const { runtime, tapped, path } = await tappedBridge();
    const args = ['copy', ...features, '--no-check-sigs', '--to', tapped.uri, path];
    await runtime.processes.run('nix', args, { signal: runtime.signal, idleMs: 20_000 });
    expect(new Set(tapped.sent().match(forbidden))).toEqual(
      new Set(['marked', 'post-build-hook', 'netrc-file', 'sandbox', 'secret-key-files']),
    );
  });

  test('upstream: values with & are cut and open to injection; a setting is one word of the daemon’s command line, whatever it holds', async () => {
    const runtime = testRuntime();
    const target = targetOf(await startMachine(), runtime);
    const value = `file:///a'b"c\nsandbox = false\n$(touch /run/pwned) \`touch /run/pwned\` ; touch /run/pwned`;
    const bridge = await openBridge(target, runtime, { daemonOptions: [['extra-substituters', value]] });
    const socket = connect(bridge.uri.replace('unix://', ''));
    atEnd(() => void socket.destroy());
    let pids: string[] = [];
    while (pids.length === 0) pids = await daemons(target);
    const { stdout } = await target.run(script('cat "/proc/$1/cmdline"; [ ! -e /run/pwned ]'), pids);
    const words = ['nix-daemon', '--stdio', '--store', newStore, '--option', 'extra-substituters', value];
    expect(stdout.split('\0').slice(0, -1)).toEqual(words);
  });
});

describe('daemons of an earlier run', () => {
  test('that a killed client left behind are ended before a new bridge opens', async () => {
    const sshd = await startMachine();
    const proxy = await startProxy(sshd);
    const runtime = testRuntime();
    const earlier = targetOf(sshd, runtime, { port: proxy.port });
    const silent = { onOutput: () => undefined, onErrorLine: () => undefined };
    await earlier.pipe(bridgeScript, [newStore], { ...silent });
    const later = targetOf(sshd, runtime);
    let stale: string[] = [];
    while (stale.length === 0) stale = await daemons(later);
    // the machine does not learn that its client is gone
    proxy.blackhole();
    const bridge = await openBridge(later, runtime);
    expect(await daemons(later)).toEqual([]);
    const closure = makeClosure({ small: 1, large: 0 });
    await nixOf(runtime).copy([closure.path], bridge.uri, copying(bridge, runtime.signal));
    expect(await verifiedPaths(later)).toBe(closure.count);
  });

  test('a process that merely has the number of one is left alone', async () => {
    const runtime = testRuntime();
    const target = targetOf(await startMachine(), runtime);
    const text = `mkdir -p /run/nixos-anywhere/bridges
      sleep 60 >/dev/null 2>&1 &
      echo 1 >"/run/nixos-anywhere/bridges/$!"
      echo $!`;
    const pid = (await target.run(script(text), [])).stdout.trim();
    await openBridge(target, runtime);
    const { stdout } = await target.run(script('tr "\\0" " " <"/proc/$1/cmdline"'), [pid]);
    expect(stdout).toBe('sleep 60 ');
  });
});

test('closing the bridge ends a copy that goes on', async () => {
  const sshd = await startMachine();
  // slow enough to be caught in the act
  const proxy = await startProxy(sshd, 50);
  const runtime = testRuntime();
  const target = targetOf(sshd, runtime, { port: proxy.port });
  const closure = makeClosure({ small: 0, large: 48 });
  const bridge = await openBridge(target, runtime);
  const copy = failure(nixOf(runtime).copy([closure.path], bridge.uri, copying(bridge, runtime.signal)));
  await until('the copy goes on', () => bridge.bytesSent > 8 << 20);
  await bridge.close();
  expect(await copy).toBeInstanceOf(NixError);
  await noDaemonIsLeft(target);
});
