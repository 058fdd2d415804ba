// How the runner finds commands in what a step prints, after actions/runner: ActionCommand.TryParseV2 and TryParse
// in src/Runner.Common/ActionCommand.cs, and StreamReader.ReadLine, which splits the lines.

/** What .NET's Char.IsWhiteSpace holds for white space, and TrimStart strips. */
export const dotnetWhiteSpace = [
  '\t\n\v\f\r \u0085\u00a0\u1680',
  '\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a',
  '\u2028\u2029\u202f\u205f\u3000',
]
  .join('')
  .split('');
// older runtimes took these for white space as well
const formerWhiteSpace = ['\u180e', '\u200b', '\ufeff'];

/** More than is registered today: any name is taken for one. */
function isCommandName(name: string): boolean {
  return name !== '';
}

/** `::name key=value::data` */
function parseV2(line: string): string | undefined {
  let start = 0;
  while ([...dotnetWhiteSpace, ...formerWhiteSpace].includes(line.charAt(start))) start++;
  const message = line.slice(start);
  if (!message.startsWith('::')) return undefined;
  const end = message.indexOf('::', 2);
  if (end < 0) return undefined;
  const [name = ''] = message.slice(2, end).split(' ');
  return isCommandName(name) ? name : undefined;
}

/** `##[name key=value]data`, anywhere in the line */
function parseV1(line: string): string | undefined {
  const prefix = line.indexOf('##[');
  if (prefix < 0) return undefined;
  const bracket = line.indexOf(']', prefix);
  if (bracket < 0) return undefined;
  const [name = ''] = line.slice(prefix + 3, bracket).split(' ');
  return isCommandName(name) ? name : undefined;
}

/** The commands that the runner carries out when a step prints this text. */
export function commandsIn(text: string): string[] {
  return text.split(/\r\n|\r|\n/).flatMap((line) => parseV2(line) ?? parseV1(line) ?? []);
}
