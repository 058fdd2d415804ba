import { inspect } from 'node:util';

const redacted = '***';

/** A value that must not be printed: every way of turning it into text gives `***`, except the two `reveal`s. */
export class Secret {
  readonly #bytes: Buffer;

  constructor(value: string | Uint8Array) {
    this.#bytes = Buffer.from(value);
  }

  /** As text; of bytes that are none, something that is of no use. */
  reveal(): string {
    return this.#bytes.toString('utf8');
  }

  /** Byte for byte as it was given. */
  revealBytes(): Buffer {
    return Buffer.from(this.#bytes);
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

/**
 * Shorter text than this is treated with care, because it is found by chance: as a line among others it is left unmasked,
 * in PATH and the like it is no sign of a secret, and its base64 form is not looked for.
 */
const shortest = 8;

/** The text that bytes are, if they are what a person would type or paste; undefined for binary. */
export function textOf(value: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
    return /\p{Cc}/u.test(text.replace(/[\t\r\n]/g, '')) ? undefined : text;
  } catch {
    return undefined;
  }
}

/**
 * What the runner should mask for one secret. The runner masks line by line, so each line of a multi-line value
 * counts; blank and very short lines and PEM armour say nothing and would only make holes in the log. A value that
 * would not be masked at all then (a few short lines) is masked line by line all the same: rather holes than a secret.
 */
export function masksOf(value: string): string[] {
  const whole = value.trim();
  if (!/[\r\n]/.test(whole)) return whole === '' ? [] : [whole];
  const lines = whole
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^-----.*-----$/.test(line));
  const long = lines.filter((line) => line.length >= shortest);
  return long.length > 0 ? long : lines;
}

/** The mask, and how JSON, URLs and base64 write it. */
function formsOf(mask: string): string[] {
  const inJson = JSON.stringify(mask).slice(1, -1);
  // a lone half of a surrogate pair cannot be part of a URL
  const inUrl = encodeURIComponent(Buffer.from(mask).toString());
  const forms = [mask, inJson, inUrl, inUrl.replaceAll('%20', '+')];
  return mask.length < shortest ? forms : [...forms, ...base64Forms(mask)];
}

/**
 * How the text shows inside the base64 of something longer: three ways, by its place in groups of three bytes. Of the
 * characters at both ends that also depend on the neighbours nothing is kept.
 */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text);
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const start = Math.ceil((before * 8) / 6);
    const end = Math.floor(((before + bytes.length) * 8) / 6);
    const form = whole.slice(start, end);
    return [form, form.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

/** The secrets of this run; asked before anything leaves the process as text or as a child's environment. */
export class SecretRegistry {
  readonly #masks = new Set<string>();
  readonly #forms = new Set<string>();
  readonly #withheld = new Set<string>();
  readonly #maskInRunner: (mask: string) => void;

  /** @param maskInRunner tells the runner to hide a value in everything that this job prints from now on */
  constructor(maskInRunner: (mask: string) => void) {
    this.#maskInRunner = maskInRunner;
  }

  /** Binary values are kept secret, but cannot be masked: there is no text to look for. */
  register(value: string | Uint8Array): Secret {
    const text = typeof value === 'string' ? value : textOf(value);
    for (const mask of text === undefined ? [] : masksOf(text)) {
      if (this.#masks.has(mask)) continue;
      this.#masks.add(mask);
      for (const form of formsOf(mask)) this.#forms.add(form);
      this.#maskInRunner(mask);
    }
    return new Secret(value);
  }

  /** No child process gets the variable of this name from now on. */
  withholdVariable(name: string): void {
    this.#withheld.add(name);
  }

  isWithheldVariable(name: string): boolean {
    return this.#withheld.has(name);
  }

  /** The text with every registered secret replaced; where two overlap, with both. */
  redact(text: string): string {
    const places = this.#placesIn(text).sort(([a], [b]) => a - b);
    let result = '';
    let done = 0;
    for (const [start, end] of places) {
      if (start >= done) result += text.slice(done, start) + redacted;
      done = Math.max(done, end);
    }
    return result + text.slice(done);
  }

  isContainedIn(text: string): boolean {
    return [...this.#forms].some((form) => text.includes(form));
  }

  /** The same, but for secrets so short that they would be found by chance. */
  isSurelyContainedIn(text: string): boolean {
    return [...this.#forms].some((form) => form.length >= shortest && text.includes(form));
  }

  /** Where a form of a secret stands, from its first character to behind its last. */
  #placesIn(text: string): [number, number][] {
    const places: [number, number][] = [];
    for (const form of this.#forms) {
      for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1))
        places.push([at, at + form.length]);
    }
    return places;
  }
}
