import type { NixEvent } from './log';

/** What a build has really done, by Nix's own log. */
export class BuildRecord {
  readonly #now: () => number;
  readonly #running = new Map<number, { readonly derivation: string; readonly since: number }>();
  readonly #built = new Map<string, number>();
  readonly #copied = new Map<string, { readonly from: string; readonly to: string }>();

  /** @param now milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  add(event: NixEvent): void {
    if (event.kind === 'copying') this.#copied.set(event.path, event);
    if (event.kind === 'building') {
      this.#built.set(event.derivation, 0);
      this.#running.set(event.activity, { derivation: event.derivation, since: this.#now() });
    }
    const ended = event.kind === 'ended' ? this.#running.get(event.activity) : undefined;
    if (ended !== undefined) this.#built.set(ended.derivation, this.#now() - ended.since);
  }

  /** The derivations whose build was begun, each with the milliseconds that it took. */
  get built(): ReadonlyMap<string, number> {
    return this.#built;
  }

  /** How many paths were copied from any store. */
  get copies(): number {
    return this.#copied.size;
  }

  /**
   * The paths that came from a store whose address begins like this. Nix logs addresses as it reads them, without the
   * escapes of what is no character of an address, such as a blank in TMPDIR.
   */
  copiedFrom(uri: string): readonly string[] {
    const beginnings = [uri, decodeURIComponent(uri)];
    return [...this.#copied].flatMap(([path, { from }]) =>
      beginnings.some((each) => from.startsWith(each)) ? [path] : [],
    );
  }

  /** How many paths were copied into the stores with these addresses. */
  copiesTo(uris: readonly string[]): number {
    return [...this.#copied.values()].filter(({ to }) => uris.includes(to)).length;
  }
}
