import { stripVTControlCharacters } from 'node:util';

/** One line of Nix's `--log-format internal-json`, as far as the action cares (libutil/logging.hh of Nix). */
export type NixEvent =
  | { readonly kind: 'message'; readonly level: number; readonly text: string }
  | { readonly kind: 'building'; readonly activity: number; readonly derivation: string }
  | { readonly kind: 'build-log'; readonly activity: number; readonly text: string }
  | { readonly kind: 'copying'; readonly path: string; readonly from: string; readonly to: string }
  | { readonly kind: 'ended'; readonly activity: number }
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
  const id = typeof record.id === 'number' ? record.id : 0;
  const [first = '', second = '', third = ''] = fields.map((field) =>
    typeof field === 'string' ? field : '',
  );
  switch (record.action) {
    case 'msg':
      return {
        kind: 'message',
        level: typeof record.level === 'number' ? record.level : nixLevel.notice,
        text: stripVTControlCharacters(typeof record.msg === 'string' ? record.msg : ''),
      };
    case 'start':
      if (record.type === activity.build) return { kind: 'building', activity: id, derivation: first };
      return record.type === activity.copyPath
        ? { kind: 'copying', path: first, from: second, to: third }
        : { kind: 'other' };
    case 'stop':
      return { kind: 'ended', activity: id };
    case 'result':
      return record.type === result.buildLogLine
        ? { kind: 'build-log', activity: id, text: stripVTControlCharacters(first) }
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

const keptLines = 25;

/**
 * The last lines of every build's log. With this log format Nix leaves them out of its error message, since it has
 * handed them over one by one.
 */
export class BuildLogs {
  readonly #builds = new Map<number, { readonly derivation: string; readonly lines: string[] }>();

  add(event: NixEvent): void {
    if (event.kind === 'building')
      this.#builds.set(event.activity, { derivation: event.derivation, lines: [] });
    if (event.kind !== 'build-log') return;
    const lines = this.#builds.get(event.activity)?.lines ?? [];
    lines.push(event.text);
    if (lines.length > keptLines) lines.shift();
  }

  /** What is built by an activity, if it is a build. */
  derivationOf(activity: number): string | undefined {
    return this.#builds.get(activity)?.derivation;
  }

  /** Those of the builds that an error message names. */
  lastLinesOf(message: string): readonly string[] {
    return [...this.#builds.values()]
      .filter(({ derivation }) => message.includes(derivation))
      .flatMap(({ lines }) => lines);
  }
}
