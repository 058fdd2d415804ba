import { stripVTControlCharacters } from 'node:util';

/** One line of Nix's `--log-format internal-json`, as far as the action cares (libutil/logging.hh of Nix). */
export type NixEvent =
  | { readonly kind: 'message'; readonly level: number; readonly text: string }
  | { readonly kind: 'building'; readonly activity: number; readonly derivation: string }
  | { readonly kind: 'build-log'; readonly activity: number; readonly text: string }
  | {
      readonly kind: 'copying';
      readonly activity: number;
      readonly path: string;
      readonly from: string;
      readonly to: string;
    }
  | { readonly kind: 'task'; readonly activity: number; readonly of: NixTask }
  /** How far an activity is: bytes of a path or a download, else builds or paths. */
  | {
      readonly kind: 'progress';
      readonly activity: number;
      readonly done: number;
      readonly expected: number;
      /** How many of these are under way. */
      readonly running: number;
    }
  /** How many bytes an activity counts on, of paths or of downloads. */
  | {
      readonly kind: 'expected';
      readonly activity: number;
      readonly of: 'path' | 'download';
      readonly amount: number;
    }
  | { readonly kind: 'ended'; readonly activity: number }
  | { readonly kind: 'other' };

/**
 * Activities that count what belongs to them. `copies` is what `nix copy` itself does, `substitutions` what a store fetches
 * from its substituters, be it that of the runner or the one that it talks to.
 */
export type NixTask = 'builds' | 'copies' | 'substitutions' | 'download';

/** Verbosity levels (libutil/error.hh): 0 error, 1 warning, 2 notice, 3 info. */
export const nixLevel = { error: 0, warning: 1, notice: 2 } as const;
/** ActivityType and ResultType (libutil/logging.hh). */
const activity = { copyPath: 100, fileTransfer: 101, copyPaths: 103, builds: 104, build: 105 } as const;
const result = { buildLogLine: 101, progress: 105, setExpected: 106 } as const;

/** Anything that is not such a line (a plugin or a wrapper prints as it likes) is taken for a notice. */
export function parseNixLog(line: string): NixEvent {
  const record = line.startsWith('@nix ') ? parseRecord(line.slice(5)) : undefined;
  if (record === undefined) return { kind: 'message', level: nixLevel.notice, text: line };
  const fields = Array.isArray(record.fields) ? record.fields : [];
  const id = typeof record.id === 'number' ? record.id : 0;
  switch (record.action) {
    case 'msg':
      return {
        kind: 'message',
        level: typeof record.level === 'number' ? record.level : nixLevel.notice,
        text: stripVTControlCharacters(typeof record.msg === 'string' ? record.msg : ''),
      };
    case 'start':
      return parseStart(record, id, fields);
    case 'stop':
      return { kind: 'ended', activity: id };
    case 'result':
      return parseResult(record, id, fields);
    default:
      return { kind: 'other' };
  }
}

function parseStart(record: Record<string, unknown>, id: number, fields: readonly unknown[]): NixEvent {
  const [first = '', second = '', third = ''] = fields.map((field) =>
    typeof field === 'string' ? field : '',
  );
  const task = (of: NixTask): NixEvent => ({ kind: 'task', activity: id, of });
  switch (record.type) {
    case activity.build:
      return { kind: 'building', activity: id, derivation: first };
    case activity.copyPath:
      return { kind: 'copying', activity: id, path: first, from: second, to: third };
    case activity.fileTransfer:
      return task('download');
    case activity.builds:
      return task('builds');
    case activity.copyPaths:
      // only nix copy has words for it (copyPaths in libstore/store-api.cc)
      return task(record.text === '' ? 'substitutions' : 'copies');
    default:
      return { kind: 'other' };
  }
}

function parseResult(record: Record<string, unknown>, id: number, fields: readonly unknown[]): NixEvent {
  const [first = 0, second = 0, third = 0] = fields.map(asAmount);
  switch (record.type) {
    case result.buildLogLine: {
      const [text] = fields;
      return {
        kind: 'build-log',
        activity: id,
        text: stripVTControlCharacters(typeof text === 'string' ? text : ''),
      };
    }
    case result.progress:
      return { kind: 'progress', activity: id, done: first, expected: second, running: third };
    case result.setExpected:
      if (first !== activity.copyPath && first !== activity.fileTransfer) return { kind: 'other' };
      return {
        kind: 'expected',
        activity: id,
        of: first === activity.copyPath ? 'path' : 'download',
        amount: second,
      };
    default:
      return { kind: 'other' };
  }
}

function asAmount(field: unknown): number {
  return typeof field === 'number' && Number.isFinite(field) && field > 0 ? field : 0;
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
