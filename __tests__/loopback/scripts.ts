// Runs the scripts of src/scripts/ as the target runs them: by real shells, as root, on a machine that is only theirs.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quote } from '../../src/ssh/quote';

const FOLDER = fileURLToPath(new URL('../../src/scripts/', import.meta.url));

export type Shell = 'dash' | 'busybox';
export const shells: readonly Shell[] = ['dash', 'busybox'];

/** Where a machine has the programs that the test gives it. */
const BIN = '/opt';

/** Programs that BusyBox machines have from elsewhere; Debian's static BusyBox wget crashes when it resolves a name. */
const notBusybox = ['ssh-keygen', 'zstd', 'curl'];

/**
 * In this namespace alone the mounts of this computer are for reading: those that are there already have copies of their
 * own as the machine's folders. Of the others some cannot be changed like this, being hidden by the machine's folders.
 */
const readOnly = [
  'mount -o remount,bind,ro /',
  'for folder in /dev /sys /etc /usr /var /nix /boot /srv /opt; do mount -o remount,bind,ro "$folder" 2>/dev/null || :; done',
];

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** What it printed so far. */
  readonly output: { readonly stdout: string; readonly stderr: string };
  readonly ended: Promise<Ran>;
}

/**
 * A machine of its own for a test: a mount namespace in which /root, /mnt, /run, /home, /tmp, /var/tmp and /etc/ssh
 * are folders of this test, and nothing else of this computer can be changed: a script that is broken, as while it is
 * written, works on `/etc` or `/` just as well. With `busybox` every program is BusyBox's, but for those that it has not.
 */
export class Machine {
  readonly #dir = mkdtempSync('/var/tmp/machine-');
  readonly #shell: Shell;
  readonly #hidden: string[] = [];
  // /var/tmp last: this test's own files lie there, on a disk, since host-keys.sh tells disks from memory
  static readonly #own = ['/root', '/mnt', '/run', '/home', '/tmp', '/etc/ssh', BIN, '/var/tmp'];

  constructor(shell: Shell) {
    this.#shell = shell;
    for (const path of Machine.#own) mkdirSync(this.path(path), { recursive: true });
    chmodSync(this.path('/tmp'), 0o1777);
    if (shell === 'dash') return;
    const applets = execFileSync('busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
    for (const applet of applets) symlinkSync('/bin/busybox', join(this.bin, applet));
    for (const program of notBusybox) {
      const path = ['/usr/bin', '/bin'].map((folder) => join(folder, program)).find(existsSync);
      if (path === undefined) throw new Error(`this test needs ${program}`);
      symlinkSync(path, join(this.bin, program));
    }
  }

  /** Where a path of the machine lies here. */
  path(inside: string): string {
    return join(this.#dir, 'root', inside);
  }

  /** A folder that comes first in the machine's PATH. */
  get bin(): string {
    return this.path(BIN);
  }

  /** Takes a program away from it. */
  hide(program: string): void {
    if (this.#shell === 'busybox') rmSync(join(this.bin, program));
    else this.#hidden.push(`/usr/bin/${program}`, `/bin/${program}`);
  }

  get #path(): string {
    return this.#shell === 'busybox' ? BIN : `${BIN}:${process.env.PATH ?? ''}`;
  }

  get environment(): Record<string, string> {
    return { PATH: this.#path, HOME: '/root', LC_ALL: 'C' };
  }

  /**
   * Command and arguments that run a script.
   *
   * @param setup shell text that prepares the machine, before
   * @param network whether it gets a network of its own, with nothing but a loopback device that is down
   */
  command(script: string, args: readonly string[], setup = ':', network = false): [string, string[]] {
    const interpreter = this.#shell === 'busybox' ? '/bin/busybox sh' : 'dash';
    const mounts = Machine.#own.map((path) => `mount --bind ${quote(this.path(path))} ${path}`);
    const words = args.map(quote).join(' ');
    // the scripts are read before /tmp is the machine's own, since the checkout may lie there
    const prepare = [
      'set -e',
      `text=$(cat ${quote(join(FOLDER, script))}; echo x)`,
      ...mounts,
      ...readOnly,
      ...this.#hidden.map((path) => `if [ -e ${path} ]; then mount --bind /dev/null ${path}; fi`),
      setup,
      `PATH=${quote(this.#path)}`,
      // as a remote command runs it: as text, with its arguments
      `exec ${interpreter} -c "\${text%x}" ${quote(script)} ${words}`,
    ].join('\n');
    const own = ['--mount', '--propagation', 'private', ...(network ? ['--net'] : [])];
    return ['unshare', [...own, 'sh', '-c', prepare]];
  }

  run(
    script: string,
    args: readonly string[] = [],
    options: { input?: Uint8Array; setup?: string; network?: boolean } = {},
  ): Ran {
    const [command, words] = this.command(script, args, options.setup, options.network);
    const result = spawnSync(command, words, {
      input: options.input ?? Buffer.alloc(0),
      env: { ...this.environment, PATH: process.env.PATH ?? '' },
      cwd: '/',
      encoding: 'utf8',
      timeout: 50_000,
      killSignal: 'SIGKILL',
    });
    if (result.error) throw result.error;
    return { code: result.status, stdout: result.stdout, stderr: result.stderr };
  }

  /** The same, without waiting for its end. */
  start(
    script: string,
    args: readonly string[],
    options: { setup?: string; input?: Uint8Array; holdInput?: boolean } = {},
  ): Running {
    const [command, words] = this.command(script, args, options.setup);
    const child = spawn(command, words, {
      env: { ...this.environment, PATH: process.env.PATH ?? '' },
      cwd: '/',
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    child.stdin.on('error', () => undefined);
    if (options.holdInput !== true) child.stdin.end(options.input);
    const ended = new Promise<Ran>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, ...output }));
    });
    return { child, output, ended };
  }

  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
