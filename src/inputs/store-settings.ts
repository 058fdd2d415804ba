import { nameAndValue, type Parser } from './parsers';

/** Settings of Nix's SSH stores that ask for nothing that the store bridge does not do by itself. */
const harmless: Readonly<Record<string, RegExp>> = {
  compress: /^(true|false)$/,
  'max-connections': /^\d{1,9}$/,
  'path-info-cache-size': /^\d{1,9}$/,
};

const decided = 'the phase decides which store on the target is meant';
const noSubstituter = 'the store on the target is none that anything is fetched from or built in';
/** The others, each with what holds instead. */
const refused: Readonly<Record<string, string>> = {
  'base64-ssh-public-host-key': 'pin the machine’s host key with known-hosts',
  'ssh-key': 'give the key as ssh-private-key',
  'remote-program': 'the installer’s nix-daemon is run, as root',
  'remote-store': decided,
  root: decided,
  store: decided,
  state: decided,
  log: decided,
  real: decided,
  trusted: 'root copies, who is trusted',
  priority: noSubstituter,
  'want-mass-query': noSubstituter,
  'system-features': noSubstituter,
};

/**
 * One `NAME VALUE` a line.
 *
 * @returns the names of the settings
 */
export const storeSettings: Parser<readonly string[]> = (text) => {
  const names: string[] = [];
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries()) {
    if (line.trim() === '') continue;
    const [name, value] = nameAndValue(line) ?? ['', ''];
    const problem = whatIsWrongWith(name, value);
    if (problem !== undefined) return { problem: `line ${index + 1} ${problem}` };
    names.push(name);
  }
  return { ok: [...new Set(names)] };
};

function whatIsWrongWith(name: string, value: string): string | undefined {
  if (name === '') return 'is no setting; write NAME VALUE, as in: compress true';
  const reason = entryOf(refused, name);
  if (reason !== undefined) return `has ${name}, which has no place here: ${reason}`;
  const pattern = entryOf(harmless, name);
  if (pattern === undefined)
    return `has ${name}, which no SSH store of Nix knows; accepted are ${Object.keys(harmless).join(', ')}`;
  return pattern.test(value) ? undefined : `has a value for ${name} that Nix would not take`;
}

function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
