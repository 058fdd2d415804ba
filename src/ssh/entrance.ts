import type { ClientChannel } from 'ssh2';
import { enteredLine, passwordPrompt, type RemoteCommand } from './remote-command';

/** Lectures and complaints of sudo are short; what rc files print must not fill the memory. */
const keptTalk = 16 * 1024;

/**
 * The way of a script into its channel. Mostly it is simply sent; where sudo asks for a password, that goes first, and
 * the script not before it was let in.
 */
export class Entrance {
  readonly #channel: ClientChannel;
  readonly #preamble: Buffer;
  readonly #password: string | undefined;
  readonly #onEntered: () => void;
  #entered = false;
  #asked = false;
  #output = '';
  #talk = '';

  /** @param onEntered called when the script was sent, and its standard input may follow */
  constructor(
    channel: ClientChannel,
    command: RemoteCommand,
    password: string | undefined,
    onEntered: () => void,
  ) {
    this.#channel = channel;
    this.#preamble = command.preamble;
    this.#password = password;
    this.#onEntered = onEntered;
    if (!command.asksPassword) this.#enter();
  }

  /** What was said instead of letting the script in, a line each; nothing once it is in. */
  get complaints(): string[] {
    return this.#talk.split('\n').filter((line) => line.trim() !== '');
  }

  /** To be told all that comes on standard output. */
  seeOutput(bytes: Buffer): void {
    if (this.#entered) return;
    this.#output = `${this.#output}${bytes.toString('latin1')}`.slice(-keptTalk);
    if (this.#output.includes(enteredLine)) this.#enter();
  }

  /** To be told all that comes on standard error. @returns what of it is the script's */
  seeErrors(bytes: Buffer): Buffer {
    if (this.#entered) return bytes;
    this.#talk += bytes.toString('utf8');
    for (let at = this.#talk.indexOf(passwordPrompt); at >= 0; at = this.#talk.indexOf(passwordPrompt, at)) {
      const after = this.#talk.slice(at + passwordPrompt.length);
      // a shell that shows its commands
      if (after.startsWith("'")) at += passwordPrompt.length;
      else {
        this.#talk = this.#talk.slice(0, at) + after;
        this.#answer();
      }
    }
    this.#talk = this.#talk.slice(-keptTalk);
    return Buffer.alloc(0);
  }

  /** Who asks again did not like the first answer: one try is enough, since some count them and lock the account. */
  #answer(): void {
    if (this.#asked || this.#password === undefined) this.#channel.end();
    else this.#channel.write(`${this.#password}\n`);
    this.#asked = true;
  }

  #enter(): void {
    this.#entered = true;
    this.#talk = '';
    this.#channel.write(this.#preamble);
    this.#onEntered();
  }
}
