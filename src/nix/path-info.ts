import { nixHash } from './hash';

/** What a store knows about a valid path. */
export interface PathInfo {
  readonly path: string;
  /** `sha256:` and Nix's base 32; empty where it is another hash. */
  readonly narHash: string;
  /** Bytes of its contents, as Nix counts them. */
  readonly narSize: number;
  /** Whole paths, in Nix's order. */
  readonly references: readonly string[];
  /** The derivation's path; empty where it is not known. */
  readonly deriver: string;
  /** How the path follows from its contents; empty where it does not. */
  readonly ca: string;
  /** `NAME:BASE64`; nothing here checks them. */
  readonly signatures: readonly string[];
  /** Whether it was built on this machine. */
  readonly ultimate: boolean;
}

/** The names of the keys that are said to have signed it. */
export function signersOf({ signatures }: PathInfo): readonly string[] {
  return signatures.map((signature) => signature.slice(0, signature.indexOf(':')));
}

/**
 * Reads what `nix path-info --json` prints: a list of records up to Nix 2.18, a record by path after it, the same below
 * `info` with paths without their folder in the newest. Paths that are not valid are left out.
 */
export function parsePathInfo(answer: unknown): Map<string, PathInfo> {
  const store = storeOf(answer);
  const whole = (name: unknown) => {
    const text = textOf(name);
    return text === '' || text.startsWith('/') ? text : `${store}/${text}`;
  };
  return new Map(
    entriesOf(answer).flatMap(([name, value]) => {
      const info = asRecord(value);
      if (info === undefined || info.valid === false || typeof info.narSize !== 'number') return [];
      const path = whole(name);
      const { narSize, ultimate, deriver } = info;
      const read: PathInfo = {
        path,
        narHash: nixHash(textOf(info.narHash)) ?? '',
        narSize,
        references: asList(info.references).map(whole),
        deriver: whole(deriver),
        ca: textOf(info.ca),
        signatures: asList(info.signatures).flatMap(signature),
        ultimate: ultimate === true,
      };
      return [[path, read]];
    }),
  );
}

function storeOf(answer: unknown): string {
  const { storeDir } = asRecord(answer) ?? {};
  return typeof storeDir === 'string' ? storeDir : '/nix/store';
}

function entriesOf(answer: unknown): (readonly [string, unknown])[] {
  if (Array.isArray(answer)) return answer.map((value) => [String(asRecord(value)?.path), value]);
  const record = asRecord(answer) ?? {};
  return Object.entries(asRecord(record.info) ?? record);
}

/** As text, or a record in the newest Nix. */
function signature(value: unknown): string[] {
  if (typeof value === 'string') return value.includes(':') ? [value] : [];
  const { keyName, sig } = asRecord(value) ?? {};
  return typeof keyName === 'string' && keyName !== '' ? [`${keyName}:${textOf(sig)}`] : [];
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
