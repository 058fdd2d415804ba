// One QEMU process: its command line, its control channel, its serial log. Knows nothing of what runs inside.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex, Readable } from 'node:stream';
import { cacheFolder } from './paths.mts';

const firmware = '/usr/share/OVMF';
export const firmwareVariables = `${firmware}/OVMF_VARS_4M.fd`;

export type Accelerator = 'kvm' | 'tcg';

/** What one QEMU process is made of. */
export interface QemuOptions {
  /** qcow2, written to */
  disk: string;
  /** the firmware's variables, written to */
  variables: string;
  accelerator: Accelerator;
  memoryMiB: number;
  /** the port on 127.0.0.1 that leads to the guest's port 22 */
  port: number;
  /** gets everything that QEMU and the guest's serial port say, each line with its time */
  serialLog: string;
  /** a state that `saveState` wrote, to go on from instead of booting */
  state?: string | undefined;
  /** a folder that the guest finds at http://10.0.2.100/ */
  guestHttp?: string | undefined;
  /** more disks, in the order in which the guest finds them after its first */
  extraDisks?: QemuDisk[] | undefined;
}

/** An empty disk beside the first. */
export interface ExtraDisk {
  kind: 'virtio' | 'nvme';
  /** none: nothing tells it from another of its size */
  serial?: string;
  mebibytes: number;
}

export interface QemuDisk extends ExtraDisk {
  /** qcow2, written to */
  file: string;
}

/**
 * Whether KVM runs a common kernel here. A /dev/kvm that opens proves nothing (it does not where KVM is a
 * paravirtual one without VMX or SVM), so the answer comes from a boot, once for every boot of this machine.
 */
export function accelerator(): Accelerator {
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const answer = join(cacheFolder, `accelerator-${bootId}`);
  if (!existsSync(answer)) writeFileSync(answer, kvmBoots() ? 'kvm' : 'tcg');
  return readFileSync(answer, 'utf8') === 'kvm' ? 'kvm' : 'tcg';
}

function kvmBoots(): boolean {
  const probe = join(cacheFolder, 'probe');
  const machine = '-accel kvm -cpu host -m 512 -nodefaults -nographic -no-reboot -serial stdio'.split(' ');
  const kernel = ['-kernel', join(probe, 'vmlinuz'), '-initrd', join(probe, 'initrd')];
  try {
    accessSync('/dev/kvm', constants.W_OK);
    const output = execFileSync(
      'qemu-system-x86_64',
      [...machine, ...kernel, '-append', 'console=ttyS0 panic=-1'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 15_000,
        killSignal: 'SIGKILL',
      },
    );
    return output.includes('TESTBED-PROBE-OK');
  } catch {
    return false;
  }
}

/** The part of the command line that a saved state depends on. */
function machineArguments(accelerator: Accelerator, memoryMiB: number): string[] {
  // cx16: QEMU 7.2 leaves wrong flags after a cmpxchg16b, and Linux 6.12's allocator dies of it; la57: a fifth page
  // table level only costs time; tb-size: what was translated for the first kernel is in the way of the second one,
  // which boots three times as fast when most of it was dropped before
  const cpu =
    accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi,tb-size=64', '-cpu', 'max,-cx16,-la57'];
  return [
    ...['-machine', 'q35', ...cpu, '-smp', '2', '-m', String(memoryMiB), '-nodefaults', '-display', 'none'],
    ...['-drive', `if=pflash,format=raw,readonly=on,file=${firmware}/OVMF_CODE_4M.fd`],
    // without it sshd waits for entropy
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-net-pci,netdev=net,romfile='],
  ];
}

