/** An object of JSON of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the JSON itself says: never what all objects inherit, such as `constructor`. */
export function own(of: unknown, name: string): unknown {
  return isFields(of) && Object.hasOwn(of, name) ? of[name] : undefined;
}

/** @throws MisshapenError */
export function fieldsAt(of: unknown, name: string): Fields {
  const value = own(of, name);
  return isFields(value) ? value : misshapen(name, 'an object');
}

/** @throws MisshapenError */
export function textAt(of: unknown, name: string, form = /^/): string {
  const value = own(of, name);
  return typeof value === 'string' && form.test(value) ? value : misshapen(name, 'such a text');
}

/** @throws MisshapenError */
export function booleanAt(of: unknown, name: string): boolean {
  const value = own(of, name);
  return typeof value === 'boolean' ? value : misshapen(name, 'true or false');
}

/** A number that is not negative. @throws MisshapenError */
export function amountAt(of: unknown, name: string): number {
  const value = own(of, name);
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
    ? value
    : misshapen(name, 'such a number');
}

/** @throws MisshapenError */
export function listAt(of: unknown, name: string): readonly unknown[] {
  const value = own(of, name);
  return Array.isArray(value) ? value : misshapen(name, 'a list');
}

/** @throws MisshapenError */
export function choiceAt<T extends string>(of: unknown, name: string, choices: readonly T[]): T {
  const value = own(of, name);
  return choices.find((choice) => choice === value) ?? misshapen(name, 'one of the words for it');
}

/** Null where it is null. @throws MisshapenError */
export function orNull<T>(of: unknown, name: string, read: (of: unknown, name: string) => T): T | null {
  return own(of, name) === null ? null : read(of, name);
}

/** The JSON is not what this action writes. */
export class MisshapenError extends Error {}

function misshapen(name: string, wanted: string): never {
  throw new MisshapenError(`its ${name} is not ${wanted}`);
}
