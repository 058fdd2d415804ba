import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NixError } from '../errors';
import type { ProcessResult } from '../process';
import type { Runtime } from '../runtime';
import { builtSystems } from './builders';
import { type CommandProgress, NixCommand, type NixOptions, type RunOptions } from './command';
import { parseRequirements, type Requirements } from './derivation';
import { readBuild, readCopy } from './describe-meter';
import type { NixMeter } from './meter';
import { type Missing, parseMissing } from './missing';
import type { BridgedOptions, BuildOptions, EvaluateOptions, Substituter, TestOptions } from './options';
import { type PathInfo, parsePathInfo } from './path-info';
import { flakeFolder } from './places';
import { type NixSettings, parseSettings, parseStoreInfo, type StoreInfo } from './settings';
import { nameOfPath } from './store-path';
import { askVersion } from './version';

/** How far a build on the runner is. */
const building: CommandProgress = { what: 'building', read: readBuild };

/** Settings of the user that hold for builds wherever they are. */
const buildSettings = ['cores', 'max-jobs', 'keep-going', 'fallback', 'max-silent-time', 'timeout'];
/** The client's own limit comes first: it says more. */
const daemonGraceSeconds = 30;

/** The Nix on the runner. Every call is one process; nothing of it reads or writes the target but `copy`. */
export class Nix {
  readonly #options: NixOptions;
  readonly #runtime: Runtime;
  readonly #command: NixCommand;
  #version: Promise<string> | undefined;

  constructor(options: NixOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
    this.#command = new NixCommand(options, runtime);
  }

  /** Asks once. @returns the version @throws NixError when there is no Nix, or one that is too old */
  checkVersion(): Promise<string> {
    this.#version ??= askVersion(this.#command, this.#runtime.signal);
    return this.#version;
  }

  /**
   * Evaluates `installable`, applies a Nix function to it, and returns the JSON value.
   *
   * @throws NixError with Nix's own message
   */
  async evaluate(
    installable: string,
    apply: string,
    signal: AbortSignal,
    { quiet = false, folder = folderOf(installable), name = installable }: EvaluateOptions = {},
  ): Promise<unknown> {
    const more = quiet ? { onMessage: () => undefined } : {};
    return this.#eval(['--apply', apply, installable], name, signal, { ...more, folder });
  }

  /**
   * Evaluates as `evaluate` does, for what the function tells in traces on the way.
   *
   * @throws NixError with Nix's own message
   */
  async trace(
    installable: string,
    apply: string,
    signal: AbortSignal,
    options: Required<Pick<RunOptions, 'onTrace' | 'onStart'>>,
  ): Promise<void> {
    const more = { ...options, folder: folderOf(installable) };
    await this.#eval(['--apply', apply, installable], installable, signal, more);
  }

  /**
   * Evaluates an expression that may read whatever the runner has, such as NIX_PATH, and returns the JSON value.
   *
   * @param name what messages call it
   * @throws NixError with Nix's own message
   */
  async evaluateExpression(expression: string, name: string, signal: AbortSignal): Promise<unknown> {
    return this.#eval(['--impure', '--expr', expression], name, signal);
  }

