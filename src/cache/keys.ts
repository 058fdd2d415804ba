import { createHash } from 'node:crypto';
import type { LayerKey } from './layer-key';

/** Beginnings of keys, from the narrowest to the widest. */
export interface LayerKeys {
  /** The same derivations, of the same configuration. */
  readonly exact: string;
  /** The same configuration, as it was before. */
  readonly configuration: string;
  /** All that this repository builds for this system. */
  readonly shared: string;
  /** What could not be built as a whole; no run takes it for an exact hit. */
  readonly incomplete: string;
}

export interface LayerSubject {
  /** The input cache-key. */
  readonly prefix: string;
  /** `x86_64-linux` */
  readonly system: string;
  readonly key: LayerKey | undefined;
  /** What the user calls the configuration. */
  readonly configuration: string;
  readonly derivations: readonly string[];
}

/**
 * Keys as they are read from left to right, since what is looked for is a beginning: format, system, whose signature,
 * which configuration, which derivations. Runs without the key find nothing of those that have it, and the reverse.
 */
export function layerKeys({ prefix, system, key, configuration, derivations }: LayerSubject): LayerKeys {
  const shared = `${prefix}/layer-1/${system}/${key?.id ?? 'unsigned'}/`;
  const name = configuration.replace(/[^A-Za-z0-9._-]+/g, '_').slice(-60);
  // names that are the same then, or would be each other's beginning
  const own = `${shared}${name}-${shortHash(configuration)}/`;
  return {
    exact: `${own}${shortHash([...derivations].sort().join('\n'))}/`,
    configuration: own,
    shared,
    incomplete: `${own}incomplete/`,
  };
}

/**
 * What the keys of a kexec image begin with; it proves itself, so that nobody has to sign it. No key is just that: the
 * service would prefer it to all newer ones, and it may be damaged.
 */
export function imageKey(prefix: string, sha256: string): string {
  return `${prefix}/kexec-1/${sha256}/`;
}

/**
 * Jobs that fetch it at the same time get the same key, and the service refuses all but the first. One that was begun and
 * never completed, or is damaged, is in the way for an hour.
 *
 * @param now milliseconds since the epoch
 */
export function newImageKey(prefix: string, sha256: string, now: number): string {
  return `${imageKey(prefix, sha256)}${Math.floor(now / 3_600_000).toString(36)}`;
}

export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
