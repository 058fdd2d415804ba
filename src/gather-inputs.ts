import { withheldSettings } from './child-environment';
import { InputError } from './errors';
import { parseFlakeReference } from './inputs/flake-reference';
import { noHostData, withoutGiven } from './inputs/host-data';
import { InputReader } from './inputs/input-reader';
import { loadSecrets } from './inputs/load-secrets';
import { type RawInputs, readRawInputs } from './inputs/raw-inputs';
import { readNixUse } from './inputs/read-build';
import { type ReadHost, readHostOfMany } from './inputs/read-host';
import { readSettings } from './inputs/read-settings';
import type { NixUse, Settings } from './inputs/settings';
import type { NixOptions } from './nix/command';
import { Nix } from './nix/nix';
import { readHostData } from './plan/host-data';
import type { Progress } from './report/result';
import type { Runtime } from './runtime';
import { SecretRegistry } from './secrets';

/** Reads the settings; again, when what they say may have changed. */
export type ReadSettings = (warn?: (notice: string) => void) => Settings;

export interface Inputs {
  readonly read: ReadSettings;
  /** For a run over many hosts. */
  readonly readHost: ReadHost;
}

/**
 * Gathers all that settings are made of: the inputs of the step, what the flake says of the host, and what the sources of
 * secrets hold that both name.
 *
 * @throws the reason of the signal; NixError; what is wrong with inputs is told when the settings are read
 */
export async function gatherInputs(
  environment: NodeJS.ProcessEnv,
  secrets: SecretRegistry,
  runtime: Runtime,
  progress: Progress,
): Promise<Inputs> {
  const raw = readRawInputs(environment);
  const reference = parseFlakeReference(raw.flake ?? '');
  // whose run it was is told of one that fails right here, too
  progress.host = typeof reference === 'string' ? '' : reference.name;
  const { processes, clock, signal } = runtime;
  const options = { environment, processes, clock, signal, secrets };
  const loaded = await loadSecrets(raw, options);
  const readGiven: ReadSettings = (warn) => readSettings(raw, secrets, loaded, warn, environment);
  // registers all secrets, before Nix is started; what is wrong is told later
  const problems = problemsOf(readGiven);
  // before Nix fails for want of it
  for (const notice of withheldSettings(environment, secrets)) runtime.log.warning(notice);
  const start = clock.now();
  const data = await readHostData(raw, new Nix(nixOptionsOf(earlyNixUse(raw)), runtime), signal).catch(
    (error: unknown) => {
      // first what is wrong with the step itself; what seems to be missing may be what could not be read
      if (problems !== undefined && !onlyMissing(problems)) throw problems;
      progress.begin('preflight', start);
      progress.end('failure');
      throw error;
    },
  );
  const readHost: ReadHost = (...host) => readHostOfMany(raw, host, secrets, environment);
  if (data === noHostData) return { read: readGiven, readHost };
  const merged = { ...raw, ...withoutGiven(data, raw).inputs };
  const all = new Map([...loaded, ...(await loadSecrets(merged, options, loaded))]);
  return { read: (warn) => readSettings(raw, secrets, all, warn, environment, data), readHost };
}

function problemsOf(read: ReadSettings): InputError | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

/** Nix is needed before all inputs can be read; what is wrong with these is told with all others. */
function earlyNixUse(raw: RawInputs): NixUse {
  const nobody = new SecretRegistry(() => undefined);
  return readNixUse(new InputReader(raw, new Map(), nobody, () => undefined, {}));
}

export function nixOptionsOf(settings: NixUse): NixOptions {
  const { printBuildLogs, showTrace, debug, from, nixOptions, deadlines } = settings;
  return {
    options: nixOptions.value,
    printBuildLogs: printBuildLogs.value || debug.value,
    showTrace: showTrace.value,
    from: from.value,
    idleMs: deadlines.idle.value,
  };
}

function onlyMissing({ problems }: InputError): boolean {
  return problems.every(({ input, problem }) => input === 'target-host' && problem === 'is required');
}
