// The virtual machine that gets taken over: started fresh or from a snapshot, spoken to with OpenSSH.
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder, kexecImage, sshKey, targetDisk } from './paths.mts';
import { freePort } from './ports.mts';
import {
  type Accelerator,
  accelerator,
  type ExtraDisk,
  firmwareVariables,
  machineKey,
  Qemu,
  type QemuDisk,
} from './qemu.mts';
import { type Snapshot, SnapshotFiles } from './snapshot.mts';

export interface MachineOptions {
  /** names its folder; one machine of a name at a time */
  name: string;
  /** the port on 127.0.0.1 that leads to the machine's port 22; a free one if not given */
  port?: number;
  memoryMiB?: number;
  /** go on from a saved machine; made first if there is none */
  snapshot?: Snapshot;
  /** boot from this disk (qcow2, not written to) instead of the target's */
  disk?: string;
  /** a folder that the machine finds at http://10.0.2.100/ */
  guestHttp?: string;
  /** more disks, empty; not with a snapshot, which has none */
  extraDisks?: ExtraDisk[];
  /** progress, one line at a time; standard error if not given */
  onProgress?: (line: string) => void;
}

export interface SshResult {
  /** the command's exit code; 255 if there was no connection, null if it was ended at its time limit */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface SshOptions {
  user?: string;
  /** time limit */
  seconds?: number;
  /** a file to be the command's standard input */
  stdinFile?: string;
}

function toStandardError(line: string): void {
  process.stderr.write(`[${new Date().toTimeString().slice(0, 8)}] ${line}\n`);
}

/** A running machine. It ends with this process, however that ends. */
export class Machine {
  readonly name: string;
  readonly port: number;
  /** what the machine's serial port said, each line with its time; kept after the end */
  readonly serialLog: string;
  readonly #disk: string;
  readonly #variables: string;
  readonly #extraDisks: QemuDisk[];
  readonly #qemu: Qemu;

  private constructor(options: MachineOptions, port: number, folder: Folder, qemu: Qemu) {
    this.name = options.name;
    this.port = port;
    this.serialLog = folder.serialLog;
    this.#disk = folder.disk;
    this.#variables = folder.variables;
    this.#extraDisks = folder.extraDisks;
    this.#qemu = qemu;
  }

  /** Starts a machine and waits until it lets root in. */
  static async start(options: MachineOptions): Promise<Machine> {
    const { memoryMiB = 2048, onProgress = toStandardError } = options;
    const began = Date.now();
    const accel = accelerator();
    const saved = options.snapshot && (await savedMachine(options.snapshot, accel, memoryMiB, onProgress));
    const folder = prepareFolder(options, saved);
    const port = options.port ?? (await freePort());
    const state = saved?.state;
    const qemu = await Qemu.start({ ...options, ...folder, accelerator: accel, memoryMiB, port, state });
    const machine = new Machine(options, port, folder, qemu);
    try {
      await machine.waitForSsh(300);
      // a restored machine goes on at the time at which it was saved
      if (saved) await machine.#must(`date -u -s @${Math.round(Date.now() / 1000)}`);
    } catch (error) {
      await machine.stop();
      throw error;
    }
    const how = options.snapshot ? `restored (${options.snapshot})` : 'booted';
    onProgress(`machine ${options.name}: ${how} in ${seconds(began)} s, ${accel}, port ${port}`);
    return machine;
  }

