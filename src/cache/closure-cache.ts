import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { NixError } from '../errors';
import { BuildRecord } from '../nix/build-record';
import type { Nix } from '../nix/nix';
import type { BuildOptions } from '../nix/options';
import type { NixSettings } from '../nix/settings';
import { type Derivation, installable } from '../plan/evaluation';
import { describeFound } from '../report/describe-cache';
import type { Runtime } from '../runtime';
import { closuresOf, divide } from './divide';
import { type LayerKeys, layerKeys } from './keys';
import type { LayerKey } from './layer-key';
import { type LayerLimits, mergeLayers, planLayer } from './layer-plan';
import { LayerWriter } from './layer-writer';
import { addReport, type CacheReport, emptyReport, reportOf, withSaved } from './report';
import { type Restored, restore } from './restore';
import type { CacheService } from './service';
import type { Uploads } from './uploads';
import { pathsToKeep, type StoreFolder, storeFolderOf } from './wanted';
import { reasonOf } from './wording';

/** What is asked of the cache at one build. */
export interface CachedBuild {
  readonly wanted: readonly Derivation[];
  /** The system that builds it. */
  readonly system: string;
  /** Outputs that no layer may have; see BuildSubject. */
  readonly never?: readonly string[];
  /** The outputs that each of those wants it is built for, where these are several. */
  readonly users?: readonly (readonly string[])[];
  /** Whether this run may build once more; what both have built is then saved together. */
  readonly mayBuildAgain?: boolean;
}

/** Where builds take from and give to. */
export interface BuildCache {
  /**
   * Has `work` build with what the cache has, and begins to save what it lacked; after a failure, too: what was built
   * until then is built.
   *
   * @throws what `work` throws, and the signal's reason
   */
  around(
    build: CachedBuild,
    signal: AbortSignal,
    work: (options: BuildOptions) => Promise<void>,
  ): Promise<void>;
}

export interface CacheOptions {
  readonly service: CacheService;
  /** The input cache-key. */
  readonly prefix: string;
  /** Undefined: layers are not signed, which only runs without a machine may use. */
  readonly key: LayerKey | undefined;
  /** What the user calls the configuration. */
  readonly configuration: string;
  readonly limits: LayerLimits;
  /** Called before a build takes anything from a layer that nobody has signed. */
  readonly unsignedUsed: () => void;
  readonly uploads: Uploads;
  /** Where a layer waits for its upload. */
  readonly uploadFolder: string;
}

/**
 * What this repository has built before: each build takes from it, and what was new goes into it. Whatever fails in it is a
 * line of the log and no more.
 */
export class ClosureCache implements BuildCache {
  readonly #options: CacheOptions;
  readonly #nix: Nix;
  readonly #runtime: Runtime;
  #record: BuildRecord;
  #report: CacheReport | null = null;
  #putOff: (() => Promise<void>) | undefined;
  readonly #writer: LayerWriter;

