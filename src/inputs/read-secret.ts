import type { Secret } from '../secrets';
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

/**
 * A secret of one line, without the line end that files and commands have behind it.
 *
 * @param what the word for it, in messages
 */
export function readLine(
  reader: InputReader,
  name: InputName,
  what: string,
  contents = readSecret(reader, name),
): Buffer | undefined {
  if (contents === undefined) return undefined;
  const line = Buffer.from(contents.toString('latin1').replace(/\r?\n$/, ''), 'latin1');
  // as text, whatever it is: one with a control character is masked too
  reader.secrets.register(line.toString('utf8'));
  if (!/[\r\n]/.test(line.toString('latin1'))) return line;
  reader.problem(name, `has more than one line; give the ${what} alone`);
  return undefined;
}

/**
 * A password that is typed at a prompt.
 *
 * @param variables stand for the input where it is not given; they must not contradict each other
 */
export function readPassword(
  reader: InputReader,
  name: InputName,
  variables: readonly string[] = [],
): Secret | undefined {
  const line = readLine(reader, name, 'password', readSecretOr(reader, name, variables));
  if (line === undefined) return undefined;
  if (line.includes(0) || !line.equals(Buffer.from(line.toString('utf8')))) {
    reader.problem(name, 'is not text that can be typed as a password (UTF-8, without NUL)');
    return undefined;
  }
  return reader.secrets.register(line);
}

function readSecretOr(
  reader: InputReader,
  name: InputName,
  variables: readonly string[],
): Buffer | undefined {
  if (reader.text(name) !== undefined) return readSecret(reader, name);
  const given = variables.flatMap((variable) => {
    const value = reader.variable(variable);
    return value === undefined ? [] : [{ variable, value }];
  });
  for (const { value } of given) reader.secrets.register(value);
  const [first] = given;
  if (first === undefined) return undefined;
  if (given.every(({ value }) => value === first.value)) return Buffer.from(first.value);
  const names = given.map(({ variable }) => variable).join(' and ');
  reader.problem(
    name,
    `is not given, and ${names}, which stand for it, differ; set one of them, or the input`,
  );
  return undefined;
}
