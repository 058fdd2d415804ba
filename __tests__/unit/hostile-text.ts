// Text of strangers that is nearly, or really, a command of the runner.
import fc from 'fast-check';
import { dotnetWhiteSpace } from './runner-commands';
import { nastyText } from './support';

const commandPieces = [
  '::',
  ':',
  '##[',
  '##',
  '#',
  '[',
  ']',
  'set-output',
  'name=x',
  ' ',
  '%0A',
  '%0D',
  'y',
  'é',
];
const terminalPieces = ['\u001b[0m', '\u001b[', '\u001b]8;;x\u0007', '\u009b', '\u0000', '\u0008'];
const invisiblePieces = [
  '\u200b',
  '\u200d',
  '\u00ad',
  '\u034f',
  '\u202e',
  '\u2066',
  '\ufeff',
  '\u180e',
  '\u061c',
];
const pieces = [
  ...commandPieces,
  ...terminalPieces,
  ...invisiblePieces,
  ...dotnetWhiteSpace,
  // half characters, and one of those that look like nothing
  '\ud800',
  '\udc00',
  '\u{e0001}',
];
/** Any text, often such. */
export const hostile = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 16 }).map((parts) => parts.join('')),
  fc
    .tuple(fc.constantFrom(...pieces), fc.constantFrom(...pieces))
    .map(([a, b]) => `${a}::${b}::set-output name=x::y`),
  fc.tuple(nastyText, fc.constantFrom(...pieces)).map(([a, b]) => `${a}#${b}##${b}[set-output name=x]y`),
  nastyText,
);
