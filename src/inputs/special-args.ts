import type { Parser } from './parsers';
import type { SpecialArgs } from './settings';

/** They go to Nix in one argument, which Linux limits to 128 KiB, with the expression that uses them. */
const longestBytes = 96 * 1024;
/** Whoever walks through them calls itself for each level. */
const deepest = 100;

/** A JSON object with what modules are to get. */
export const specialArgs: Parser<SpecialArgs> = (text) => {
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
  const unfit = whatNixCannotHold(value, deepest);
  if (unfit !== undefined) return { problem: unfit };
  return bytesInNix(value) <= longestBytes
    ? { ok: { ...value } }
    : {
        problem: `is longer than ${longestBytes / 1024} KiB, as Nix is given it; let the configuration read it from a file`,
      };
};

/** As a text of Nix's, in which these characters have a backslash before them. */
function bytesInNix(value: object): number {
  const json = JSON.stringify(value);
  return Buffer.byteLength(json) + (json.match(/["\\$]/g) ?? []).length;
}

function whatNixCannotHold(value: unknown, levels: number): string | undefined {
  if (levels < 0) return `is nested more than ${deepest} levels deep`;
  if (typeof value === 'string') {
    if (value.includes('\0')) return 'contains a NUL character, which no text of Nix can hold';
    return value.isWellFormed() ? undefined : 'contains half of a surrogate pair, which is no character';
  }
  if (typeof value === 'number')
    return Math.abs(value) <= Number.MAX_SAFE_INTEGER
      ? undefined
      : `contains a number beyond ${Number.MAX_SAFE_INTEGER}, which would arrive as another one; write it as a text`;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const part of Object.entries(value).flat()) {
    const unfit = whatNixCannotHold(part, levels - 1);
    if (unfit !== undefined) return unfit;
  }
  return undefined;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return value === null ? 'null' : `a ${typeof value}`;
}
