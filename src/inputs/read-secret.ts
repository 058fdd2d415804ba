import type { InputReader } from './input-reader';
import { namesSource, parseSecretSource } from './secret-source';
import type { InputName } from './table';

/** The secret itself, from the input or from the source that it names. */
export function readSecret(reader: InputReader, name: InputName): Buffer | undefined {
  const text = reader.text(name);
  if (text === undefined) return undefined;
  if (!namesSource(text)) return Buffer.from(text);
  const source = parseSecretSource(text);
  if ('ok' in source) return reader.contentsOf(name, source.ok);
  reader.problem(name, source.problem);
  return undefined;
}
