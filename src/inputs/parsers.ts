import { existsSync, statSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { notApproved } from './matrix';
import {
  type HardwareConfig,
  hardwareBackends,
  type KexecImage,
  type TargetHost,
  type WipeAllowance,
} from './settings';

/** A parser gives the value, or says what is wrong and what to do. */
export type Parsed<T> = { readonly ok: T } | { readonly problem: string };
export type Parser<T> = (text: string) => Parsed<T>;

const ok = <T>(value: T): Parsed<T> => ({ ok: value });
const bad = <T>(problem: string): Parsed<T> => ({ problem });

/** The text as messages show it: short, on one line. */
function shown(text: string): string {
  const line = JSON.stringify(text);
  return line.length > 60 ? `${line.slice(0, 57)}…"` : line;
}

/** What YAML users write, and nothing else: "False" must not be true because it is a text. */
export const boolean: Parser<boolean> = (text) => {
  switch (text.trim().toLowerCase()) {
    case 'true':
    case 'yes':
    case 'on':
      return ok(true);
    case 'false':
    case 'no':
    case 'off':
      return ok(false);
    default:
      return bad(`is ${shown(text)}; write true or false`);
  }
};

export const port: Parser<number> = (text) => {
  const value = /^\d{1,5}$/.test(text.trim()) ? Number(text.trim()) : 0;
  return value >= 1 && value <= 65535
    ? ok(value)
    : bad(`is ${shown(text)}; write a port number from 1 to 65535`);
};

const unitMs: Record<string, number> = { '': 1000, s: 1000, m: 60_000, h: 3_600_000 };
/** Node's timers hold no more than 2^31 - 1 ms. */
const longestMs = 24 * 3_600_000;

/** Milliseconds out of `90`, `90s`, `2m`, `1h`. */
export const duration: Parser<number> = (text) => {
  const match = /^(\d{1,7})\s*(s|m|h)?$/.exec(text.trim());
  const ms = match === null ? 0 : Number(match[1]) * (unitMs[match[2] ?? ''] ?? 0);
  return ms > 0 && ms <= longestMs
    ? ok(ms)
    : bad(`is ${shown(text)}; write seconds, or a time such as 90s, 2m or 1h (24h at most)`);
};

export function choice<T extends string>(choices: readonly T[]): Parser<T> {
  return (text) => {
    const found = choices.find((each) => each === text.trim());
    return found === undefined ? bad(`is ${shown(text)}; write one of ${choices.join(', ')}`) : ok(found);
  };
}

/** Some of the choices, in their own order, whatever order they were written in. */
export function subset<T extends string>(choices: readonly T[]): Parser<readonly T[]> {
  return (text) => {
    const words = text.split(/[\s,]+/).filter((word) => word !== '');
    const unknown = words.filter((word) => !choices.some((each) => each === word));
    if (unknown.length > 0)
      return bad(`has ${unknown.map(shown).join(', ')}; choose from ${choices.join(', ')}`);
    return words.length === 0
      ? bad(`names nothing; choose from ${choices.join(', ')}`)
      : ok(choices.filter((each) => words.includes(each)));
  };
}

const userPattern = /^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,255}\$?$/;

/**
 * A name or an address; an IPv6 address with or without brackets, in the form in which known_hosts files have it. Nothing
 * that a program could take for an option.
 */
export const hostName: Parser<string> = (text) => {
  const host = withoutBrackets(text.trim());
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/.test(host)) return ok(host);
  const [address = '', zone] = host.split('%');
  const isZone = zone === undefined || (/^[A-Za-z0-9_.-]{1,64}$/.test(zone) && isIPv6(host));
  if (!isIPv6(address) || !isZone)
    return bad(`is ${shown(text)}; write a host name or an address, nothing else`);
  if (/^fe[89ab]/i.test(address) && zone === undefined)
    return bad(
      `is ${shown(text)}, which every network has: add the interface that leads to it, as in ${address}%eth0`,
    );
  return ok(`${canonical(address)}${zone === undefined ? '' : `%${zone}`}`);
};

const withoutBrackets = (text: string) => /^\[(.+)\]$/.exec(text)?.[1] ?? text;

/** As OpenSSH makes it of whatever was written: `2001:DB8:0::1` is `2001:db8::1`. */
function canonical(address: string): string {
  return address.includes('.')
    ? address.toLowerCase()
    : new URL(`http://[${address}]`).hostname.replace(/^\[(.+)\]$/, '$1');
}

export const userName: Parser<string> = (text) =>
  userPattern.test(text.trim()) ? ok(text.trim()) : bad(`is ${shown(text)}, which is no user name`);

/** `[user@]host`, an IPv6 address with or without brackets. Nothing that a program could take for an option. */
export const targetHost: Parser<TargetHost> = (text) => {
  const whole = text.trim();
  const at = whole.lastIndexOf('@');
  const user = at < 0 ? 'root' : whole.slice(0, at);
  const host = withoutBrackets(whole.slice(at + 1));
  if (!userPattern.test(user)) return bad(`is ${shown(text)}; its user name is not valid; write user@host`);
  if (/^([^:]+|\[.*\]):\d+$/.test(host)) return bad(`is ${shown(text)}; give the port as ssh-port`);
  const name = hostName(host);
  if ('ok' in name) return ok({ user, host: name.ok });
  return name.problem.includes('; write')
    ? bad(`is ${shown(text)}; write host or user@host, with a name or an address`)
    : name;
};

