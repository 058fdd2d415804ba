/** What a store knows about a valid path. */
export interface PathInfo {
  /** Bytes of its contents, as Nix counts them. */
  readonly narSize: number;
  /** Names of the keys that signed it; nothing here checks the signatures. */
  readonly signedBy: readonly string[];
  /** Whether it was built on this machine. */
  readonly ultimate: boolean;
}

/**
 * Reads what `nix path-info --json` prints: a list of records up to Nix 2.18, a record by path after it, the same below
 * `info` with paths without their folder in the newest. Paths that are not valid are left out.
 */
export function parsePathInfo(answer: unknown): Map<string, PathInfo> {
  return new Map(
    entriesOf(answer).flatMap(([path, value]) => {
      const info = asRecord(value);
      if (info === undefined || info.valid === false || typeof info.narSize !== 'number') return [];
      const { narSize, ultimate } = info;
      const signatures = Array.isArray(info.signatures) ? info.signatures : [];
      return [[path, { narSize, ultimate: ultimate === true, signedBy: signatures.flatMap(keyName) }]];
    }),
  );
}

function entriesOf(answer: unknown): (readonly [string, unknown])[] {
  if (Array.isArray(answer)) return answer.map((value) => [String(asRecord(value)?.path), value]);
  const record = asRecord(answer) ?? {};
  const info = asRecord(record.info);
  if (info === undefined) return Object.entries(record);
  const store = typeof record.storeDir === 'string' ? record.storeDir : '/nix/store';
  return Object.entries(info).map(([name, value]) => [
    name.startsWith('/') ? name : `${store}/${name}`,
    value,
  ]);
}

/** `name:base64`, or a record in the newest Nix. */
function keyName(signature: unknown): string[] {
  const name = typeof signature === 'string' ? signature.split(':')[0] : asRecord(signature)?.keyName;
  return typeof name === 'string' && name !== '' ? [name] : [];
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
