import { StringDecoder } from 'node:string_decoder';

/** Longer lines are cut in pieces, so that a program that prints no line end cannot fill the memory. */
const longestLine = 64 * 1024;

/** Bytes in, whole lines out. Carriage returns end a line too: progress bars use them. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(bytes)).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
    // a carriage return may be the first half of a line end
    if (this.#rest.length > longestLine && !this.#rest.endsWith('\r')) {
      this.#onLine(this.#rest);
      this.#rest = '';
    }
  }

  /** There is no more to come: what is left is a line too. */
  end(): void {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (rest !== '') this.#onLine(rest.replace(/\r$/, ''));
  }
}
