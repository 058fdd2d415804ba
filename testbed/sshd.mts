// A real OpenSSH server on loopback: unprivileged port, throw-away keys, the current user's rights and no more.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.mts';

const GUARD = fileURLToPath(new URL('guard.sh', import.meta.url));
/** By its full path: sshd executes itself again for every connection. */
const SSHD = '/usr/sbin/sshd';
const START_TIMEOUT_MS = 10_000;

export type KeyType = 'ed25519' | 'rsa' | 'ecdsa';

export interface KeyPair {
  /** The file of the private key; the public one lies beside it as `.pub`. */
  path: string;
  /** Contents of the private key file, in OpenSSH's format. */
  private: string;
  /** One line: type, base64 and comment. */
  public: string;
}

export interface SshdOptions {
  /** Host keys to make and offer; an ed25519 key when not given. */
  hostKeys?: readonly KeyType[];
  /** The authorized_keys lines; without them the made client key is authorised. */
  authorizedKeys?: readonly string[];
  /** sshd_config lines, which win over ours; from a `Match` line on they apply to that match. */
  config?: readonly string[];
  /** Variables of every session, also such as PATH that sshd sets itself; HOME is an empty folder. */
  environment?: Readonly<Record<string, string>>;
  /** A port that was in use before, for a machine that comes back with another identity. */
  port?: number;
  /**
   * What executes sshd, with its first arguments: something that gives it namespaces of its own, for instance. Runs as
   * root, through sudo where need be, and it is root who logs in.
   */
  launcher?: readonly string[];
}

/** Makes a key pair as files `path` and `path`.pub. */
export function makeKey(path: string, type: KeyType = 'ed25519', passphrase = ''): KeyPair {
  // more RSA bits take seconds
  const bits = type === 'rsa' ? ['-b', '2048'] : [];
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', passphrase, '-C', 'throw-away', '-f', path]);
  return {
    path,
    private: readFileSync(path, 'utf8'),
    public: readFileSync(`${path}.pub`, 'utf8').trim(),
  };
}

/** sshd_config's quoting: the argument in double quotes, with backslashes before quotes and backslashes. */
function quoted(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}

/** Since 9.8 sshd bars an address that fails to log in, and all tests come from one. */
function knowsPenalties(hostKey: string): boolean {
  const args = ['-t', '-f', '/dev/null', '-h', hostKey, '-o', 'PerSourcePenalties=no'];
  return spawnSync(SSHD, args, { stdio: 'ignore' }).status === 0;
}

function configuration(
  port: number,
  dir: string,
  hostKeys: readonly KeyPair[],
  options: SshdOptions,
): string {
  const extra = options.config ?? [];
  const match = extra.findIndex((line) => /^\s*match\s/i.test(line));
  const globals = match < 0 ? extra : extra.slice(0, match);
  // with another home the user's own shell start-up files do not change what a session sees
  const environment = { HOME: join(dir, 'home'), ...options.environment };
  const lines = [
    // sshd takes the first value it reads
    ...globals,
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    ...hostKeys.map((key) => `HostKey ${key.path}`),
    `AuthorizedKeysFile ${join(dir, 'authorized_keys')}`,
    `PidFile ${join(dir, 'sshd.pid')}`,
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'UsePAM no',
    // the temporary folder is nobody's home
    'StrictModes no',
    'LogLevel VERBOSE',
    // a test may open many connections at once
    'MaxStartups 100',
    ...(knowsPenalties(join(dir, hostKeyFile(0))) ? ['PerSourcePenalties no'] : []),
    // one line: sshd ignores a second one
    `SetEnv ${Object.entries(environment)
      .map(([name, value]) => quoted(`${name}=${value}`))
      .join(' ')}`,
    ...(match < 0 ? [] : extra.slice(match)),
  ];
  return `${lines.join('\n')}\n`;
}

function hostKeyFile(index: number): string {
  return `host_key_${index}`;
}

/** A running server. It ends with `stop`, or when the process that started it is gone. */
export class Sshd {
  host = '127.0.0.1';
  /** Whom one logs in as: the only user that a server without privileges can serve, or root. */
  readonly user: string;
  port: number;
  /** Authorised, unless `authorizedKeys` was given. */
  readonly clientKey: KeyPair;
  /** Temporary, gone after `stop`. */
  readonly dir: string;
  readonly #hostKeys: ReadonlyMap<KeyType, KeyPair>;
  readonly #launcher: readonly string[] | undefined;
  #guard: ChildProcess | undefined;
  #log = '';

