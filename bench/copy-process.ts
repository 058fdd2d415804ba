// copy-process.ts JOB: one copy, in a fresh process, as src/phases/bring.ts makes it. Prints a CopyReport.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Nix } from '../src/nix/nix';
import { StoreBridge } from '../src/nix/store-bridge';
import { SpawnRunner } from '../src/process';
import { type Logger, type Runtime, systemClock } from '../src/runtime';
import type { Endpoint } from '../src/ssh/connection';
import { HostKeyTrust } from '../src/ssh/host-key-trust';
import { parsePublicKeys } from '../src/ssh/host-keys';
import { Target } from '../src/ssh/target';

export interface CopyJob {
  /** The top of the closure. */
  path: string;
  /** The store that Nix itself reaches; without it the bridge is used. */
  uri?: string;
  /** The store on the target. */
  store: string;
  endpoint: Endpoint;
  privateKeyFile: string;
  /** type and base64 */
  hostKey: string;
}

export interface CopyReport {
  ms: number;
  /** Of that the SSH login of the bridge, in milliseconds. An install has it behind it when it copies. */
  loginMs: number;
  /** Memory of this process, Nix not included, before the copy and at its peak, in bytes. */
  idleBytes: number;
  peakBytes: number;
  /** Processor time of this process, Nix not included, in milliseconds. */
  cpuMs: number;
}

const silentMs = 10 * 60_000;

/** Errors come as exceptions; all else is of no interest here. */
const quiet: Logger = {
  info: () => undefined,
  debug: () => undefined,
  warning: (text) => console.error(text),
  foreign: (origin, line) => console.error(`${origin}> ${line}`),
  group: (_title, work) => work(),
};

function makeRuntime(privateFolder: string): Runtime {
  const environment = Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return {
    log: quiet,
    clock: systemClock,
    processes: new SpawnRunner(() => environment),
    signal: new AbortController().signal,
    abort: () => undefined,
    privateFolder,
  };
}

/** @returns how long the login took, in milliseconds */
async function copyOverBridge(job: CopyJob, nix: Nix, runtime: Runtime): Promise<number> {
  const target = new Target(
    {
      endpoint: job.endpoint,
      login: { privateKey: readFileSync(job.privateKeyFile, 'utf8') },
      trust: HostKeyTrust.pinned(parsePublicKeys(job.hostKey)),
      connectMs: silentMs,
      idleMs: silentMs,
    },
    runtime,
  );
  const start = performance.now();
  await target.connect();
  const loginMs = performance.now() - start;
  // as the install phase has it
  const daemonOptions = [['extra-substituters', 'auto?trusted=1']] as const;
  const bridge = await StoreBridge.open(target, { store: job.store, daemonOptions }, runtime);
  await copyTo(bridge.uri, job, nix, runtime, (touch) => bridge.onProgress(touch));
  await bridge.close();
  target.close();
  return loginMs;
}

async function copyTo(
  uri: string,
  job: CopyJob,
  nix: Nix,
  runtime: Runtime,
  alsoAlive: (touch: () => void) => void = () => undefined,
): Promise<void> {
  await nix.copy([job.path], uri, { signal: runtime.signal, alsoAlive });
}

/** A field of /proc/self/status. Not getrusage's maximum: that one starts with the memory of the parent. */
function memory(field: 'VmRSS' | 'VmHWM'): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line?.[1]) * 1024;
}

async function measure(job: CopyJob, nix: Nix, runtime: Runtime): Promise<CopyReport> {
  const idleBytes = memory('VmRSS');
  // forgets the peak of starting: node compiled the sources
  writeFileSync('/proc/self/clear_refs', '5');
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  let loginMs = 0;
  if (job.uri === undefined) loginMs = await copyOverBridge(job, nix, runtime);
  else await copyTo(job.uri, job, nix, runtime);
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { ms, loginMs, idleBytes, peakBytes: memory('VmHWM'), cpuMs: (user + system) / 1000 };
}

const job = JSON.parse(process.argv[2] ?? '') as CopyJob;
const folder = mkdtempSync(join(tmpdir(), 'bench-copy-'));
const runtime = makeRuntime(folder);
const nix = new Nix({ options: [], printBuildLogs: false, idleMs: silentMs }, runtime);
const report = await measure(job, nix, runtime);
rmSync(folder, { recursive: true });
console.log(JSON.stringify(report));
