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
  /** Whether anything is taken from anywhere. */
  readonly substitute: boolean;
  /** Empty where none is to be asked. */
  readonly substituters: readonly string[];
  readonly trustedPublicKeys: readonly string[];
  /** Files with the keys that sign what is built here. */
  readonly secretKeyFiles: readonly string[];
}

/** What there is to know of the store in which builds happen. */
export interface StoreInfo {
  /** `local…` where Nix itself builds, `daemon` where one does. */
  readonly url: string;
  /** Whether it heeds what this user asks for beyond its own settings; undefined where it does not say. */
  readonly trusted: boolean | undefined;
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
    substitute: settingOf('substitute') !== false,
    substituters: list('substituters'),
    trustedPublicKeys: list('trusted-public-keys'),
    secretKeyFiles: list('secret-key-files'),
  };
}

/** Reads what `nix store info --json` prints. */
export function parseStoreInfo(answer: unknown): StoreInfo {
  const { url, trusted } = asRecord(answer);
  return {
    url: typeof url === 'string' ? url : '',
    trusted: trusted === undefined || trusted === null ? undefined : trusted === true || trusted === 1,
  };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
