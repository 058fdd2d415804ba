// Hosts to be listed, and what listing them takes: by the bundle, and by its one evaluation of many hosts.
import type { ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Nix } from '../src/nix/nix';
import { evaluateHosts } from '../src/plan/host-derivations';
import { SpawnRunner } from '../src/process';
import type { Result } from '../src/report/result';
import { systemClock } from '../src/runtime';
import { runAction } from '../testbed/action.mts';
import { nixEnvironment } from '../testbed/paths.mts';
import { childrenOf, memoryOf } from './memory';

/** How many hosts, how many modules each of them is made of, and how many other values it keeps. */
export interface FleetShape {
  readonly hosts: number;
  readonly modules: number;
  readonly values: number;
}

/** Peaks in bytes. */
export interface ListingSample {
  readonly seconds: number;
  /** How many have a job; of an evaluation alone how many were evaluated. */
  readonly jobs: number;
  readonly evaluations: number;
  /** Of the action's own process; 0 where there is none. */
  readonly action: number;
  /** Of the largest process of Nix, and of all that there were at the same time. */
  readonly nix: number;
  readonly together: number;
}

const intervalMs = 20;

/** A checkout with main, and on top of it branches by what they change: `none` (another file), `one` and `all` hosts. */
export function makeCheckout(folder: string, { hosts, modules, values }: FleetShape): string {
  mkdirSync(folder, { recursive: true });
  const git = (...args: string[]) =>
    execFileSync('git', [
      '-C',
      folder,
      '-c',
      'user.name=bench',
      '-c',
      'user.email=bench@example.org',
      ...args,
    ]);
  const commit = (text: (host: number) => string) => {
    const all = Array.from({ length: hosts }, (_, host) => [`host-${host}`, { text: text(host) }]);
    writeFileSync(join(folder, 'hosts.json'), JSON.stringify(Object.fromEntries(all)));
    git('add', '.');
    git('commit', '-qm', 'bench');
  };
  writeFileSync(join(folder, 'flake.nix'), flake(modules, values));
  git('init', '-q', '-b', 'main');
  commit(() => 'first');
  for (const branch of ['none', 'one', 'all'] as const) {
    git('checkout', '-q', '-b', branch, 'main');
    writeFileSync(join(folder, 'README'), branch);
    commit((host) => (branch === 'all' || (branch === 'one' && host === 7) ? 'second' : 'first'));
  }
  return folder;
}

/** As a module system merges: sets of options that look at each other, all of which the system is made of; and what else a configuration keeps. */
function flake(modules: number, values: number): string {
  return `{
  outputs = _:
    let
      hosts = builtins.fromJSON (builtins.readFile ./hosts.json);
      drv = name: text: derivation { inherit name text; system = "x86_64-linux"; builder = "/bin/sh"; };
      module = name: final: m: builtins.listToAttrs (builtins.genList (o: {
        name = "option-\${toString m}-\${toString o}";
        value = {
          text = "\${name} \${toString m} \${toString o}";
          enable = m == 0 || final.\${"option-\${toString (m - 1)}-\${toString o}"}.enable;
        };
      }) 40);
      configuration = name: host:
        let
          final = builtins.zipAttrsWith (_: builtins.head) (builtins.genList (module name final) ${modules});
          kept = builtins.genList (n: n + 1) ${values};
        in
        {
          config.options = { inherit final kept; };
          config.system.build.toplevel = drv "nixos-system-\${name}" (builtins.hashString "sha256" (builtins.toJSON final) + toString (builtins.foldl' builtins.add 0 kept) + host.text);
          config.system.build.diskoScript = drv "disko" name;
        };
    in
    {
      nixosConfigurations = builtins.mapAttrs configuration hosts;
      nixosAnywhere = builtins.mapAttrs (_: _: { target-host = "root@192.0.2.1"; }) hosts;
    };
}
`;
}

