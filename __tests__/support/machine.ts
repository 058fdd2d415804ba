// A machine to connect to: a real sshd on loopback with namespaces of its own, so that what runs there as root finds
// (and leaves) nothing of this computer's /root, /run, /nix and /mnt, and so that starting it again is another boot.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Runtime } from '../../src/runtime';
import type { TargetOptions } from '../../src/ssh/dialer';
import { HostKeyTrust } from '../../src/ssh/host-key-trust';
import { parsePublicKeys } from '../../src/ssh/host-keys';
import type { Script } from '../../src/ssh/remote-command';
import { bootId } from '../../src/ssh/scripts';
import { Target } from '../../src/ssh/target';
import { nixEnvironment } from '../../testbed/paths.mts';
import { FaultProxy, type ProxyOptions } from '../../testbed/proxy.mts';
import { type KeyType, Sshd, type SshdOptions } from '../../testbed/sshd.mts';
import { atEnd } from './concurrent';
import { temporaryFolder } from './runtime';

const launcher = fileURLToPath(new URL('machine.sh', import.meta.url));
const unshare = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

export interface MachineOptions extends SshdOptions {
  /** Programs that this machine shall lack. */
  hidden?: readonly string[];
  /** Where /run/current-system leads, on a machine that has one: to something that exists. */
  system?: string;
  /** Whether `nix-daemon` is in PATH there; yes if not given. */
  nix?: boolean;
  /**
   * Whether it is taken for a NixOS installer, with a stand-in for nixos-install; no if not given. A file: it is, once it
   * is started again while there is this file.
   */
  installer?: boolean | string;
  /** What has the machine started, such as something that gives it another network. */
  within?: readonly string[];
  /** Files below /etc that this machine has, beside this computer's own. */
  etc?: Readonly<Record<string, string>>;
}

/** sshd_config lines of a server that lets in by password, as PAM says; by `keyboard-interactive` too, or only so. */
export function passwordsBy(...methods: readonly ('password' | 'keyboard-interactive')[]): string[] {
  const yes = (method: (typeof methods)[number]) => (methods.includes(method) ? 'yes' : 'no');
  return [
    'UsePAM yes',
    `PasswordAuthentication ${yes('password')}`,
    `KbdInteractiveAuthentication ${yes('keyboard-interactive')}`,
  ];
}

/** The files below /etc with which users have these passwords, also towards sudo. */
export function withPasswords(passwords: Readonly<Record<string, string>>): Record<string, string> {
  const users = Object.entries(passwords).map(([user, password]) => {
    // over standard input: a test looks whether the password is in the arguments of any process
    const hash = execFileSync('openssl', ['passwd', '-6', '-stdin'], { input: password, encoding: 'utf8' });
    return `${user}:${hash.trim()}:19000:0:99999:7:::`;
  });
  // without pam_loginuid and the like, for which a namespace is no place
  const pam = ['auth', 'account', 'password', 'session']
    .map((kind) => `${kind} required pam_unix.so\n`)
    .join('');
  return { shadow: `${users.join('\n')}\n`, 'pam.d/sshd': pam, 'pam.d/sudo': pam };
}

/** What those demand who read it. */
function modeOf(path: string): number {
  if (path.endsWith('_key')) return 0o600;
  // sudo and doas
  return path.startsWith('pam.d/') ? 0o644 : 0o440;
}

/** Returns a folder with these files in it, empty where there are none. */
function folderOf(files: MachineOptions['etc']): string {
  if (files === undefined) return '';
  const folder = temporaryFolder('etc');
  for (const [path, contents] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
    chmodSync(file, modeOf(path));
  }
  chmodSync(folder, 0o755);
  return folder;
}

/** The folder with the `bin` of the Nix that PATH leads to. */
export function nixFolder(): string {
  for (const folder of nixEnvironment().PATH.split(delimiter)) {
    try {
      return dirname(dirname(realpathSync(join(folder, 'nix-daemon'))));
    } catch {
      // not in this one
    }
  }
  throw new Error('these tests need a Nix: run scripts/setup.sh test');
}

/** Starts a machine that ends with the test. */
export async function startMachine(options: MachineOptions = {}): Promise<Sshd> {
  const nix = nixFolder();
  const path = `${options.nix === false ? '' : `${nix}/bin:`}/usr/bin:/bin`;
  const sshd = await Sshd.start({
    ...options,
    environment: { PATH: path, NIX_CONF_DIR: '/run/nix-conf', ...options.environment },
    launcher: [
      ...(options.within ?? []),
      ...unshare,
      'sh',
      launcher,
      nix,
      (options.hidden ?? []).join(' '),
      options.system ?? '',
      typeof options.installer === 'string' ? options.installer : options.installer === true ? 'yes' : 'no',
      folderOf(options.etc),
    ],
  });
  atEnd(() => sshd.stop());
  return sshd;
}

/** Makes the machine say that it is a NixOS installer. */
export async function becomeInstaller(target: Target): Promise<void> {
  const text = `printf 'ID=nixos\\nVARIANT_ID=installer\\n' >/run/os-release
    mount --bind /run/os-release /etc/os-release`;
  await target.run(script(`set -e\n${text}`), []);
}

/** A proxy in front of the machine, gone with the test. */
export async function startProxy(
  sshd: Sshd,
  delayMs = 0,
  options: Omit<ProxyOptions, 'delayMs'> = {},
): Promise<FaultProxy> {
  const proxy = await FaultProxy.listen({ host: sshd.host, port: sshd.port }, { ...options, delayMs });
  atEnd(() => proxy.close());
  return proxy;
}

export interface TargetChange extends Partial<TargetOptions> {
  port?: number;
  user?: string;
}

/** The machine as the action sees it; its connection ends with the test. */
export function targetOf(sshd: Sshd, runtime: Runtime, change: TargetChange = {}): Target {
  const { port = sshd.port, user = sshd.user, ...rest } = change;
  const target = new Target(
    {
      endpoint: { host: sshd.host, port, user },
      login: { privateKey: sshd.clientKey.private },
      trust: HostKeyTrust.firstSeen(),
      connectMs: 10_000,
      idleMs: 50_000,
      ...rest,
    },
    runtime,
  );
  atEnd(() => target.close());
  return target;
}

/** Trusts these keys of the machine and no others. */
export function pinnedTo(sshd: Sshd, ...types: KeyType[]): HostKeyTrust {
  return HostKeyTrust.pinned(hostKeysOf(sshd, ...types));
}

export async function bootIdOf(target: Target): Promise<string> {
  return (await target.run(bootId, [])).stdout.trim();
}

export function hostKeysOf(sshd: Sshd, ...types: KeyType[]) {
  return parsePublicKeys(types.map((type) => sshd.hostKeyLine(type).replace(/^\S+ /, '')).join('\n'));
}

export function script(text: string, repeatable = false): Script {
  return { name: 'test.sh', text, repeatable };
}
