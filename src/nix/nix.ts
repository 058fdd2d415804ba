import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NixError } from '../errors';
import type { ProcessResult } from '../process';
import type { Runtime } from '../runtime';
import { builtSystems } from './builders';
import { BuildLogs, type NixEvent, nixLevel, parseNixLog } from './log';
import { type Missing, parseMissing } from './missing';
import { type PathInfo, parsePathInfo } from './path-info';

export interface NixOptions {
  /** `--option NAME VALUE` for every evaluation and build. */
  readonly options: readonly (readonly [string, string])[];
  readonly printBuildLogs: boolean;
  /** How long Nix may be silent, in milliseconds. */
  readonly idleMs: number;
}

/** What passes over a bridge to another store. */
export interface BridgedOptions {
  readonly signal: AbortSignal;
  /** Called by whatever else sees bytes move. */
  readonly alsoAlive: (touch: () => void) => void;
}

/** Oldest Nix that knows `drv^*` and `--print-out-paths` in the way we use them. */
const oldestNix = [2, 18] as const;
/** Settings of the user that hold for builds wherever they are. */
const buildSettings = ['cores', 'max-jobs', 'keep-going', 'fallback', 'max-silent-time', 'timeout'];
const features = ['--extra-experimental-features', 'nix-command flakes'];

/** The Nix on the runner. Every call is one process; nothing of it reads or writes the target but `copy`. */
export class Nix {
  readonly #options: NixOptions;
  readonly #runtime: Runtime;

  constructor(options: NixOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
  }

