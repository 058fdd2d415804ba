import type { Parser } from './parsers';
import type { SpecialArgs } from './settings';

/** They go to Nix in one argument, which Linux limits to 128 KiB; half of it is the expression's. */
const longestBytes = 64 * 1024;

/** A JSON object with what modules are to get. */
export const specialArgs: Parser<SpecialArgs> = (text) => {
  if (Buffer.byteLength(text) > longestBytes)
    return {
      problem: `is longer than ${longestBytes / 1024} KiB; let the configuration read it from a file`,
    };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // the message quotes the text
    return {
      problem: `is not JSON (${error instanceof Error ? error.message : 'it cannot be read'}); write an object, as in {"role": "web"}`,
    };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { problem: `is JSON, but ${kindOf(value)}; write an object, as in {"role": "web"}` };
  if (JSON.stringify(value).includes('\\u0000'))
    return { problem: 'contains a NUL character, which no text of Nix can hold' };
  return { ok: { ...value } };
};

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return value === null ? 'null' : `a ${typeof value}`;
}
