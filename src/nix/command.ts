import type { ProcessResult } from '../process';
import { type Reading, withProgressLines } from '../progress-lines';
import type { Runtime } from '../runtime';
import type { BuildRecord } from './build-record';
import { BuildLogs, type NixEvent, nixLevel, parseNixLog } from './log';
import { NixMeter } from './meter';
import { nixError } from './nix-error';

export interface NixOptions {
  /** `--option NAME VALUE` for every evaluation and build. */
  readonly options: readonly (readonly [string, string])[];
  readonly printBuildLogs: boolean;
  /** Shows the whole trace where an evaluation fails. */
  readonly showTrace?: boolean;
  /** A store from which builds fetch what they can, beside the substituters. */
  readonly from?: string | undefined;
  /** How long Nix may be silent, in milliseconds. */
  readonly idleMs: number;
}

/** What is said of a command that takes its time. */
export interface CommandProgress {
  /** Begins each line: `building`. */
  readonly what: string;
  readonly read: (meter: NixMeter) => Reading;
  /** The store that is copied to, as Nix names it. */
  readonly destination?: string;
}

/** How one command is run. */
export interface RunOptions {
  readonly progress?: CommandProgress;
  readonly env?: Record<string, string>;
  readonly alsoAlive?: (touch: () => void) => void;
  readonly userOptions?: boolean;
  /** Takes Nix's messages, which are then not in the log. */
  readonly onMessage?: (text: string) => void;
  /** Takes what builtins.trace prints. */
  readonly onTrace?: (text: string) => void;
  readonly onStart?: (pid: number) => void;
  /** Where the files of the flake come from that is evaluated, if it lies on the runner: errors name places in these. */
  readonly folder?: string | undefined;
  /** Gets to know what is built and copied. */
  readonly record?: BuildRecord;
  /** The one derivation whose log is shown in any case. */
  readonly logOf?: { readonly drvPath: string; readonly onLine: (line: string) => void };
}

interface SpawnOptions extends Pick<RunOptions, 'env' | 'alsoAlive' | 'onStart'> {
  readonly signal: AbortSignal;
  readonly onErrorLine?: (line: string) => void;
}

/** What Nix puts before the text of builtins.trace (libexpr/primops.cc). */
const tracePrefix = 'trace: ';

const features = ['--extra-experimental-features', 'nix-command flakes'];

/** The program `nix`: its options, its log, its errors. */
export class NixCommand {
  readonly #options: NixOptions;
  readonly #runtime: Runtime;
  /** Each evaluation says so. */
  #lockWasMissed = false;

  constructor(options: NixOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
  }

  /**
   * Runs `nix ARGS`, with the user's options, and tells in the log what it does.
   *
   * @param ran what errors call it
   * @throws NixError with Nix's own message when it fails
   */
  async run(
    args: readonly string[],
    ran: string,
    signal: AbortSignal,
    more: RunOptions = {},
  ): Promise<ProcessResult> {
    const { progress } = more;
    if (progress === undefined) return this.#run(args, ran, signal, more, () => undefined);
    const wanted = args.flatMap((arg) => /^(\/.+\.drv)\^/.exec(arg)?.[1] ?? []);
    const { destination } = progress;
    const meter = new NixMeter(() => this.#runtime.clock.now(), { destination, wanted });
    // whose log is shown says more
    let isShown = false;
    const onEvent = (event: NixEvent, shown: boolean) => {
      meter.add(event);
      isShown ||= shown;
    };
    const read = () => {
      const wasShown = isShown;
      isShown = false;
      return wasShown ? undefined : progress.read(meter);
    };
    return withProgressLines(this.#runtime, progress.what, read, () =>
      this.#run(args, ran, signal, more, onEvent),
    );
  }

  async #run(
    args: readonly string[],
    ran: string,
    signal: AbortSignal,
    more: RunOptions,
    onEvent: (event: NixEvent, shown: boolean) => void,
  ): Promise<ProcessResult> {
    const [command, ...rest] = args;
    const userOptions = more.userOptions === false ? [] : this.#userOptions(command);
    const messages: string[] = [];
    const untrusted: string[] = [];
    const buildLogs = new BuildLogs();
    const isLogOf = (drvPath: string | undefined, activity: number) =>
      drvPath !== undefined && buildLogs.derivationOf(activity) === drvPath;
    const onErrorLine = (line: string) => {
      const event = parseNixLog(line);
      buildLogs.add(event);
      more.record?.add(event);
      const shown = event.kind === 'build-log' && isLogOf(more.logOf?.drvPath, event.activity);
      onEvent(event, shown);
      if (shown) {
        more.logOf?.onLine(event.text);
        this.#foreign(event.text);
        return;
      }
      if (event.kind === 'message' && more.onTrace !== undefined && event.text.startsWith(tracePrefix)) {
        more.onTrace(event.text.slice(tracePrefix.length));
        return;
      }
      if (event.kind === 'message') more.onMessage?.(event.text);
      if (event.kind === 'message' && isOfTheUntrusted(event.text)) untrusted.push(event.text);
      if (event.kind !== 'message' || more.onMessage === undefined || event.level === nixLevel.error)
        this.#report(event, messages);
    };
    const result = await this.spawn(
      [command ?? '', ...features, '--log-format', 'internal-json', ...userOptions, ...rest],
      { signal, onErrorLine, ...more },
    );
    const { showTrace } = this.#options;
    if (result.code !== 0)
      throw nixError(ran, result.code, messages, buildLogs, {
        folder: more.folder,
        showTrace,
        remarks: untrusted,
      });
    return result;
  }

