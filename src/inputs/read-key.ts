import { type PassphraseProblem, readPrivateKey, type UsableKey } from '../ssh/private-key';
import type { InputReader } from './input-reader';
import { readSecret } from './read-secret';

type KeyInput = 'ssh-private-key' | 'post-install-ssh-private-key';

/** @returns undefined when the input was not given, or has a problem */
export function readKey(reader: InputReader, name: KeyInput): UsableKey | undefined {
  const text = readSecret(reader, name)?.toString('utf8');
  const passphrase = readPassphrase(reader, `${name}-passphrase`);
  if (text === undefined) {
    if (passphrase !== undefined && !reader.hasProblem(name))
      reader.problem(`${name}-passphrase`, `is for the key in ${name}, which is not given`);
    return undefined;
  }
  reader.secrets.register(text);
  const reading = readPrivateKey(text, passphrase);
  if ('key' in reading) return reading.key;
  if ('problem' in reading) reader.problem(name, reading.problem);
  else reportPassphrase(reader, name, reading.passphrase);
  return undefined;
}

function reportPassphrase(reader: InputReader, name: KeyInput, problem: PassphraseProblem): void {
  const passphrase = `${name}-passphrase` as const;
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

/** Without the line end that files and commands have behind it. */
function readPassphrase(reader: InputReader, name: `${KeyInput}-passphrase`): Buffer | undefined {
  const contents = readSecret(reader, name);
  if (contents === undefined) return undefined;
  const line = Buffer.from(contents.toString('latin1').replace(/\r?\n$/, ''), 'latin1');
  // as text, whatever it is: a passphrase with a control character is masked too
  reader.secrets.register(line.toString('utf8'));
  if (!/[\r\n]/.test(line.toString('latin1'))) return line;
  reader.problem(name, 'has more than one line; give the passphrase alone');
  return undefined;
}
