// Many hosts in few evaluations, by a real Nix: what fails, what that costs, and what it takes of memory.
import { expect } from 'vitest';
import { TimeoutError } from '../../src/errors';
import { Nix } from '../../src/nix/nix';
import { type EvaluatedHosts, evaluateHosts } from '../../src/plan/host-derivations';
import { test, testEach } from '../support/concurrent';
import { type FleetHost, makeFleet } from '../support/fleet';
import { failure, type TestRuntime, temporaryFolder, testRuntime } from '../support/runtime';
import { nixOf } from '../support/store';

const throwing = (nix: string): FleetHost => ({
  configuration: `{ config.system.build.toplevel = ${nix}; }`,
});

/** A Nix with a store of its own, and all evaluations that it began. */
function watchedRuntime(signal?: AbortSignal): TestRuntime & { evaluations: () => number } {
  const runtime = testRuntime(signal, { NIX_REMOTE: `local?root=${temporaryFolder('store')}` });
  let evaluations = 0;
  const run: TestRuntime['processes']['run'] = (command, args, options) => {
    if (args[0] === 'eval') evaluations++;
    return runtime.processes.run(command, args, options);
  };
  const processes = { run, filter: runtime.processes.filter.bind(runtime.processes) };
  return { ...runtime, processes, evaluations: () => evaluations };
}

function evaluate(
  count: number,
  hosts: Record<string, FleetHost>,
  memory?: number,
  runtime = watchedRuntime(),
) {
  const { folder } = makeFleet({ count, hosts });
  const names = Array.from({ length: count }, (_, index) => `web-${index}`);
  return evaluateHosts(folder, names, nixOf(runtime), runtime.signal, undefined, memory);
}

function problems({ hosts }: EvaluatedHosts): Record<string, string> {
  return Object.fromEntries(
    [...hosts].flatMap(([name, host]) => ('problem' in host ? [[name, host.problem]] : [])),
  );
}

test('30 hosts are one evaluation', async () => {
  const runtime = watchedRuntime();
  const found = await evaluate(30, {}, undefined, runtime);
  expect(found.evaluations).toBe(1);
  expect(runtime.evaluations()).toBe(1);
  expect(found.hosts.size).toBe(30);
  expect(found.hosts.get('web-29')).toEqual({
    ok: {
      system: 'x86_64-linux',
      toplevel: {
        drvPath: expect.stringMatching(/^\/nix\/store\/\w{32}-nixos-system-web-29\.drv$/),
        outPath: expect.stringMatching(/^\/nix\/store\/\w{32}-nixos-system-web-29$/),
      },
      diskoScript: { drvPath: expect.stringMatching(/-disko\.drv$/), outPath: expect.any(String) },
    },
  });
});

const ifd = (command: string) =>
  throwing(
    `import (derivation { name = "made"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" ''${command}'' ]; })`,
  );

