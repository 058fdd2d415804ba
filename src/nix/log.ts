import { stripVTControlCharacters } from 'node:util';

/** One line of Nix's `--log-format internal-json`, as far as the action cares (libutil/logging.hh of Nix). */
export type NixEvent =
  | { readonly kind: 'message'; readonly level: number; readonly text: string }
  | { readonly kind: 'building'; readonly derivation: string }
  | { readonly kind: 'build-log'; readonly text: string }
  | { readonly kind: 'copying'; readonly path: string }
  | { readonly kind: 'other' };

/** Verbosity levels (libutil/error.hh): 0 error, 1 warning, 2 notice, 3 info. */
export const nixLevel = { error: 0, warning: 1, notice: 2 } as const;
/** ActivityType and ResultType (libutil/logging.hh). */
const activity = { copyPath: 100, build: 105 } as const;
const result = { buildLogLine: 101 } as const;

/** Anything that is not such a line (a plugin or a wrapper prints as it likes) is taken for a notice. */
export function parseNixLog(line: string): NixEvent {
  const record = line.startsWith('@nix ') ? parseRecord(line.slice(5)) : undefined;
  if (record === undefined) return { kind: 'message', level: nixLevel.notice, text: line };
  const fields = Array.isArray(record.fields) ? record.fields : [];
  const first = typeof fields[0] === 'string' ? fields[0] : '';
  switch (record.action) {
    case 'msg':
      return {
        kind: 'message',
        level: typeof record.level === 'number' ? record.level : nixLevel.notice,
        text: stripVTControlCharacters(typeof record.msg === 'string' ? record.msg : ''),
      };
    case 'start':
      if (record.type === activity.build) return { kind: 'building', derivation: first };
      return record.type === activity.copyPath ? { kind: 'copying', path: first } : { kind: 'other' };
    case 'result':
      return record.type === result.buildLogLine
        ? { kind: 'build-log', text: stripVTControlCharacters(first) }
        : { kind: 'other' };
    default:
      return { kind: 'other' };
  }
}

function parseRecord(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