  /** Runs a command on the machine with OpenSSH's client; a failed command is a result, not an error. */
  ssh(command: string, options: SshOptions = {}): Promise<SshResult> {
    const { user = 'root', seconds = 120, stdinFile } = options;
    const input = stdinFile ? openSync(stdinFile, 'r') : 'ignore';
    const child = spawn('ssh', [...sshArguments(this.port), `${user}@127.0.0.1`, command], {
      stdio: [input, 'pipe', 'pipe'],
      timeout: seconds * 1000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  /**
   * Waits until root can log in. Tries are real logins with pauses between them: OpenSSH penalises connections that
   * never authenticate.
   */
  async waitForSsh(limitSeconds: number): Promise<void> {
    await this.#until(limitSeconds, 'ssh', async () => (await this.ssh('true', { seconds: 20 })).code === 0);
  }

  /** The kernel's boot id: another one after every boot and every kexec. */
  async bootId(): Promise<string> {
    return (await this.#must('cat /proc/sys/kernel/random/boot_id')).trim();
  }

  /** The machine's real ed25519 host key as a line for known_hosts, read from its disk. */
  async hostKeys(): Promise<string> {
    const [type, key] = (await this.#must('cat /etc/ssh/ssh_host_ed25519_key.pub')).split(' ');
    return `[127.0.0.1]:${this.port} ${type} ${key?.trim()}`;
  }

  /** Brings the kexec image and runs it, as upstream does; returns when the installer answers. */
  async kexec(image: string): Promise<void> {
    const before = await this.bootId();
    await this.#must('rm -rf /root/kexec && tar -C /root -xzf -', { stdinFile: image });
    await this.#must('/root/kexec/run');
    await this.#until(300, 'the installer', async () => {
      const answer = await this.ssh('cat /proc/sys/kernel/random/boot_id', { seconds: 20 });
      return answer.code === 0 && answer.stdout.trim() !== before;
    });
    await this.#must('grep -q VARIANT_ID=installer /etc/os-release');
  }

  /** Writes the machine to a snapshot's files, and ends it. */
  async save(files: SnapshotFiles): Promise<void> {
    await files.replace(async (folder) => {
      await this.#must('sync');
      await this.#qemu.saveState(join(folder, 'state'));
      execFileSync('mv', [this.#disk, join(folder, 'disk.qcow2')]);
      execFileSync('mv', [this.#variables, join(folder, 'variables.fd')]);
    });
  }

  /** Shuts the machine down in good order and writes its disk, on its own feet, to a file (qcow2). */
  async saveDisk(file: string): Promise<void> {
    await this.ssh('sync; poweroff', { seconds: 20 });
    await Promise.race([this.#qemu.closed, sleep(60_000, undefined, { ref: false })]);
    await this.#qemu.stop();
    execFileSync('qemu-img', ['convert', '-O', 'qcow2', this.#disk, `${file}.new`]);
    execFileSync('mv', [`${file}.new`, file]);
  }

  /** Halts the machine where it is: it answers nobody until it goes on. */
  pause(): Promise<void> {
    return this.#qemu.pause();
  }

  async resume(): Promise<void> {
    await this.#qemu.resume();
    // first it finds out how much time has passed
    await this.waitForSsh(120);
  }

  /** Ends the machine at once, as if its power failed; what it wrote is gone. */
  async stop(): Promise<void> {
    await this.#qemu.stop();
    rmSync(this.#disk, { force: true });
    rmSync(this.#variables, { force: true });
    for (const { file } of this.#extraDisks) rmSync(file, { force: true });
  }

  async #must(command: string, options?: SshOptions): Promise<string> {
    const { code, stdout, stderr } = await this.ssh(command, options);
    if (code !== 0) throw new Error(`${this.name}: \`${command}\` ended with ${code}: ${stderr}`);
    return stdout;
  }

  async #until(limitSeconds: number, what: string, done: () => Promise<boolean>): Promise<void> {
    const limit = Date.now() + limitSeconds * 1000;
    while (!(await done())) {
      if (!this.#qemu.running) throw new Error(`QEMU ended, see ${this.serialLog}`);
      if (Date.now() > limit) throw new Error(`no ${what} after ${limitSeconds} s, see ${this.serialLog}`);
      await sleep(300);
    }
  }
}

interface Folder {
  disk: string;
  variables: string;
  extraDisks: QemuDisk[];
  serialLog: string;
}

function prepareFolder(options: MachineOptions, saved: SnapshotFiles | undefined): Folder {
  const path = join(cacheFolder, 'machines', options.name);
  mkdirSync(path, { recursive: true });
  const disk = join(path, 'disk.qcow2');
  const variables = join(path, 'variables.fd');
  const raw = !saved && !options.disk;
  const backing = saved?.disk ?? options.disk ?? targetDisk;
  const format = raw ? 'raw' : 'qcow2';
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', backing, '-F', format, disk]);
  copyFileSync(saved?.variables ?? firmwareVariables, variables);
  const extraDisks = (options.extraDisks ?? []).map((extra, index) => {
    const file = join(path, `extra-${index}.qcow2`);
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', file, `${extra.mebibytes}M`]);
    return { ...extra, file };
  });
  return { disk, variables, extraDisks, serialLog: join(path, 'serial.log') };
}

/** The files of a saved machine, which is made first if there is none that fits. */
async function savedMachine(
  snapshot: Snapshot,
  accel: Accelerator,
  memoryMiB: number,
  onProgress: (line: string) => void,
): Promise<SnapshotFiles> {
  const files = new SnapshotFiles(snapshot, machineKey(accel, memoryMiB));
  if (files.exist) return files;
  onProgress(`snapshot ${snapshot}: none that fits, making it`);
  const options = { name: `snapshot-${snapshot}`, memoryMiB, onProgress };
  const machine = await Machine.start(snapshot === 'target' ? options : { ...options, snapshot: 'target' });
  try {
    if (snapshot === 'installer') await machine.kexec(kexecImage);
    await machine.save(files);
  } finally {
    await machine.stop();
  }
  return files;
}

function sshArguments(port: number): string[] {
  const options = {
    IdentitiesOnly: 'yes',
    StrictHostKeyChecking: 'no',
    UserKnownHostsFile: '/dev/null',
    LogLevel: 'ERROR',
    BatchMode: 'yes',
    // also for the banner: a forwarded port accepts connections while the guest is down
    ConnectTimeout: '5',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return ['-F', 'none', '-i', sshKey, '-p', String(port), ...flags];
}

function seconds(since: number): string {
  return ((Date.now() - since) / 1000).toFixed(1);
}
