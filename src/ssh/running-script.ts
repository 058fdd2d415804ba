import type { Readable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { ConnectionError, RemoteCommandError } from '../errors';
import { Entrance } from './entrance';
import { LineSplitter } from './line-splitter';
import { MarkerFilter, type RemoteCommand, type Script } from './remote-command';

export interface RunOptions {
  /** As root, in the way that was found to work. Default: as the user who logged in. */
  readonly privileged?: boolean;
  /** The script's standard input; a stream only for scripts that are not repeatable. */
  readonly stdin?: Buffer | Readable;
  readonly idleMs?: number;
  readonly signal?: AbortSignal;
  /** Gets each line of standard output as it comes; it is not captured then. */
  readonly onLine?: (line: string) => void;
  readonly onErrorLine?: (line: string) => void;
  /** Gets standard output as it comes, not cut into lines; it is not captured then. */
  readonly onBytes?: (bytes: Buffer) => void;
  /** Any exit code is an answer. Default: another code than 0 throws. */
  readonly anyExitCode?: boolean;
}

export interface RemoteResult {
  readonly code: number;
  readonly stdout: string;
  readonly errorLines: readonly string[];
}

/** What RunningScript makes a script run with. */
export interface Start {
  readonly command: RemoteCommand;
  readonly marker: string;
  /** Where the command asks for one. */
  readonly password: string | undefined;
  /** Called at each sign of life. */
  readonly touch: () => void;
}

const keptErrorLines = 40;

/** One channel with a script in it: gathers what it prints and how it ends. */
export class RunningScript {
  readonly #channel: ClientChannel;
  readonly #filter: MarkerFilter;
  readonly #entrance: Entrance;
  readonly #stdout: Buffer[] = [];
  readonly #errorLines: string[] = [];
  readonly #lines: LineSplitter;
  readonly #errors: LineSplitter;

  /** Settles when the channel is closed: with the result, or with `dropped` where there was no exit code. */
  readonly finished: Promise<RemoteResult>;

  /**
   * Must be made in the very callback that brings the channel: the exit code of a command that ends at once comes in
   * the same packet, and whoever listens a moment later takes it for a lost connection.
   */
  constructor(channel: ClientChannel, start: Start, options: RunOptions) {
    const { command, marker, password, touch } = start;
    this.#channel = channel;
    this.#lines = new LineSplitter(options.onLine ?? (() => undefined));
    this.#errors = new LineSplitter((line) => {
      this.#errorLines.push(line);
      if (this.#errorLines.length > keptErrorLines) this.#errorLines.shift();
      options.onErrorLine?.(line);
    });
    this.#filter = new MarkerFilter(marker, (bytes) => {
      options.onBytes?.(bytes);
      if (options.onLine !== undefined) this.#lines.push(bytes);
      else if (options.onBytes === undefined) this.#stdout.push(bytes);
    });
    // what comes before the script's beginning is no sign of life: an rc file may print for ever
    const alive = () => {
      if (this.#filter.seen) touch();
    };
    this.#entrance = new Entrance(channel, command, password, () => this.#sendInput(options.stdin));
    channel.on('data', (bytes: Buffer) => {
      this.#entrance.seeOutput(bytes);
      this.#filter.push(bytes);
      alive();
    });
    channel.stderr.on('data', (bytes: Buffer) => {
      this.#errors.push(this.#entrance.seeErrors(bytes));
      alive();
    });
    channel.on('drain', alive);
    // a script that ends early closes its side while we still write; its exit code tells more than the write error
    channel.on('error', () => undefined);
    this.finished = this.#untilClosed();
    // whoever gives up waiting is not told a second time
    this.finished.catch(() => undefined);
  }

  /** What was printed by something that was not the script, if the script never began. */
  get noise(): string | undefined {
    return this.#filter.seen ? undefined : this.#filter.noise;
  }

  #sendInput(stdin: Buffer | Readable | undefined): void {
    if (stdin === undefined || Buffer.isBuffer(stdin)) this.#channel.end(stdin);
    else stdin.pipe(this.#channel);
  }

  /** Stops listening, and closes the channel. */
  abandon(): void {
    this.#channel.destroy();
  }

  #untilClosed(): Promise<RemoteResult> {
    return new Promise((resolve, reject) => {
      let code: number | undefined;
      this.#channel.on('exit', (exit: number | null) => {
        // ended by a signal: as a shell would say it, without the signal's number
        code = exit ?? 128;
      });
      this.#channel.on('close', () => {
        this.#lines.end();
        this.#errors.end();
        this.#errorLines.push(...this.#entrance.complaints);
        if (code === undefined) return reject(new ConnectionError('dropped', 'the connection was lost'));
        resolve({ code, stdout: Buffer.concat(this.#stdout).toString('utf8'), errorLines: this.#errorLines });
      });
    });
  }
}

/**
 * @param noise what was printed instead of the script's output, if the script never began
 * @throws RemoteCommandError for that, and for another exit code than 0 unless any is an answer
 */
export function checked(
  script: Script,
  result: RemoteResult,
  noise: string | undefined,
  anyExitCode: boolean,
): RemoteResult {
  const said = [...(noise ?? '').split('\n').filter((line) => line.trim() !== ''), ...result.errorLines];
  if (noise !== undefined) {
    throw new RemoteCommandError(
      `the target did not run ${script.name}, it ended with exit code ${result.code}`,
      {
        ran: script.name,
        lastLines: said,
      },
    );
  }
  if (result.code !== 0 && !anyExitCode) {
    const reason = result.errorLines.at(-1) ?? 'it said nothing';
    throw new RemoteCommandError(
      `${script.name} failed on the target with exit code ${result.code}: ${reason}`,
      {
        ran: script.name,
        lastLines: [
          ...result.stdout
            .split('\n')
            .slice(-20)
            .filter((line) => line !== ''),
          ...result.errorLines,
        ],
      },
    );
  }
  return result;
}