export const kexecImage: Parser<KexecImage> = (text) => {
  const value = text.trim();
  if (/^https?:\/\/\S+$/i.test(value)) return ok({ kind: 'url', url: value });
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value))
    return bad(`is ${shown(text)}; write a path on the runner or an http(s) URL`);
  if (!existsSync(value)) return bad(`is ${shown(text)}, and there is no such file on the runner`);
  const found = statSync(value);
  // one that has no end would be read for ever
  return found.isFile()
    ? ok({ kind: 'path', path: value })
    : bad(`is ${shown(text)}, which is ${found.isDirectory() ? 'a folder' : 'no file'}; give the tarball`);
};

export const sha256: Parser<string> = (text) =>
  /^[0-9a-f]{64}$/i.test(text.trim())
    ? ok(text.trim().toLowerCase())
    : bad(`is ${shown(text)}; write the 64 hexadecimal digits that sha256sum prints`);

/**
 * `NAME VALUE` or `NAME = VALUE`. Trimmed first: an expression that looks for the blanks at the end by itself takes minutes
 * for a line with many in the middle.
 */
export function nameAndValue(line: string): readonly [string, string] | undefined {
  const [, name, value] = /^([A-Za-z0-9-]+)(?:\s*=\s*|\s+)(.*)$/s.exec(line.trim()) ?? [];
  return name === undefined || value === undefined ? undefined : [name, value];
}

/** One `NAME VALUE` a line; the value is the rest of the line as it stands. */
export const nixOptions: Parser<readonly (readonly [string, string])[]> = (text) => {
  const options: (readonly [string, string])[] = [];
  for (const line of text.split(/\r\n|\r|\n/)) {
    if (line.trim() === '') continue;
    const pair = nameAndValue(line);
    if (pair === undefined || !/^[a-z][a-z0-9-]*$/.test(pair[0]))
      return bad(`has the line ${shown(line)}; write one NAME VALUE a line, as in: max-jobs 2`);
    options.push(pair);
  }
  return ok(options);
};

/** It names a file's contents on the target and goes into the plan: short, and nothing that could confuse a reader. */
export const installId: Parser<string> = (text) =>
  /^[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,127}$/.test(text.trim())
    ? ok(text.trim())
    : bad(`is ${shown(text)}; write up to 128 letters, digits and ._:@/+-, beginning with a letter or digit`);

/** `BACKEND PATH`; the path is the rest of the line, and may contain blanks. */
export const hardwareConfig: Parser<HardwareConfig> = (text) => {
  const line = text.trim();
  if (/[\r\n]/.test(line)) return bad('must be one line: BACKEND PATH');
  const [word = '', path = ''] = line.split(/\s+(.*)/s);
  const backend = hardwareBackends.find((each) => each === word);
  if (backend === undefined || path === '')
    return bad(
      `is ${shown(text)}; write ${hardwareBackends.join(' or ')}, and the path of a file on the runner`,
    );
  if (path.endsWith('/') || (existsSync(path) && statSync(path).isDirectory()))
    return bad(
      `is ${shown(text)}, which names a folder; give the path of the file, as in ${word} hosts/web-1/facter.json`,
    );
  return ok({ backend, path });
};

export const machineId: Parser<string> = (text) =>
  /^[0-9a-f]{32}$/.test(text.trim())
    ? ok(text.trim())
    : bad(`is ${shown(text)}; write the 32 hexadecimal digits of the machine's /etc/machine-id`);

export const planDigest: Parser<string> = (text) => {
  const digest = text.trim();
  if (digest === notApproved)
    return bad(
      `is ${notApproved}: nobody has approved a plan; give what fleet-results has in its matrix, or leave it out where nobody is to approve`,
    );
  return /^sha256:[0-9a-f]{64}$/.test(digest)
    ? ok(digest)
    : bad(`is ${shown(text)}; write the output plan-digest of the plan that was approved, sha256:…`);
};

/** One disk a line (a serial number may contain blanks), or `any`. */
export const wipeDisks: Parser<WipeAllowance> = (text) => {
  const names = text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const several = names.find((name) => /[\s,;]\/dev\//.test(name));
  if (several !== undefined) return bad(`has several disks in ${shown(several)}; write one disk a line`);
  if (!names.includes('any')) return ok([...new Set(names)]);
  return names.length === 1
    ? ok('any')
    : bad('has any beside other lines; write either any alone, or one disk a line');
};

/** A store as Nix names it: an address, or one of its words. Nothing that Nix could take for an option. */
export const storeUri: Parser<string> = (text) => {
  const value = text.trim();
  if (/\s/.test(value)) return bad(`is ${shown(text)}; write the address of one store, blanks in it as %20`);
  return /^([A-Za-z][A-Za-z0-9+.-]*:\/\/\S*|auto|daemon|local(\?\S*)?|\/\S+)$/.test(value)
    ? ok(value)
    : bad(
        `is ${shown(text)}; write the address of a store, as in ssh-ng://builder or https://cache.example.org`,
      );
};

/** A file, or a folder with a default.nix, or `<…>` that Nix looks up in NIX_PATH. */
export const nixFile: Parser<string> = (text) => {
  const value = text.trim();
  if (/[\r\n]/.test(value)) return bad('must be one line');
  if (value.startsWith('<'))
    return /^<(?!.*\.\.)[A-Za-z0-9_.+-]+(\/[A-Za-z0-9_.+-]+)*>$/.test(value)
      ? ok(value)
      : bad(`is ${shown(text)}; write a path in NIX_PATH as in <nixpkgs/nixos>`);
  if (!existsSync(value)) return bad(`is ${shown(text)}, and there is no such file on the runner`);
  return statSync(value).isDirectory() && !existsSync(`${value}/default.nix`)
    ? bad(`is ${shown(text)}, a folder without default.nix; give the file`)
    : ok(value);
};
