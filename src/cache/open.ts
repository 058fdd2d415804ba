import { tmpdir } from 'node:os';
import { showAttributePath } from '../inputs/attribute-path';
import type { Configuration, Settings } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import type { Runtime } from '../runtime';
import { secretPartOf } from '../ssh/private-key';
import { type BuildCache, ClosureCache, noCache, type PendingUpload } from './closure-cache';
import { derivedLayerKey, type LayerKey, nixLayerKey } from './layer-key';
import { layerLimits } from './layer-plan';
import { findCacheService } from './service';

/** What the action gives the cache of its surroundings. */
export interface CacheSurroundings {
  readonly environment: NodeJS.ProcessEnv;
  /** Arguments for node that start the client's process. */
  readonly worker: readonly string[];
  readonly pending: (upload: PendingUpload | undefined) => void;
}

/** The cache of this run, if it is wanted and there is one. That there is none is worth a line only where one was asked for. */
export function openCache(
  settings: Settings,
  nix: Nix,
  runtime: Runtime,
  { environment, worker, pending }: CacheSurroundings,
): BuildCache {
  const { enabled, keyPrefix } = settings.cache;
  if (!enabled.value || settings.kind === 'plan' || settings.kind === 'offline-plan') return noCache;
  const none = (why: string) => {
    if (enabled.source === 'input') runtime.log.info(`cache: ${why}`);
    else runtime.log.debug(`cache: ${why}`);
    return noCache;
  };
  const service = findCacheService(environment, worker, runtime);
  if (service === undefined) return none('there is no cache service here');
  const key = layerKeyOf(settings);
  if (key === undefined && settings.kind === 'install') {
    // there is one, which the user can have
    runtime.log.info(
      'cache: not used: without ssh-private-key it needs cache-signing-key, which proves that what is in it is yours',
    );
    return noCache;
  }
  return new ClosureCache(
    {
      service,
      prefix: keyPrefix.value,
      key,
      configuration: nameOf(settings.configuration.value),
      limits: layerLimits,
      uploadFolder: environment.RUNNER_TEMP ?? tmpdir(),
      pending,
    },
    nix,
    runtime,
  );
}

function layerKeyOf(settings: Settings): LayerKey | undefined {
  const { signingKey } = settings.cache;
  if (signingKey !== undefined) return nixLayerKey(signingKey.reveal());
  if (settings.kind !== 'install' || !settings.login.keyIsGiven) return undefined;
  return derivedLayerKey(secretPartOf(settings.login.privateKey.reveal()));
}

/** Without the address of a flake, in which there may be a commit. */
function nameOf(configuration: Configuration): string {
  switch (configuration.kind) {
    case 'flake':
      return [configuration.flake.name, ...configuration.flake.path].join('.');
    case 'nix-file':
      return `${configuration.reference.file} ${showAttributePath(configuration.reference.path)}`.trim();
    case 'store-paths':
      return 'store-paths';
  }
}