testEach<string, { host: FleetHost; says: RegExp }>([
  ['throw', { host: throwing('throw "no such disk"'), says: /^no such disk$/ }],
  [
    'failed assertions',
    {
      host: throwing(String.raw`throw "\nFailed assertions:\n- no file systems\n- no boot loader"`),
      says: /^Failed assertions:\n- no file systems\n- no boot loader$/,
    },
  ],
  [
    'assert',
    { host: throwing('assert false; null'), says: /^assertion 'false' failed \(at flake\.nix:\d+:\d+\)$/ },
  ],
  ['abort', { host: throwing('abort "over"'), says: /evaluation aborted .*over/ }],
  [
    'infinite recursion',
    { host: throwing('let x = x; in x'), says: /^infinite recursion encountered \(at / },
  ],
  [
    'endless calls',
    { host: throwing('let f = x: 1 + f x; in f 1'), says: /stack overflow|max-call-depth exceeded/ },
  ],
  [
    'a missing attribute',
    { host: throwing('{ }.openssh'), says: /^attribute 'openssh' missing \(at flake\.nix:/ },
  ],
  ['a wrong type', { host: throwing('1 + "x"'), says: /^cannot add a string to an integer/ }],
  ['a missing file', { host: throwing('import ./disks.nix'), says: /disks\.nix/ }],
  ['another type of system', { host: throwing('"text"'), says: /string/ }],
  ['a failed build on the way', { host: ifd('exit 3'), says: /made\.drv.*failed|failed.*made\.drv/s }],
  [
    'a disko script that fails',
    {
      host: {
        configuration:
          '{ config.system.build = { toplevel = drv "t" ""; diskoScript = throw "no disk layout"; }; }',
      },
      says: /^no disk layout$/,
    },
  ],
  [
    'no configuration',
    { host: { configuration: null }, says: /^the flake has no nixosConfigurations\.web-2$/ },
  ],
])('a host that fails is told with the reason, and the others stay: %s', async (_, { host, says }) => {
  const runtime = watchedRuntime();
  const found = await evaluate(5, { 'web-2': host }, undefined, runtime);
  expect(problems(found)).toEqual({ 'web-2': expect.stringMatching(says) });
  expect([...found.hosts.values()].filter((each) => 'ok' in each)).toHaveLength(4);
  // one that goes on with the others
  expect(found.evaluations).toBe(host.configuration === null ? 1 : 2);
  expect(runtime.evaluations()).toBe(found.evaluations);
});

test('a configuration that is built on the way, and one without disko', async () => {
  const imported = ifd(
    'printf %s "derivation { name = \\"t\\"; system = \\"x86_64-linux\\"; builder = \\"/bin/sh\\"; }" >$out',
  );
  const found = await evaluate(3, {
    'web-0': imported,
    'web-1': { configuration: '{ config.system.build.toplevel = drv "t" ""; }' },
  });
  expect(problems(found)).toEqual({});
  expect(found.evaluations).toBe(1);
  expect(found.hosts.get('web-1')).toMatchObject({ ok: { diskoScript: undefined } });
});

test('each host that fails costs one evaluation, and no host has two', async () => {
  const failing = [3, 7, 11, 15, 19, 23, 27];
  const hosts = Object.fromEntries(failing.map((n) => [`web-${n}`, throwing(`throw "bad ${n}"`)]));
  const found = await evaluate(30, hosts);
  expect(Object.keys(problems(found)).toSorted()).toEqual(failing.map((n) => `web-${n}`).toSorted());
  expect(found.evaluations).toBe(8);
});

test('all fail for the same reason: one error, after few evaluations', async () => {
  const hosts = Object.fromEntries(
    Array.from({ length: 30 }, (_, n) => [`web-${n}`, throwing(`throw "nixpkgs is too old for web-${n}"`)]),
  );
  const runtime = watchedRuntime();
  const error = await failure(evaluate(30, hosts, undefined, runtime));
  expect(error.message).toBe(
    'the first 8 of 30 hosts that were tried fail, and most likely all do, for the same reason: nixpkgs is too old for NAME',
  );
  expect(runtime.evaluations()).toBe(8);
});

test('many of one kind fail, and those of another kind stay', async () => {
  const hosts = Object.fromEntries(
    Array.from({ length: 12 }, (_, n) => [`web-${n}`, throwing('throw "the module web is wrong"')]),
  );
  const found = await evaluate(30, hosts);
  expect(Object.keys(problems(found))).toHaveLength(12);
  expect(found.evaluations).toBe(13);
});

test('a flake that fails as a whole is one error of one evaluation', async () => {
  const runtime = watchedRuntime();
  const { folder } = makeFleet({ count: 0 });
  const evaluating = evaluateHosts(`${folder}?dir=nowhere`, ['a', 'b'], nixOf(runtime), runtime.signal);
  expect((await failure(evaluating)).message).toMatch(/flake\.nix/);
  expect(runtime.evaluations()).toBe(1);
});

/** Takes minutes, and little memory. */
const slow = throwing(
  "builtins.foldl' (_: _: builtins.foldl' builtins.add 0 (builtins.genList (m: m) 100000)) 0 (builtins.genList (n: n) 100000)",
);

/** A configuration that keeps about so many million values, of 16 bytes and more each. */
const heavy = (millions: number): FleetHost => ({
  configuration: `let kept = builtins.genList (n: n + 1) ${millions * 1e6}; in {
    config.system.build.toplevel = drv "t" (toString (builtins.foldl' builtins.add 0 kept + builtins.length kept));
  }`,
});

test('hosts that need more memory than there is have several processes, one after another', async () => {
  const hosts = Object.fromEntries(Array.from({ length: 6 }, (_, n) => [`web-${n}`, heavy(1)]));
  const runtime = watchedRuntime();
  const found = await evaluate(6, hosts, 400e6, runtime);
  expect(problems(found)).toEqual({});
  expect(found.hosts.size).toBe(6);
  expect(found.evaluations).toBeGreaterThan(1);
  expect(found.evaluations).toBeLessThan(6);
  expect(runtime.evaluations()).toBe(found.evaluations);
  // one is evaluated even so
  expect((await evaluate(2, hosts, 1)).evaluations).toBe(2);
});

test('a Nix that is killed goes on where it was; a host that is killed each time is told', async () => {
  const runtime = watchedRuntime();
  let killed = 0;
  const run: TestRuntime['processes']['run'] = (command, args, options) => {
    let pid = 0;
    return runtime.processes.run(command, args, {
      ...options,
      onStart: (id) => {
        pid = id;
      },
      onErrorLine: (line) => {
        options.onErrorLine?.(line);
        if (!/begins.*web-2/.test(line)) return;
        killed++;
        process.kill(pid, 'SIGKILL');
      },
    });
  };
  const processes = { run, filter: runtime.processes.filter.bind(runtime.processes) };
  const found = await evaluate(5, { 'web-2': slow }, undefined, { ...runtime, processes });
  expect(killed).toBe(2);
  expect(problems(found)).toEqual({
    'web-2': expect.stringMatching(/killed, most likely for lack of memory/),
  });
  expect(found.evaluations).toBe(3);
});

test('a cancel ends it at once', async () => {
  const cancel = new AbortController();
  const runtime = watchedRuntime(cancel.signal);
  const started = Date.now();
  setTimeout(() => cancel.abort(new Error('cancelled')), 2000);
  const error = await failure(evaluate(3, { 'web-1': slow }, undefined, runtime));
  expect(error.message).toBe('cancelled');
  expect(Date.now() - started).toBeLessThan(10_000);
});

const impatient = (runtime: TestRuntime) =>
  new Nix({ options: [], printBuildLogs: false, idleMs: 4000 }, runtime);

test('a host that takes too long is told, and the others stay; each that is done is a sign of life', async () => {
  const runtime = watchedRuntime();
  const { folder } = makeFleet({ count: 3, hosts: { 'web-1': slow } });
  const names = ['web-0', 'web-1', 'web-2'];
  const found = await evaluateHosts(folder, names, impatient(runtime), runtime.signal);
  expect(problems(found)).toEqual({ 'web-1': 'nix eval: no output and no bytes for 4.0 s' });
  expect(found.evaluations).toBe(2);
});

test('where already the first host takes too long, it is taken for what all have', async () => {
  const runtime = watchedRuntime();
  const { folder } = makeFleet({ count: 2, hosts: { 'web-0': slow } });
  const error = await failure(evaluateHosts(folder, ['web-0', 'web-1'], impatient(runtime), runtime.signal));
  expect(error).toBeInstanceOf(TimeoutError);
  expect(runtime.evaluations()).toBe(1);
});