  #userOptions(command: string | undefined): readonly string[] {
    const { options, showTrace, from } = this.#options;
    return [
      ...options.flatMap(([name, value]) => ['--option', name, value]),
      ...(from !== undefined && command === 'build' ? ['--option', 'extra-substituters', from] : []),
      // the places in the user's own files are mostly far down
      ...(command === 'eval' || (showTrace === true && command === 'build') ? ['--show-trace'] : []),
    ];
  }

  #report(event: NixEvent, messages: string[]): void {
    const { log } = this.#runtime;
    switch (event.kind) {
      case 'message':
        if (event.level === nixLevel.error) {
          messages.push(event.text);
          // of which the failure shows only the end
          if (this.#options.showTrace === true && !isMissingOutput(event.text)) this.#foreign(event.text);
        } else if (/not writing modified lock file/.test(event.text)) {
          if (this.#lockWasMissed) return;
          this.#lockWasMissed = true;
          log.warning(
            'The flake has no flake.lock, or an incomplete one: its inputs were resolved anew and may differ tomorrow. Run `nix flake lock` and commit the file.',
          );
        } else if (event.level <= nixLevel.notice) this.#foreign(event.text);
        else for (const line of event.text.split('\n')) log.debug(`nix> ${line}`);
        return;
      case 'building':
        log.debug(`building ${event.derivation}`);
        return;
      case 'build-log':
        if (this.#options.printBuildLogs) this.#foreign(event.text);
        return;
      case 'copying':
        log.debug(`copying ${event.path}`);
        return;
      default:
        return;
    }
  }

  #foreign(text: string): void {
    for (const line of text.split('\n')) this.#runtime.log.foreign('nix', line);
  }

  /** Runs `nix ARGS` as it is. @throws what the process runner throws */
  spawn(args: readonly string[], options: SpawnOptions): Promise<ProcessResult> {
    return this.#runtime.processes.run('nix', args, {
      idleMs: this.#options.idleMs,
      signal: options.signal,
      ...(options.onErrorLine === undefined ? {} : { onErrorLine: options.onErrorLine }),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.alsoAlive === undefined ? {} : { alsoAlive: options.alsoAlive }),
      ...(options.onStart === undefined ? {} : { onStart: options.onStart }),
    });
  }
}

/** Somebody asks whether there is one, and has no need of a trace. */
const isMissingOutput = (text: string) => /^\s*error: flake '.*' does not provide attribute/.test(text);
/** What the daemon does not take from whoever is not trusted; what fails for want of it comes later. */
const isOfTheUntrusted = (text: string) => /untrusted substituter|you are not a trusted user/.test(text);