  private constructor(dir: string, port: number, options: SshdOptions) {
    this.dir = dir;
    this.port = port;
    this.#launcher = options.launcher;
    this.user = options.launcher ? 'root' : userInfo().username;
    mkdirSync(join(dir, 'home'));
    this.clientKey = makeKey(join(dir, 'client_key'));
    const types = options.hostKeys ?? ['ed25519'];
    this.#hostKeys = new Map(
      types.map((type, index) => [type, makeKey(join(dir, hostKeyFile(index)), type)]),
    );
    const authorized = options.authorizedKeys ?? [this.clientKey.public];
    writeFileSync(join(dir, 'authorized_keys'), authorized.map((line) => `${line}\n`).join(''));
    writeFileSync(join(dir, 'sshd_config'), configuration(port, dir, [...this.#hostKeys.values()], options));
  }

  /** Resolves when the server listens; rejects with its log when it does not come to that. */
  static async start(options: SshdOptions = {}): Promise<Sshd> {
    const dir = mkdtempSync(join(tmpdir(), 'sshd-'));
    try {
      const sshd = new Sshd(dir, options.port ?? (await freePort()), options);
      await sshd.#run();
      return sshd;
    } catch (error) {
      rmSync(dir, { recursive: true, force: true });
      throw error;
    }
  }

  /** The line of known_hosts that names this server's key of a type. */
  hostKeyLine(type: KeyType): string {
    const key = this.#hostKeys.get(type);
    if (!key) throw new Error(`this sshd has no ${type} host key`);
    return `[${this.host}]:${this.port} ${key.public}`;
  }

  /** The process below which the server and all its sessions run. */
  get pid(): number {
    const pid = this.#guard?.pid;
    if (pid === undefined) throw new Error('this sshd does not run');
    return pid;
  }

  /** What sshd said so far, restarts included. */
  log(): string {
    return this.#log;
  }

  /** The same machine after a reboot: connections and what they ran are gone, keys and port are the same. */
  async restart(): Promise<void> {
    await this.#end();
    await this.#run();
  }

  /** The same machine, after a reboot, at another port or address. */
  async moveTo(port: number, host = this.host): Promise<void> {
    await this.#end();
    const file = join(this.dir, 'sshd_config');
    const before = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      before
        .replace(/^Port .*$/m, `Port ${port}`)
        .replace(`ListenAddress ${this.host}\n`, `ListenAddress ${host}\n`),
    );
    this.port = port;
    this.host = host;
    await this.#run();
  }

  /** Ends the server, its connections and what runs in them, and removes the keys. */
  async stop(): Promise<void> {
    await this.#end();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #run(): Promise<void> {
    // OpenSSH confines the code that faces the network to this folder, when it has the rights to
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const sudo = this.#launcher && process.getuid?.() !== 0 ? ['sudo', '-n'] : [];
    const sshd = [...(this.#launcher ?? []), SSHD, '-D', '-e', '-f', join(this.dir, 'sshd_config')];
    const [command = 'sh', ...args] = [...sudo, 'sh', GUARD, ...sshd];
    const guard = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    this.#guard = guard;
    const from = this.#log.length;
    await new Promise<void>((resolve, reject) => {
      const fail = (reason: string) => reject(new Error(`sshd ${reason}:\n${this.#log.slice(from)}`));
      const timer = setTimeout(() => {
        guard.stdin.end();
        fail(`does not listen after ${START_TIMEOUT_MS} ms`);
      }, START_TIMEOUT_MS);
      guard.stderr.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text;
        if (this.#log.includes('Server listening on', from)) {
          clearTimeout(timer);
          resolve();
        }
      });
      guard.once('error', reject);
      guard.once('close', (code) => {
        clearTimeout(timer);
        fail(`ended with exit code ${code}`);
      });
    });
  }

  async #end(): Promise<void> {
    const guard = this.#guard;
    this.#guard = undefined;
    if (!guard || guard.exitCode !== null || guard.signalCode !== null) return;
    const ended = new Promise((resolve) => guard.once('exit', resolve));
    guard.stdin?.end();
    await ended;
  }
}