  constructor(options: CacheOptions, nix: Nix, runtime: Runtime) {
    this.#options = options;
    this.#nix = nix;
    this.#runtime = runtime;
    this.#record = new BuildRecord(() => runtime.clock.now());
    this.#writer = new LayerWriter(
      options,
      runtime,
      (text) => this.#say(text),
      (saved) => {
        this.#report = withSaved(this.#report ?? emptyReport, saved);
      },
    );
  }

  get report(): CacheReport | null {
    return this.#report;
  }

  async around(
    build: CachedBuild,
    signal: AbortSignal,
    work: (options: BuildOptions) => Promise<void>,
  ): Promise<void> {
    const { wanted, system } = build;
    const derivations = wanted.flatMap(({ drvPath }) => drvPath ?? []);
    const surroundings = derivations.length === 0 ? undefined : await this.#lookAround(wanted, signal);
    if (surroundings === undefined) return work({});
    const { prefix, key, configuration } = this.#options;
    const keys = layerKeys({ prefix, system, key, configuration, derivations });
    const restored = await this.#restore(build, keys, surroundings, signal);
    // what cannot be read now is not worth another try to write it
    if (restored === undefined) return work({});
    // with the run's own signal: what goes on beside the build may have failed, which stops the build and not the cache
    const save = (keyPrefix: string) =>
      this.#save(build, { ...keys, exact: keyPrefix }, restored, surroundings, this.#runtime.signal);
    // what is built now is saved without what was saved already
    if (this.#putOff === undefined) this.#record = new BuildRecord(() => this.#runtime.clock.now());
    this.#putOff = undefined;
    const builtBefore = this.#record.built.size;
    try {
      await this.#buildWith(restored, work);
    } catch (error) {
      this.#runtime.signal.throwIfAborted();
      this.#count(restored, builtBefore);
      await save(keys.incomplete);
      throw error;
    }
    this.#count(restored, builtBefore);
    if (build.mayBuildAgain === true) this.#putOff = () => save(keys.exact);
    else await save(keys.exact);
  }

  /** What Nix does not take from a layer, though it was as it should be, is built as if there were none. */
  async #buildWith(
    { substituter, discard }: Restored,
    work: (options: BuildOptions) => Promise<void>,
  ): Promise<void> {
    const record = this.#record;
    try {
      await work({ record, substituter });
    } catch (error) {
      if (substituter === undefined || !isFailedSubstitution(error)) throw error;
      this.#say('Nix could not take what was in it: building without it');
      await work({ record });
    } finally {
      await discard();
    }
  }

  /** Saves what was put off. */
  async finish(): Promise<void> {
    // a run that was cancelled says so itself
    if (!this.#runtime.signal.aborted) await this.#putOff?.().catch(() => undefined);
  }

  /** @returns undefined where the runner's Nix does not let this user use a cache, or does not say */
  async #lookAround(wanted: readonly Derivation[], signal: AbortSignal): Promise<Surroundings | undefined> {
    try {
      return await this.#askNix(wanted, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#say(`not used: ${reasonOf(error)}`);
      return undefined;
    }
  }

  async #askNix(wanted: readonly Derivation[], signal: AbortSignal): Promise<Surroundings | undefined> {
    const settings = await this.#nix.settings(signal);
    if (!settings.substitute) {
      this.#say('not used: the settings of Nix say substitute = false, and it would take nothing from it');
      return undefined;
    }
    const { trusted } = await this.#nix.storeInfo(signal);
    if (trusted === false) {
      this.#say(
        'not used: the Nix daemon of this runner lets only trusted users name another source; add this user to trusted-users in its nix.conf (with install-nix-action: extra_nix_config)',
      );
      return undefined;
    }
    const store = storeFolderOf(settings.store, wanted[0]?.outPath ?? '');
    return { settings, store };
  }

  async #restore(
    { wanted }: CachedBuild,
    keys: LayerKeys,
    { store }: Surroundings,
    signal: AbortSignal,
  ): Promise<Restored | undefined> {
    const start = this.#runtime.clock.now();
    const { service, key, unsignedUsed } = this.#options;
    try {
      const folder = await mkdtemp(join(this.#runtime.privateFolder, 'layers-'));
      const restored = await restore({
        service,
        keys,
        layerKey: key,
        installables: wanted.map(installable),
        storeFolder: store.logical,
        folder,
        nix: this.#nix,
        signal,
        say: (text) => this.#say(text),
      });
      if (key === undefined && restored.substituter !== undefined) unsignedUsed();
      return { ...restored, ms: this.#runtime.clock.now() - start };
    } catch (error) {
      signal.throwIfAborted();
      this.#say(`not used: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /** @param builtBefore how many derivations an earlier build of this run has built */
  #count(restored: Restored, builtBefore: number): void {
    const { substituter } = restored;
    const taken = new Set(substituter === undefined ? [] : this.#record.copiedFrom(substituter.uri));
    const report = reportOf(restored, taken);
    this.#report = addReport(this.#report, report);
    this.#say(describeFound(report, this.#record.built.size > builtBefore));
  }

  async #save(
    { wanted, users, never = [] }: CachedBuild,
    { exact, incomplete }: LayerKeys,
    restored: Restored,
    { settings, store }: Surroundings,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      // found in a store that had all: it is not known what is in it, but that it is whole
      if (restored.hit === 'exact' && restored.layers.length === 0) return;
      if (!this.#options.service.writable) {
        // of an exact hit there would be nothing to save
        if (restored.hit !== 'exact')
          this.#say(
            'nothing is saved: runs of pull requests, and those that may only read it, just take from it',
          );
        return;
      }
      // of a build that failed not all is there
      const whole = [
        ...(
          await this.#nix.pathInfo(
            wanted.map(({ outPath }) => outPath),
            signal,
          )
        ).keys(),
      ];
      const subject = { outPaths: whole, never };
      const paths = await pathsToKeep(subject, this.#record, settings, store, this.#nix, signal);
      const { limits } = this.#options;
      const closures = users === undefined ? undefined : closuresOf(paths, users);
      if (planLayer(paths, restored.layers, limits, closures).store.length === 0) return;
      // another job may have saved the same meanwhile
      const known = mergeLayers(await restored.lookAgain(signal), restored.layers);
      const { store: missing, below } = planLayer(paths, known, limits, closures);
      const parts = closures === undefined ? [missing] : divide(missing, closures);
      if (missing.length > 0) await this.#writer.write(parts, { exact, incomplete }, below, store, signal);
    } catch (error) {
      signal.throwIfAborted();
      this.#say(`not saved: ${reasonOf(error)}`);
    }
  }

  #say(text: string): void {
    this.#runtime.log.info(`cache: ${text}`);
  }
}

interface Surroundings {
  readonly settings: NixSettings;
  readonly store: StoreFolder;
}

/** NixError of a build in which a substituter gave something else than it had said (libstore's substitution goals). */
function isFailedSubstitution(error: unknown): boolean {
  return (
    error instanceof NixError &&
    /some substitutes .*failed/.test([error.message, ...error.lastLines].join('\n'))
  );
}
