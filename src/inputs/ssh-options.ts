import type { Parsed, Parser } from './parsers';

/** What OpenSSH's options of these names mean to the action. */
export interface SshOptions {
  /** Undefined: the first key seen is accepted, but not by a run that sends secrets. */
  readonly strictHostKeyChecking?: 'yes' | 'accept-new';
}

const supported = ['StrictHostKeyChecking'];

/** One `NAME=VALUE` or `NAME VALUE` a line. Names and these values are read as OpenSSH reads them: in any case. */
export const sshOptions: Parser<SshOptions> = (text) => {
  let options: SshOptions = {};
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line.trim() === '') continue;
    const [, name = '', value = ''] = /^\s*([A-Za-z][A-Za-z0-9]*)(?:\s*=\s*|\s+)(.*?)\s*$/.exec(line) ?? [];
    if (name === '' || value === '')
      return {
        problem:
          'has a line that is no option; write one NAME=VALUE a line, as in: StrictHostKeyChecking=yes',
      };
    if (name.toLowerCase() !== 'stricthostkeychecking')
      return { problem: `has ${name}, which is not supported; supported are ${supported.join(', ')}` };
    // OpenSSH takes the first of two, which is not what most people expect
    if (options.strictHostKeyChecking !== undefined) return { problem: `has ${name} more than once` };
    const strict = strictHostKeyChecking(value);
    if ('problem' in strict) return strict;
    options = { strictHostKeyChecking: strict.ok };
  }
  return { ok: options };
};

function strictHostKeyChecking(value: string): Parsed<'yes' | 'accept-new'> {
  switch (value.toLowerCase()) {
    case 'yes':
    case 'true':
      return { ok: 'yes' };
    case 'accept-new':
      return { ok: 'accept-new' };
    case 'no':
    case 'off':
    case 'false':
      return {
        problem: `has StrictHostKeyChecking=${value}, which is refused: anybody in between could take the place of a machine whose key is known; write accept-new to trust the first key of a machine that is not known yet`,
      };
    case 'ask':
      return {
        problem: 'has StrictHostKeyChecking=ask, but there is nobody to ask; write yes or accept-new',
      };
    default:
      return { problem: `has an unknown value for StrictHostKeyChecking; write yes or accept-new` };
  }
}