/** The bundle with list-hosts, on what is checked out. */
export async function measureList(
  folder: string,
  dir: string,
  branch: string,
  since: string | undefined,
): Promise<ListingSample> {
  execFileSync('git', ['-C', folder, 'checkout', '-q', branch]);
  let watch = { stop: () => noMemory };
  const start = performance.now();
  const run = await runAction({
    inputs: {
      flake: folder,
      'list-hosts': 'true',
      ...(since === undefined ? {} : { 'changed-since': since }),
    },
    dir,
    env: environment(dir),
    onStart: (child: ChildProcess) => {
      watch = watchPeaks(() => ({ action: child.pid ?? 0, nix: childrenOf(child.pid ?? 0) }));
    },
  });
  const seconds = (performance.now() - start) / 1000;
  const memory = watch.stop();
  if (run.code !== 0) throw new Error(run.log);
  const { fleet } = JSON.parse(readFileSync(run.outputs['result-file'] ?? '', 'utf8')) as Result;
  const evaluations = fleet?.evaluations ?? 0;
  return { seconds, jobs: Number(run.outputs.count), evaluations, ...memory };
}

/** One ref alone, with so much memory for each process. */
export async function measureEvaluation(
  folder: string,
  dir: string,
  hosts: number,
  memory: number,
): Promise<ListingSample> {
  execFileSync('git', ['-C', folder, 'checkout', '-q', 'main']);
  const pids: number[] = [];
  const runner = new SpawnRunner(() => environment(dir));
  const processes: typeof runner.run = (command, args, options) =>
    runner.run(command, args, {
      ...options,
      onStart: (pid) => {
        pids.push(pid);
        options.onStart?.(pid);
      },
    });
  const { signal } = new AbortController();
  const nothing = () => undefined;
  const log = {
    info: nothing,
    debug: nothing,
    warning: nothing,
    foreign: nothing,
    group: <T>(_: string, work: () => Promise<T>) => work(),
  };
  const runtime = {
    log,
    clock: systemClock,
    signal,
    abort: nothing,
    privateFolder: dir,
    processes: { run: processes, filter: runner.filter.bind(runner) },
  };
  const nix = new Nix({ options: [], printBuildLogs: false, idleMs: 600_000 }, runtime);
  const names = Array.from({ length: hosts }, (_, host) => `host-${host}`);
  const watch = watchPeaks(() => ({ action: 0, nix: pids }));
  const start = performance.now();
  const found = await evaluateHosts(folder, names, nix, signal, undefined, memory);
  const seconds = (performance.now() - start) / 1000;
  const jobs = [...found.hosts.values()].filter((host) => 'ok' in host).length;
  return { seconds, jobs, evaluations: found.evaluations, ...watch.stop() };
}

/** Nothing of this computer but Nix itself: a store, a cache and a home of its own. */
function environment(dir: string): Record<string, string> {
  const env: Record<string, string> = { ...nixEnvironment(), NIX_REMOTE: `local?root=${join(dir, 'store')}` };
  for (const name of ['HOME', 'XDG_CACHE_HOME', 'TMPDIR']) {
    const folder = join(dir, name.toLowerCase());
    mkdirSync(folder, { recursive: true });
    env[name] = folder;
  }
  return env;
}

const noMemory = { action: 0, nix: 0, together: 0 };

function watchPeaks(processes: () => { action: number; nix: readonly number[] }) {
  const peaks = { ...noMemory };
  const timer = setInterval(() => {
    const { action, nix } = processes();
    const of = nix.map(memoryOf);
    peaks.action = Math.max(peaks.action, memoryOf(action).peak);
    peaks.nix = Math.max(peaks.nix, ...of.map(({ peak }) => peak));
    peaks.together = Math.max(
      peaks.together,
      of.reduce((sum, { now }) => sum + now, 0),
    );
  }, intervalMs);
  return {
    stop: () => {
      clearInterval(timer);
      return peaks;
    },
  };
}
