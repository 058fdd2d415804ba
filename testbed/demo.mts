// `npm run demo`: installs a virtual machine from end to end with the bundled action, then asks the machine who it
// is. The first run takes over a Debian; later runs reinstall the machine that the run before left, and take from the
// cache what that run has built: each begins with an empty store, as a hosted runner does.
// `npm run demo -- --fresh` starts from Debian again, with an empty cache.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ActionResult, asShown, runAction, runPost } from './action.mts';
import { ensureImages, flakeCopy } from './build.mts';
import type { CacheService } from './cache-service.mts';
import { canHaveOwnStore, emptyRunner, removeRunner } from './empty-runner.mts';
import { keepEntries, startKept } from './kept-cache.mts';
import { Machine } from './machine.mts';
import { cacheFolder, kexecImage, nixEnvironment, sshKey } from './paths.mts';

const folder = join(cacheFolder, 'demo');
/** The machine as the last successful run left it. */
const installedDisk = join(folder, 'disk.qcow2');
const actionFolder = join(folder, 'run');
/** What the cache service keeps from run to run. */
const entriesFolder = join(folder, 'cache');
/** What Nix has on the runner, gone with it: store, and what it remembers of evaluations and downloads. */
const runnerFolder = join(folder, 'runner');

function say(line: string): void {
  console.log(`demo: ${line}`);
}

/** Who a machine says it is. */
interface Identity {
  hostName: string;
  release: string;
  system: string;
  bootId: string;
}

async function identity(machine: Machine): Promise<Identity> {
  const questions = [
    'hostname',
    'sed -n "s/^PRETTY_NAME=//p" /etc/os-release',
    'readlink /run/current-system || echo none',
    'cat /proc/sys/kernel/random/boot_id',
  ];
  const { code, stdout, stderr } = await machine.ssh(questions.join('; '));
  if (code !== 0) throw new Error(`the machine does not say who it is: ${stderr}`);
  const [hostName = '', release = '', system = '', bootId = ''] = stdout.split('\n');
  return { hostName, release, system, bootId };
}

function describe(title: string, { hostName, release, system, bootId }: Identity): void {
  say(`${title}: ${hostName}, ${release}, system ${system}, boot ${bootId}`);
}

function startMachine(): Promise<Machine> {
  const disk = existsSync(installedDisk) ? { disk: installedDisk } : {};
  say(disk.disk ? 'starting the machine that the last run installed' : 'starting a fresh Debian');
  return Machine.start({ name: 'demo', ...disk });
}

/** The store of one that cannot have an empty one has what runs before have built. */
function runnerEnvironment(): Record<string, string> {
  if (canHaveOwnStore()) return emptyRunner(runnerFolder);
  say('the runner’s store is the one of this machine: this user may have no namespaces');
  return nixEnvironment();
}

async function install(
  machine: Machine,
  service: CacheService,
  hostName: string,
  signal: AbortSignal,
): Promise<ActionResult> {
  const flake = flakeCopy(join(folder, 'flake'), { hostName });
  const port = String(machine.port);
  const inputs = {
    flake: `path:${flake}#demo`,
    'target-host': 'root@127.0.0.1',
    'ssh-port': port,
    'post-kexec-ssh-port': port,
    'ssh-private-key': readFileSync(sshKey, 'utf8'),
    'known-hosts': await machine.hostKeys(),
    kexec: kexecImage,
    'on-installed': 'reinstall',
  };
  say(`installing ${inputs.flake} with host name ${hostName}`);
  // what is for the runner alone, the lines of the key among it, stays in the log file
  const onLine = (line: string) => {
    const shown = asShown(line);
    if (shown !== '') console.log(shown);
  };
  const env = { ...runnerEnvironment(), ...service.environment };
  const options = { inputs, env, dir: actionFolder, onLine };
  const result = await runAction({ ...options, signal });
  await runPost(options, result);
  return result;
}

/** What is not as it should be after the install. */
function differences(result: ActionResult, hostName: string, before: Identity, after: Identity): string[] {
  const expected: [boolean, string][] = [
    [after.hostName === hostName, `the host name is ${after.hostName}, not ${hostName}`],
    [after.release.includes(hostName), `the release is ${after.release}, without ${hostName}`],
    [
      after.system === result.outputs['system-path'],
      `${after.system} runs, not ${result.outputs['system-path']}`,
    ],
    [after.bootId !== before.bootId, 'the machine was not booted'],
  ];
  return expected.filter(([fine]) => !fine).map(([, difference]) => difference);
}

function printPlaces(machine: Machine, result: ActionResult): void {
  say(`job summary: ${join(actionFolder, 'summary.md')}`);
  say(`result file: ${result.outputs['result-file'] ?? 'none'}`);
  say(`log: ${join(actionFolder, 'log.txt')}; the machine's console: ${machine.serialLog}`);
}

/** What the cache gave and got, as the result file has it; bytes, and seconds. */
interface CacheReport {
  hit: 'exact' | 'partial' | 'none';
  restored: { paths: number; bytes: number };
  saved: { paths: number; bytes: number };
  secondsWon: number;
}

function describeCache({ log, outputs }: ActionResult): void {
  const result: { cache: CacheReport } = JSON.parse(readFileSync(outputs['result-file'] ?? '', 'utf8'));
  const { hit, restored, saved, secondsWon } = result.cache;
  const built = log.split('\n').filter((line) => line.startsWith('::debug::building ')).length;
  const [, seconds = '?'] = /^built .* in ([\d.]+) s/m.exec(log) ?? [];
  const counted = ({ paths, bytes }: { paths: number; bytes: number }) =>
    `${paths} paths (${bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`})`;
  say(
    `cache: ${hit === 'none' ? 'no' : hit} hit: ${counted(restored)} taken from it, ${built} derivations built`,
  );
  say(`cache: ${counted(saved)} saved; all that took ${seconds} s, and won ${secondsWon} s`);
}

/** Installs and asks; returns what went wrong. */
async function run(machine: Machine, service: CacheService): Promise<string[]> {
  const before = await identity(machine);
  describe('before', before);
  const hostName = `demo-${randomBytes(2).toString('hex')}`;
  const result = await interruptible((signal) => install(machine, service, hostName, signal));
  printPlaces(machine, result);
  if (result.code !== 0) return [`the action ended with ${result.code ?? result.signal}`];
  describeCache(result);
  const after = await identity(machine);
  describe('after', after);
  const wrong = differences(result, hostName, before, after);
  if (wrong.length === 0) await machine.saveDisk(installedDisk);
  return wrong;
}

/** Work that an interruption cancels in good order; anything else simply ends, and what it started with it. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    return await work(interruption.signal);
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

async function main(): Promise<number> {
  const began = Date.now();
  mkdirSync(folder, { recursive: true });
  if (process.argv.includes('--fresh'))
    for (const old of [installedDisk, entriesFolder]) rmSync(old, { recursive: true, force: true });
  await ensureImages();
  const service = await startKept(entriesFolder);
  const machine = await startMachine();
  try {
    const wrong = await run(machine, service);
    for (const difference of wrong) say(`FAILED: ${difference}`);
    say(`${wrong.length ? 'failed' : 'done'} in ${Math.round((Date.now() - began) / 1000)} s`);
    return wrong.length ? 1 : 0;
  } finally {
    await machine.stop();
    service.stop();
    keepEntries(service, entriesFolder);
    removeRunner(runnerFolder);
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  say(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
