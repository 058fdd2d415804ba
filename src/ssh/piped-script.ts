import type { ClientChannel } from 'ssh2';
import { RemoteCommandError } from '../errors';
import { Entrance } from './entrance';
import { LineSplitter } from './line-splitter';
import { MarkerFilter, type RemoteCommand } from './remote-command';

export interface PipeOptions {
  /** Bytes of standard output, noise of rc files taken off. */
  readonly onOutput: (bytes: Buffer) => void;
  readonly onErrorLine: (line: string) => void;
}

/** One channel with a script in it whose standard input and output are used as a pair of pipes. */
export class PipedScript {
  readonly channel: ClientChannel;
  /** Settles when what is written to the channel is the script's standard input. */
  readonly entered: Promise<void>;

  /** To be made where a RunningScript is: in the callback that brings the channel. */
  constructor(
    channel: ClientChannel,
    start: {
      readonly command: RemoteCommand;
      readonly marker: string;
      readonly password: string | undefined;
    },
    options: PipeOptions,
  ) {
    this.channel = channel;
    const filter = new MarkerFilter(start.marker, options.onOutput);
    const errors = new LineSplitter(options.onErrorLine);
    this.entered = new Promise((resolve, reject) => {
      const entrance = new Entrance(channel, start.command, start.password, resolve);
      channel.on('data', (bytes: Buffer) => {
        entrance.seeOutput(bytes);
        filter.push(bytes);
      });
      channel.stderr.on('data', (bytes: Buffer) => errors.push(entrance.seeErrors(bytes)));
      channel.on('close', () =>
        reject(
          new RemoteCommandError('the target let nobody become root', { lastLines: entrance.complaints }),
        ),
      );
    });
    // whoever gives up waiting is not told a second time
    this.entered.catch(() => undefined);
  }
}
