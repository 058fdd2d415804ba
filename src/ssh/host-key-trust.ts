import { fingerprint, type HostKey, hostKeyOfBlob, sameKey } from './host-keys';

/**
 * Which host keys of the target are accepted. Either known from the start, or (`firstSeen`) the first key that
 * answers is taken and then held for the rest of the run, or (`refused`) none: the key is only looked at.
 */
export class HostKeyTrust {
  readonly #accepted: HostKey[];
  readonly #revoked: readonly HostKey[];
  readonly #pinned: boolean;
  readonly #whyRefused: string | undefined;
  #offered: HostKey | undefined;

  private constructor(
    accepted: readonly HostKey[],
    revoked: readonly HostKey[],
    pinned: boolean,
    whyRefused?: string,
  ) {
    this.#accepted = [...accepted];
    this.#revoked = revoked;
    this.#pinned = pinned;
    this.#whyRefused = whyRefused;
  }

  static pinned(accepted: readonly HostKey[], revoked: readonly HostKey[] = []): HostKeyTrust {
    return new HostKeyTrust(accepted, revoked, true);
  }

  static firstSeen(revoked: readonly HostKey[] = []): HostKeyTrust {
    return new HostKeyTrust([], revoked, false);
  }

  /** @param why an unknown key is not good enough, as in "its host key is not known, and …" */
  static refused(why: string): HostKeyTrust {
    return new HostKeyTrust([], [], true, why);
  }

  /** The same, but for the accepted keys: what was revoked stays so. */
  pinnedTo(accepted: readonly HostKey[], alsoRevoked: readonly HostKey[] = []): HostKeyTrust {
    return HostKeyTrust.pinned(accepted, [...this.#revoked, ...alsoRevoked]);
  }

  /** Why no key at all is accepted, if that is so. */
  get whyRefused(): string | undefined {
    return this.#whyRefused;
  }

  /** Whether the keys were known before the first connection. */
  get isPinned(): boolean {
    return this.#pinned;
  }

  get accepted(): readonly HostKey[] {
    return this.#accepted;
  }

  /** The key that the server showed last, accepted or not. */
  get offered(): HostKey | undefined {
    return this.#offered;
  }

  /** Gives the same answer however often it is asked: SSH asks again at every rekeying. */
  accepts(blob: Buffer): boolean {
    const key = hostKeyOfBlob(blob);
    this.#offered = key;
    if (key.type === '') return false;
    if (this.#revoked.some((revoked) => sameKey(revoked, key))) return false;
    if (this.#accepted.length === 0 && !this.#pinned) this.#accepted.push(key);
    return this.#accepted.some((accepted) => sameKey(accepted, key));
  }

  /** Accepts further keys, read over a connection that was already trusted. */
  extend(keys: readonly HostKey[]): void {
    for (const key of keys) {
      if (!this.#accepted.some((accepted) => sameKey(accepted, key))) this.#accepted.push(key);
    }
  }

  /** For the error when a key was refused. */
  describeMismatch(): string {
    const offered = this.#offered;
    const shown = offered === undefined ? 'no key of these types' : `${offered.type} ${fingerprint(offered)}`;
    const expected = this.#accepted.map((key) => `${key.type} ${fingerprint(key)}`).join(', ') || 'none';
    const revoked = offered !== undefined && this.#revoked.some((key) => sameKey(key, offered));
    return revoked
      ? `it shows ${shown}, which known-hosts marks as revoked`
      : `it shows ${shown}; expected ${expected}`;
  }
}
