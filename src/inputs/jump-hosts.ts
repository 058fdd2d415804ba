import { isIPv6 } from 'node:net';
import { hostName, type Parsed, type Parser, port, userName } from './parsers';

/** Where a jump host listens, and who logs in there. */
export interface JumpAddress {
  readonly user: string;
  readonly host: string;
  readonly port: number;
}

/**
 * The value of ProxyJump: `[user@]host[:port]` or `ssh://[user@]host[:port]`, several separated by commas in the order in
 * which they are passed; `none` is none. As in target-host the user is root if not given.
 */
export const jumpHosts: Parser<readonly JumpAddress[]> = (text) => {
  if (text.toLowerCase() === 'none') return { ok: [] };
  const hosts: JumpAddress[] = [];
  for (const each of text.split(',')) {
    const host = jumpHost(each.trim());
    if ('problem' in host) return host;
    hosts.push(host.ok);
  }
  return { ok: hosts };
};

function jumpHost(text: string): Parsed<JumpAddress> {
  const where = /^ssh:\/\//i.test(text) ? text.slice('ssh://'.length).replace(/\/$/, '') : text;
  const at = where.lastIndexOf('@');
  const place = where.slice(at + 1);
  // an IPv6 address has colons of its own: with a port it stands in brackets
  const [, before = '', behind = ''] = /^(.*):([^:\]]*)$/.exec(place) ?? [];
  const hasPort = before !== '' && !isIPv6(place.split('%')[0] ?? '');
  const user = at < 0 ? ({ ok: 'root' } as const) : userName(where.slice(0, at));
  const host = hostName(hasPort ? before : place);
  const number = hasPort ? port(behind) : ({ ok: 22 } as const);
  const bad = (what: string, problem: string) => ({
    problem: `has the jump host ${JSON.stringify(text)}, whose ${what} ${problem} (user@host:port)`,
  });
  if ('problem' in user) return bad('user', user.problem);
  if ('problem' in host) return bad('host', host.problem);
  if ('problem' in number) return bad('port', number.problem);
  return { ok: { user: user.ok, host: host.ok, port: number.ok } };
}
