import { isIP } from 'node:net';
import { nearest } from './nearest';
import { nameAndValue, type Parsed, type Parser } from './parsers';
import { otherOptions, type SshOptions, supportedOptions } from './ssh-option-table';

/** Whoever has so many has written something else than options. */
const mostProblems = 5;

/**
 * One `NAME=VALUE` or `NAME VALUE` a line, as in ssh_config(5): names in any case, values with or without quotes, and
 * lines that begin with `#` are comments.
 */
export const sshOptions: Parser<SshOptions> = (text) => {
  const options: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line.trim() === '' || line.trim().startsWith('#')) continue;
    if (problems.length >= mostProblems) {
      problems.push('and more is wrong');
      break;
    }
    const option = readLine(line);
    if ('problem' in option) problems.push(option.problem);
    // OpenSSH takes the first of two, which is not what most people expect
    else if (Object.hasOwn(options, option.ok.key)) problems.push(`has ${option.ok.name} more than once`);
    else options[option.ok.key] = option.ok.value;
  }
  problems.push(...contradictions(options as SshOptions));
  return problems.length === 0 ? { ok: options as SshOptions } : { problem: problems.join('; ') };
};

interface ReadOption {
  readonly key: string;
  readonly name: string;
  readonly value: unknown;
}

function readLine(line: string): Parsed<ReadOption> {
  const [name, rest] = nameAndValue(line) ?? ['', ''];
  const value = /^"([^"]*)"$/.exec(rest)?.[1] ?? rest;
  if (!/^[A-Za-z][A-Za-z0-9]*$/.test(name) || value === '')
    return {
      problem: 'has a line that is no option; write one NAME=VALUE a line, as in: ProxyJump=user@host',
    };
  const same = (each: string) => each.toLowerCase() === name.toLowerCase();
  const found = Object.entries(supportedOptions).find(([, option]) => same(option.name));
  if (found === undefined) return { problem: `has ${name}, which is not supported${adviceFor(name, same)}` };
  const [key, option] = found;
  const read = option.read(value) as Parsed<unknown>;
  return 'ok' in read
    ? { ok: { key, name: option.name, value: read.ok } }
    : { problem: `has ${option.name}, which ${read.problem}` };
}

function adviceFor(name: string, same: (each: string) => boolean): string {
  const instead = otherOptions.find(({ names }) => names.some(same))?.instead;
  if (instead !== undefined) return `: ${instead}`;
  const supported = Object.values(supportedOptions).map((option) => option.name);
  const meant = nearest(name, supported);
  return meant === undefined ? `; supported are ${supported.join(', ')}` : `; did you mean ${meant}?`;
}

function contradictions({ addressFamily = 0, bindAddress = '' }: SshOptions): string[] {
  const family = isIP(bindAddress);
  return family !== 0 && addressFamily !== 0 && family !== addressFamily
    ? [`has a BindAddress of IPv${family}, but an AddressFamily of IPv${addressFamily}`]
    : [];
}
