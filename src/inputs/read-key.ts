import { type PassphraseProblem, readPrivateKey, type UsableKey } from '../ssh/private-key';
import type { InputReader } from './input-reader';
import type { Parser } from './parsers';
import { readLine, readSecret } from './read-secret';
import { namesSource, type SecretSource } from './secret-source';

type KeyInput = 'ssh-private-key' | 'jump-ssh-private-key' | 'post-install-ssh-private-key';

/** Where else a key may come from than from its own input. */
interface OtherPlaces {
  /** The input that names its file. */
  readonly file: 'ssh-private-key-file';
  /** The variable that holds it, where no input gives it. */
  readonly variable: string;
}

/** @returns undefined when no key was given, or there is a problem */
export function readKey(reader: InputReader, name: KeyInput, others?: OtherPlaces): UsableKey | undefined {
  const { input, where, text } = findKey(reader, name, others);
  const passphrase = readLine(reader, `${name}-passphrase`, 'passphrase');
  if (text === undefined) {
    if (passphrase !== undefined && !reader.hasProblem(input))
      reader.problem(`${name}-passphrase`, `is for the key in ${name}, which is not given`);
    return undefined;
  }
  reader.secrets.register(text);
  const reading = readPrivateKey(text, passphrase);
  if ('key' in reading) return reading.key;
  if ('problem' in reading) reader.problem(input, `${where}${reading.problem}`);
  else reportPassphrase(reader, input, `${name}-passphrase`, reading.passphrase);
  return undefined;
}

interface FoundKey {
  /** The input that is to be named when something is wrong. */
  readonly input: KeyInput | OtherPlaces['file'];
  /** Goes before what is wrong. */
  readonly where: string;
  readonly text: string | undefined;
}

function findKey(reader: InputReader, name: KeyInput, others: OtherPlaces | undefined): FoundKey {
  const path = others && reader.text(others.file);
  if (others === undefined || reader.text(name) !== undefined) {
    if (path !== undefined && others !== undefined)
      reader.problem(others.file, `cannot be combined with ${name}; give one of them`);
    return { input: name, where: '', text: readSecret(reader, name)?.toString('utf8') };
  }
  if (path !== undefined) {
    const source = parseKeyFile(path);
    if ('problem' in source) reader.problem(others.file, source.problem);
    const bytes = 'ok' in source ? reader.contentsOf(others.file, source.ok) : undefined;
    return { input: others.file, where: '', text: bytes?.toString('utf8') };
  }
  return { input: name, where: `(from ${others.variable}) `, text: reader.variable(others.variable) };
}

function reportPassphrase(
  reader: InputReader,
  name: FoundKey['input'],
  passphrase: `${KeyInput}-passphrase`,
  problem: PassphraseProblem,
): void {
  switch (problem) {
    case 'missing':
      // when it could not be read, that is what there is to say
      if (!reader.hasProblem(passphrase))
        reader.problem(name, `is protected by a passphrase; give it in ${passphrase}`);
      return;
    case 'wrong':
      reader.problem(
        passphrase,
        `does not open the key in ${name}: it is misspelt (blanks at its ends count) or that of another key, or the key is damaged`,
      );
      return;
    case 'needless':
      reader.problem(
        passphrase,
        `is given, but the key in ${name} is not protected by a passphrase; leave this input out, or give the key that is protected (\`ssh-keygen -p -f KEY\` protects it)`,
      );
  }
}

/** Here only a path will do, and what is none may be a key. */
export const parseKeyFile: Parser<Extract<SecretSource, { kind: 'path' }>> = (text) => {
  const path = text.trim();
  if (/[\r\n\0]/.test(path) || path.startsWith('-----') || namesSource(path))
    return {
      problem: 'is no path; the key itself, env:NAME and exec:COMMAND go into ssh-private-key',
    };
  return { ok: { kind: 'path', path } };
};