/** Changes whenever a saved state would no longer fit: other machine, other QEMU, other processor under KVM. */
export function machineKey(accelerator: Accelerator, memoryMiB: number): string {
  const version = execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' });
  const processor = accelerator === 'kvm' ? readFileSync('/proc/cpuinfo', 'utf8').match(/^model.*$/gm) : [];
  const parts = [machineArguments(accelerator, memoryMiB), version, processor];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** In slots behind those that QEMU gives out itself, so that the guest finds the first disk first. */
function diskArguments(disks: QemuDisk[]): string[] {
  return disks.flatMap(({ kind, serial, file }, index) => {
    const device = kind === 'nvme' ? 'nvme' : 'virtio-blk-pci';
    const named = serial === undefined ? '' : `,serial=${serial}`;
    return [
      ...['-drive', `if=none,id=extra${index},format=qcow2,cache=unsafe,discard=unmap,file=${file}`],
      ...['-device', `${device},drive=extra${index},addr=${(16 + index).toString(16)}${named}`],
    ];
  });
}

function network(port: number, guestHttp: string | undefined): string {
  // restrict=on: the guest reaches nothing but what is named here. A web server for each connection needs no port.
  const http = guestHttp ? `,guestfwd=tcp:10.0.2.100:80-cmd:busybox httpd -i -h ${guestHttp}` : '';
  return `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${port}-:22${http}`;
}

function runArguments(options: QemuOptions): string[] {
  return [
    ...machineArguments(options.accelerator, options.memoryMiB),
    ...['-drive', `if=pflash,format=raw,file=${options.variables}`],
    ...['-drive', `if=virtio,format=qcow2,cache=unsafe,discard=unmap,file=${options.disk}`],
    ...diskArguments(options.extraDisks ?? []),
    ...['-netdev', network(options.port, options.guestHttp)],
    ...['-serial', 'stdio', '-chardev', 'socket,id=control,fd=3', '-mon', 'chardev=control,mode=control'],
    ...(options.state ? ['-incoming', `exec:cat '${options.state}'`] : []),
  ];
}

/** A running QEMU. */
export class Qemu {
  readonly #process: ChildProcess;
  readonly #control: Control;
  readonly #closed: Promise<void>;

  private constructor(process: ChildProcess, closed: Promise<void>) {
    this.#process = process;
    this.#closed = closed;
    this.#control = new Control(process.stdio[3] as Duplex);
  }

  /** Starts it and waits until it obeys; with a state, until that is restored and runs. */
  static async start(options: QemuOptions): Promise<Qemu> {
    // setpriv: the kernel ends QEMU with its owner, however that ends. detached: a Ctrl-C meant for the owner would
    // take the machine away from under it.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...runArguments(options)], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const qemu = new Qemu(child, logged(child, options.serialLog));
    try {
      await qemu.#control.execute('qmp_capabilities');
      if (options.state) await qemu.#restored();
    } catch (error) {
      await qemu.stop();
      throw new Error(`QEMU did not start, see ${options.serialLog}`, { cause: error });
    }
    return qemu;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves when the process has ended and its log is written. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Halts the guest for good and writes its memory and devices to a file; the disk is left as it was then. */
  async saveState(file: string): Promise<void> {
    await this.#control.execute('stop');
    await this.#control.execute('migrate-set-parameters', { 'max-bandwidth': 2 ** 40 });
    await this.#control.execute('migrate', { uri: `exec:cat >'${file}'` });
    await this.#until('query-migrate', (answer) => answer.status === 'completed');
    await this.stop();
  }

  /** Halts the guest; its memory stays. */
  async pause(): Promise<void> {
    await this.#control.execute('stop');
  }

  async resume(): Promise<void> {
    await this.#control.execute('cont');
  }

  /** Ends the process at once, as if the power failed. */
  async stop(): Promise<void> {
    if (this.running) this.#process.kill('SIGKILL');
    await this.#closed;
  }

  async #restored(): Promise<void> {
    await this.#until('query-status', (answer) => answer.status !== 'inmigrate');
    // it was saved halted
    await this.#control.execute('cont');
  }

  async #until(command: string, done: (answer: Answer) => boolean): Promise<void> {
    for (;;) {
      const answer = await this.#control.execute(command);
      if (done(answer)) return;
      if (answer.status === 'failed') throw new Error(`${command}: ${JSON.stringify(answer)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Writes what the process says to a file, each line with its time; resolves when both have ended. */
function logged(process: ChildProcess, file: string): Promise<void> {
  const log = createWriteStream(file);
  for (const stream of [process.stdout, process.stderr]) {
    createInterface({ input: stream as Readable }).on('line', (line) => {
      log.write(`${new Date().toISOString()} ${line.replaceAll('\r', '')}\n`);
    });
  }
  return new Promise((resolve) => {
    process.on('error', (error) => log.write(`${error.message}\n`));
    process.on('close', () => log.end(resolve));
  });
}

type Answer = Record<string, unknown>;

/** QEMU's control protocol (QMP): one line of JSON for a command, one for its answer, events in between. */
class Control {
  readonly #socket: Duplex;
  readonly #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void }[] = [];
  #ended = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    const end = () => {
      this.#ended = true;
      for (const command of this.#waiting.splice(0)) command.reject(new Error('QEMU ended'));
    };
    createInterface({ input: socket })
      .on('line', (line) => this.#line(JSON.parse(line) as Answer))
      .on('error', end);
    socket.on('close', end).on('error', end);
  }

  execute(command: string, parameters: Answer = {}): Promise<Answer> {
    if (this.#ended) return Promise.reject(new Error('QEMU ended'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: parameters })}\n`);
    });
  }

  #line(message: Answer): void {
    if ('return' in message) this.#waiting.shift()?.resolve(message.return as Answer);
    if ('error' in message) this.#waiting.shift()?.reject(new Error(JSON.stringify(message.error)));
  }
}