  /** @returns the version @throws NixError when there is no Nix, or one that is too old */
  async checkVersion(): Promise<string> {
    const hint =
      'add a step before this one that installs Nix 2.18 or later, such as cachix/install-nix-action or DeterminateSystems/nix-installer-action';
    const result = await this.#spawn(['--version'], { signal: this.#runtime.signal }).catch(
      (error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        throw new NixError('there is no nix on this runner (no such program in PATH)', {
          hint,
          cause: error,
        });
      },
    );
    const version = /\b(\d+)\.(\d+)(\.\S+)?\s*$/.exec(result.stdout.trim());
    if (result.code !== 0 || version === null) {
      throw new NixError(`nix --version failed: ${result.errorLines.at(-1) ?? result.stdout.trim()}`, {
        ran: 'nix --version',
      });
    }
    const [major, minor] = [Number(version[1]), Number(version[2])];
    if (major < oldestNix[0] || (major === oldestNix[0] && minor < oldestNix[1])) {
      throw new NixError(
        `the Nix on this runner is ${version[0].trim()}; at least ${oldestNix.join('.')} is needed`,
        { hint },
      );
    }
    return version[0].trim();
  }

  /**
   * Evaluates `installable`, applies a Nix function to it, and returns the JSON value.
   *
   * @throws NixError with Nix's own message
   */
  async evaluate(installable: string, apply: string, signal: AbortSignal): Promise<unknown> {
    const args = ['eval', '--json', '--no-write-lock-file', '--apply', apply, installable];
    const result = await this.#run(args, `the evaluation of ${installable}`, signal);
    return JSON.parse(result.stdout);
  }

  /**
   * Builds derivations and keeps their outputs from being collected until the run's private folder is gone.
   *
   * @param installables `drv^*`, or a store path that exists and is only kept
   * @throws NixError with the last lines of the build that failed
   */
  async build(installables: readonly string[], signal: AbortSignal): Promise<void> {
    const links = join(this.#runtime.privateFolder, 'results');
    await mkdir(links, { recursive: true });
    const args = ['build', '--out-link', join(links, 'result'), ...installables];
    await this.#run(args, 'the build', signal);
  }

  /** What building these would take. Substituters are asked; nothing is built or fetched. @throws NixError */
  async missing(installables: readonly string[], signal: AbortSignal): Promise<Missing> {
    if (installables.length === 0) return parseMissing([]);
    const lines: string[] = [];
    await this.#run(
      ['build', '--dry-run', '--no-link', ...installables],
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
    const silent = { onMessage: () => undefined };
    const show = (args: readonly string[]) =>
      this.#run([...args, '--json'], 'asking Nix for its settings', signal, silent);
    // as Nix 2.18 and 2.19 call it
    const result = await show(['config', 'show']).catch(() => show(['show-config']));
    return builtSystems(JSON.parse(result.stdout));
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
    const args = [
      'build',
      ...['--eval-store', 'auto', '--store', storeUri, '--no-link'],
      ...settings.flatMap(([name, value]) => ['--option', name, value]),
      installable,
    ];
    await this.#run(args, `the build of ${installable} on the machine`, options.signal, {
      env: await this.#isolatedSettings(),
      alsoAlive: options.alsoAlive,
      userOptions: false,
    });
  }

  /**
   * Copies the closures of store paths into the store behind a daemon's socket, without the runner's own settings:
   * what Nix forwards to a daemon (sandbox, hooks, netrc, substituters) is none of the target's business. The
   * destination fetches what it can from its own substituters.
   */
  async copy(paths: readonly string[], storeUri: string, options: BridgedOptions): Promise<void> {
    const args = ['copy', '--no-check-sigs', '--substitute-on-destination', '--to', storeUri, ...paths];
    const isolated = await this.#isolatedSettings();
    await this.#run(args, `the copy of ${paths.join(' ')}`, options.signal, {
      env: isolated,
      alsoAlive: options.alsoAlive,
      userOptions: false,
    });
  }

  async #isolatedSettings(): Promise<Record<string, string>> {
    const folder = join(this.#runtime.privateFolder, 'nix-settings');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'nix.conf'), '');
    return { NIX_USER_CONF_FILES: '', NIX_CONF_DIR: folder, NIX_CONFIG: '' };
  }

  async #run(
    args: readonly string[],
    ran: string,
    signal: AbortSignal,
    more: {
      env?: Record<string, string>;
      alsoAlive?: (touch: () => void) => void;
      userOptions?: boolean;
      /** Takes Nix's messages, which are then not in the log. */
      onMessage?: (text: string) => void;
    } = {},
  ): Promise<ProcessResult> {
    const [command, ...rest] = args;
    const userOptions =
      more.userOptions === false
        ? []
        : this.#options.options.flatMap(([name, value]) => ['--option', name, value]);
    const messages: string[] = [];
    const buildLogs = new BuildLogs();
    const onErrorLine = (line: string) => {
      const event = parseNixLog(line);
      buildLogs.add(event);
      if (event.kind === 'message') more.onMessage?.(event.text);
      if (event.kind !== 'message' || more.onMessage === undefined || event.level === nixLevel.error)
        this.#report(event, messages);
    };
    const result = await this.#spawn(
      [command ?? '', ...features, '--log-format', 'internal-json', ...userOptions, ...rest],
      { signal, onErrorLine, ...more },
    );
    if (result.code !== 0) throw nixError(ran, result.code, messages, buildLogs);
    return result;
  }

  #report(event: NixEvent, messages: string[]): void {
    const { log } = this.#runtime;
    switch (event.kind) {
      case 'message':
        if (event.level === nixLevel.error) messages.push(event.text);
        else if (/not writing modified lock file/.test(event.text)) {
          log.warning(
            'The flake has no flake.lock, or an incomplete one: its inputs were resolved anew and may differ tomorrow. Run `nix flake lock` and commit the file.',
          );
        } else if (event.level <= nixLevel.notice) this.#foreign(event.text);
        else log.debug(event.text);
        return;
      case 'building':
        log.info(`building ${event.derivation}`);
        return;
      case 'build-log':
        if (this.#options.printBuildLogs) this.#foreign(event.text);
        return;
      case 'copying':
        log.debug(`copying ${event.path}`);
        return;
      case 'other':
        return;
    }
  }

  #foreign(text: string): void {
    for (const line of text.split('\n')) this.#runtime.log.foreign('nix', line);
  }

  #spawn(
    args: readonly string[],
    options: {
      signal: AbortSignal;
      onErrorLine?: (line: string) => void;
      env?: Record<string, string>;
      alsoAlive?: (touch: () => void) => void;
    },
  ): Promise<ProcessResult> {
    return this.#runtime.processes.run('nix', args, {
      idleMs: this.#options.idleMs,
      signal: options.signal,
      ...(options.onErrorLine === undefined ? {} : { onErrorLine: options.onErrorLine }),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.alsoAlive === undefined ? {} : { alsoAlive: options.alsoAlive }),
    });
  }
}

function nixError(ran: string, code: number | null, messages: readonly string[], logs: BuildLogs): NixError {
  const failedBuild = messages.find((message) => /builder for '|Cannot build '/.test(message));
  const lines = (failedBuild ?? messages.join('\n')).split('\n');
  // the innermost error stands last: what comes before it is the trace that leads there
  const reason =
    lines.findLast((line) => /^\s*error: \S/.test(line)) ?? lines.find((line) => line.trim() !== '');
  return new NixError(
    `${ran} failed${reason === undefined ? ` with exit code ${code}` : `: ${reason.trim()}`}`,
    {
      ran,
      lastLines: failedBuild === undefined ? lines.slice(-40) : [...logs.lastLinesOf(failedBuild), ...lines],
    },
  );
}

/** A Nix string literal. */
export function nixString(text: string): string {
  return `"${text
    .replace(/[\\"]|\$(?=\{)/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')}"`;
}
