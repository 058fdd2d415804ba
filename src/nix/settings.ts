/** Those of Nix's settings that say what a runner can build. */
export interface NixSettings {
  /** `x86_64-linux` */
  readonly system: string;
  readonly extraPlatforms: readonly string[];
  readonly systemFeatures: readonly string[];
  /** Remote builders as text, or `@FILE`. */
  readonly builders: string;
  /** The store that evaluations write derivations into. */
  readonly store: string;
  /** Empty where builds run as the user who runs Nix. */
  readonly buildUsersGroup: string;
}

/** Reads what `nix config show --json` prints. */
export function parseSettings(answer: unknown): NixSettings {
  const settingOf = (name: string) => asRecord(asRecord(answer)[name]).value;
  const text = (name: string) => {
    const value = settingOf(name);
    return typeof value === 'string' ? value : '';
  };
  const list = (name: string) => {
    const value = settingOf(name);
    return Array.isArray(value) ? value.map(String) : [];
  };
  return {
    system: text('system'),
    extraPlatforms: list('extra-platforms'),
    systemFeatures: list('system-features'),
    builders: text('builders'),
    store: text('store'),
    buildUsersGroup: text('build-users-group'),
  };
}

/** The address in what `nix store info --json` prints. */
export function parseStoreUrl(answer: unknown): string {
  const { url } = asRecord(answer);
  return typeof url === 'string' ? url : '';
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
