import { ConnectionError } from '../errors';
import type { ConfiguredInitrdSsh, Evaluation } from '../plan/evaluation';
import { type HostKey, parsePublicKeys, sameKey } from '../ssh/host-keys';
import * as scripts from '../ssh/scripts';
import type { AboutConnection } from '../ssh/target';
import type { PhaseContext } from './context';

/** With `verify: auto`, how long the initrd may wait before it is believed that nothing but a person unlocks the disk. */
const patienceMs = 15_000;
/** Between two looks at an initrd that waits; OpenSSH 10 penalises clients that come and never log in. */
const pauseMs = 6000;

/** Ends the wait for the new system: its initrd waits for a passphrase, and whoever started the run is content with that. */
export class Locked extends Error {}

/** Of finished store paths it is not known: then nobody looks for it. */
export function initrdSshOf({ initrdSsh }: Evaluation): ConfiguredInitrdSsh {
  return initrdSsh ?? { enabled: false, port: 22, hostKeys: [] };
}

/** Reads the public halves of the initrd's host keys, where their files lie on the new disks. */
export async function readInitrdKeys({ target, evaluation, progress }: PhaseContext): Promise<void> {
  const { enabled, hostKeys } = initrdSshOf(evaluation);
  if (!enabled || hostKeys.length === 0) return;
  const { stdout } = await target.run(scripts.publicKeys, hostKeys, { privileged: true });
  progress.initrdHostKeys = parsePublicKeys(stdout);
}

/** Recognises the new system's initrd, when its SSH server waits for somebody to enter a disk's passphrase. */
export class InitrdWatch {
  readonly #context: PhaseContext;
  readonly #server: ConfiguredInitrdSsh;
  /** Keys of others who may answer. */
  readonly #others: readonly HostKey[];
  /** When it was seen first, without a break since; milliseconds. */
  #since: number | undefined;

  /** @param others the keys of the installed system and of the installer */
  constructor(context: PhaseContext, others: readonly HostKey[]) {
    this.#context = context;
    this.#others = others;
    this.#server = initrdSshOf(context.evaluation);
  }

  /**
   * Looks whether it is the initrd that answers in place of the system, or beside it on a port of its own.
   *
   * @returns what is waited for, if so
   * @throws Locked when that was seen for long enough
   */
  async recognise(error: AboutConnection, signal: AbortSignal): Promise<string | undefined> {
    if (!this.#server.enabled) return undefined;
    if (await this.#answers(error, signal)) return this.#seen(signal);
    this.#since = undefined;
    if (this.#context.progress.targetState === 'unlocking') this.#context.progress.targetState = 'installed';
    return undefined;
  }

  /** Whoever is logged in to is still the initrd: it has the system's key, and lets in whom the system lets in. */
  async isStillThere(): Promise<boolean> {
    if (!this.#server.enabled) return false;
    const { target, runtime } = this.#context;
    const { stdout } = await target.run(scripts.identity, []);
    if (!/^systemPath=$/m.test(stdout)) return false;
    await this.#seen(runtime.signal);
    return true;
  }

  async #answers(error: AboutConnection, signal: AbortSignal): Promise<boolean> {
    const { target } = this.#context;
    const answered =
      !(error instanceof ConnectionError) || error.reason === 'host-key' || error.reason === 'authentication';
    if (answered) return this.#isKnown(target.trust.offered);
    if (this.#server.port === target.endpoint.port) return false;
    const shown = await target.hostKeyAt(this.#server.port, signal);
    return this.#isKnown(shown) || (shown !== undefined && this.#mayBe(shown));
  }

  #isKnown(shown: HostKey | undefined): boolean {
    const keys = this.#context.progress.initrdHostKeys;
    return shown !== undefined && keys.some((key) => sameKey(key, shown));
  }

  /** Where its keys could not be read, the port that only the initrd has is sign enough, unless it is somebody's who forwards ports. */
  #mayBe(shown: HostKey): boolean {
    const { progress, evaluation, target } = this.#context;
    const isForwarded = !(evaluation.sshd?.ports ?? []).includes(target.endpoint.port);
    const isOther = this.#others.some((key) => sameKey(key, shown));
    return progress.initrdHostKeys.length === 0 && !isForwarded && !isOther;
  }

  async #seen(signal: AbortSignal): Promise<string> {
    const { progress, runtime, settings, target } = this.#context;
    const now = runtime.clock.now();
    if (this.#since === undefined) {
      this.#since = now;
      progress.targetState = 'unlocking';
      runtime.log.info(
        `The new system boots, and its initrd waits for a disk's passphrase: ssh -p ${this.#server.port} root@${target.endpoint.host}`,
      );
    }
    if (settings.verify.value === 'auto' && now - this.#since >= patienceMs) throw new Locked();
    await runtime.clock.sleep(pauseMs, signal);
    return `the initrd waits for a disk's passphrase on port ${this.#server.port}`;
  }
}
