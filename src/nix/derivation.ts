/** What a build of a derivation asks of the builder. */
export interface Requirements {
  /** `x86_64-linux` */
  readonly system: string;
  /** Its requiredSystemFeatures, such as `kvm`. */
  readonly features: readonly string[];
}

/**
 * Reads what `nix derivation show` prints of one derivation: a record by path, below `derivations` in the newest Nix.
 * With structured attributes the list stands in JSON, else in the environment.
 */
export function parseRequirements(answer: unknown): Requirements {
  const record = asRecord(answer);
  const [derivation] = Object.values(asRecord(record.derivations ?? record)).map(asRecord);
  const environment = asRecord(derivation?.env);
  const structured =
    typeof environment.__json === 'string'
      ? asRecord(JSON.parse(environment.__json))
      : asRecord(derivation?.structuredAttrs);
  return {
    system: typeof derivation?.system === 'string' ? derivation.system : '',
    features: asList(structured.requiredSystemFeatures ?? environment.requiredSystemFeatures),
  };
}

function asList(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === 'string' ? value.split(/\s+/).filter((word) => word !== '') : [];
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
