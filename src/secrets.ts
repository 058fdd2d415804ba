import { inspect } from 'node:util';

const redacted = '***';

/** A value that must not be printed: every way of turning it into text gives `***`, except `reveal()`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}

/** Lines shorter than this are left unmasked: the runner would replace them all over the log. */
const shortestMaskedLine = 8;

/**
 * What the runner should mask for one secret. The runner masks line by line, so each line of a multi-line value
 * counts; blank and very short lines and PEM armour say nothing and would only make holes in the log.
 */
export function masksOf(value: string): string[] {
  const lines = value.split(/\r\n|\r|\n/).map((line) => line.trim());
  if (lines.filter((line) => line !== '').length <= 1) return value.trim() === '' ? [] : [value.trim()];
  return lines.filter((line) => line.length >= shortestMaskedLine && !/^-----.*-----$/.test(line));
}

/** The secrets of this run; asked before anything leaves the process as text or as a child's environment. */
export class SecretRegistry {
  readonly #masks = new Set<string>();
  /** The masks and how JSON writes them, the longest first: one may be the beginning of another. */
  #forms: readonly string[] = [];
  readonly #maskInRunner: (mask: string) => void;

  /** @param maskInRunner tells the runner to hide a value in everything that this job prints from now on */
  constructor(maskInRunner: (mask: string) => void) {
    this.#maskInRunner = maskInRunner;
  }

  register(value: string): Secret {
    for (const mask of masksOf(value)) {
      if (this.#masks.has(mask)) continue;
      this.#masks.add(mask);
      this.#maskInRunner(mask);
    }
    const inJson = (mask: string) => JSON.stringify(mask).slice(1, -1);
    this.#forms = [...new Set([...this.#masks].flatMap((mask) => [mask, inJson(mask)]))].sort(
      (a, b) => b.length - a.length,
    );
    return new Secret(value);
  }

  /** The text with every registered secret replaced. */
  redact(text: string): string {
    let result = text;
    for (const form of this.#forms) result = result.replaceAll(form, redacted);
    return result;
  }

  isContainedIn(text: string): boolean {
    return this.#forms.some((form) => text.includes(form));
  }
}