  async #eval(
    args: readonly string[],
    name: string,
    signal: AbortSignal,
    more: RunOptions = {},
  ): Promise<unknown> {
    const all = ['eval', '--json', '--no-write-lock-file', ...args];
    const progress = { what: `evaluating ${name}`, read: readBuild };
    const result = await this.#run(all, `the evaluation of ${name}`, signal, { progress, ...more });
    return JSON.parse(result.stdout);
  }

  /**
   * Builds derivations and keeps their outputs from being collected until the run's private folder is gone.
   *
   * @param installables `drv^*`, or a store path that exists and is only kept
   * @throws NixError with the last lines of the build that failed
   */
  async build(
    installables: readonly string[],
    signal: AbortSignal,
    { substituter, record, keepGoing = false }: BuildOptions = {},
  ): Promise<void> {
    const args = [
      'build',
      ...(keepGoing ? ['--keep-going'] : []),
      ...optionsOf(substituter),
      ...(await this.#outLink()),
      ...installables,
    ];
    await this.#run(args, 'the build', signal, { progress: building, ...(record && { record }) });
  }

  /**
   * Builds one derivation and shows its log, whatever print-build-logs says.
   *
   * @throws NixError with the last lines of the build that failed
   */
  async buildTest(
    drvPath: string,
    { signal, limitMs, onLine, substituter, record }: TestOptions,
  ): Promise<void> {
    const seconds = (ms: number) => String(Math.ceil(ms / 1000) + daemonGraceSeconds);
    const limits = Object.entries({
      timeout: seconds(limitMs),
      'max-silent-time': seconds(this.#options.idleMs),
    }).filter(([name]) => !this.#options.options.some(([given]) => given === name));
    const options = limits.flatMap(([name, value]) => ['--option', name, value]);
    const args = [
      ...['build', ...options, ...optionsOf(substituter)],
      ...(await this.#outLink()),
      `${drvPath}^*`,
    ];
    const logOf = { drvPath, onLine };
    await this.#run(args, 'the build', signal, { progress: building, logOf, ...(record && { record }) });
  }

  async #outLink(): Promise<readonly string[]> {
    const links = join(this.#runtime.privateFolder, 'results');
    await mkdir(links, { recursive: true });
    return ['--out-link', join(links, 'result')];
  }

  /**
   * Copies the closures of store paths from another store into the runner's, which wants them signed by a trusted key.
   *
   * @throws NixError
   */
  async fetch(paths: readonly string[], storeUri: string, signal: AbortSignal): Promise<void> {
    await this.#run(
      ['copy', '--from', storeUri, ...paths],
      `the copy of ${paths.join(' ')} from ${storeUri}`,
      signal,
      { progress: { what: 'copying to this runner', read: readBuild } },
    );
  }

  /** What a build of this derivation asks of its builder. @throws NixError */
  async requirements(drvPath: string, signal: AbortSignal): Promise<Requirements> {
    return parseRequirements(await this.ask(['derivation', 'show', drvPath], signal));
  }

  /** Nix's settings with those of the run. @throws NixError */
  async settings(signal: AbortSignal): Promise<NixSettings> {
    return parseSettings(await this.#askEither(['config', 'show'], ['show-config'], signal));
  }

  /** What there is to know of the runner's store. @throws NixError */
  async storeInfo(signal: AbortSignal): Promise<StoreInfo> {
    return parseStoreInfo(await this.#askEither(['store', 'info'], ['store', 'ping'], signal));
  }

  /** @param older what Nix 2.18 and 2.19 call it */
  async #askEither(
    command: readonly string[],
    older: readonly string[],
    signal: AbortSignal,
  ): Promise<unknown> {
    return this.ask([...command, '--json'], signal).catch((error: unknown) => {
      if (!(error instanceof NixError)) throw error;
      return this.ask([...older, '--json'], signal);
    });
  }

  /** The JSON that a command answers with, whose messages are no news. @throws NixError */
  async ask(args: readonly string[], signal: AbortSignal): Promise<unknown> {
    const result = await this.#run(args, `nix ${args.join(' ')}`, signal, { onMessage: () => undefined });
    return JSON.parse(result.stdout);
  }

  /** What building these would take. Substituters are asked; nothing is built or fetched. @throws NixError */
  async missing(
    installables: readonly string[],
    signal: AbortSignal,
    substituter?: Substituter,
  ): Promise<Missing> {
    if (installables.length === 0) return parseMissing([]);
    const lines: string[] = [];
    await this.#run(
      ['build', '--dry-run', '--no-link', ...optionsOf(substituter), ...installables],
      'the dry run of the build',
      signal,
      {
        onMessage: (text) => lines.push(...text.split('\n')),
      },
    );
    return parseMissing(lines);
  }

  /** What the runner's store knows of those paths that are valid in it, and of all that they need. @throws NixError */
  async pathInfo(
    paths: readonly string[],
    signal: AbortSignal,
    { recursive = false } = {},
  ): Promise<Map<string, PathInfo>> {
    const args = ['path-info', '--json', ...(recursive ? ['--recursive'] : []), ...paths];
    const result = await this.#run(args, 'asking the store', signal, { onMessage: () => undefined });
    return parsePathInfo(JSON.parse(result.stdout));
  }

  /**
   * The systems that this Nix builds for, as the settings of the run and of the runner have it. @throws NixError
   */
  async builtSystems(signal: AbortSignal): Promise<readonly string[]> {
    return builtSystems(await this.settings(signal));
  }

  /**
   * Builds a derivation in the store behind a daemon's socket, by that daemon; what it needs of sources and
   * derivations is sent there. Settings are isolated as in a copy, but for those that say how to build.
   *
   * @throws NixError with the last lines of the build that failed
   */
  async buildIn(storeUri: string, installable: string, options: BridgedOptions): Promise<void> {
    const given = this.#options.options.filter(([name]) => buildSettings.includes(name));
    // without these the runner's own number of processors would be meant
    const settings = [['cores', '0'] as const, ['max-jobs', 'auto'] as const, ...given];
    // `auto` would not be the store that NIX_REMOTE names, in which the evaluation has put them
    const { store } = await this.settings(options.signal);
    const args = [
      'build',
      ...['--eval-store', store, '--store', storeUri, '--no-link'],
      ...settings.flatMap(([name, value]) => ['--option', name, value]),
      installable,
    ];
    const what = `building ${nameOfPath(installable.replace(/\^.*$/, ''))} on the machine`;
    const bridged = await this.#bridged(what, storeUri, options);
    await this.#run(args, `the build of ${installable} on the machine`, options.signal, bridged);
  }

  /**
   * Copies the closures of store paths into the store behind a daemon's socket, without the runner's own settings:
   * what Nix forwards to a daemon (sandbox, hooks, netrc, substituters) is none of the target's business. The
   * destination fetches what it can from its own substituters.
   */
  async copy(paths: readonly string[], storeUri: string, options: BridgedOptions): Promise<void> {
    const args = ['copy', '--no-check-sigs', '--substitute-on-destination', '--to', storeUri, ...paths];
    const what = `copying ${paths.map(nameOfPath).join(' ')}`;
    const bridged = await this.#bridged(what, storeUri, options);
    await this.#run(args, `the copy of ${paths.join(' ')}`, options.signal, bridged);
  }

  /** What a command that works through a bridge is run with. */
  async #bridged(what: string, storeUri: string, options: BridgedOptions): Promise<RunOptions> {
    const { alsoAlive, record, sentBytes = () => 0 } = options;
    const read = (meter: NixMeter) => readCopy(meter, sentBytes());
    return {
      env: await this.#isolatedSettings(),
      alsoAlive,
      userOptions: false,
      progress: { what, read, destination: storeUri },
      ...(record && { record }),
    };
  }

  async #isolatedSettings(): Promise<Record<string, string>> {
    const folder = join(this.#runtime.privateFolder, 'nix-settings');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'nix.conf'), '');
    return { NIX_USER_CONF_FILES: '', NIX_CONF_DIR: folder, NIX_CONFIG: '' };
  }

  #run(args: readonly string[], ran: string, signal: AbortSignal, more?: RunOptions): Promise<ProcessResult> {
    return this.#command.run(args, ran, signal, more);
  }
}

function folderOf(installable: string): string | undefined {
  return flakeFolder(installable.replace(/#.*$/s, ''));
}

/**
 * Nearly all that a NixOS configuration itself builds says `allowSubstitutes = false`, because it is quicker built than
 * fetched from far away: here it lies on the same disk. Nix 2.18 does not know the last of these options, and builds it.
 */
function optionsOf(substituter: Substituter | undefined): readonly string[] {
  if (substituter === undefined) return [];
  return [
    ...['--option', 'extra-substituters', substituter.uri],
    ...['--option', 'extra-trusted-public-keys', substituter.publicKey],
    ...['--option', 'always-allow-substitutes', 'true'],
  ];
}
