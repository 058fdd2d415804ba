import { tmpdir } from 'node:os';
import { showAttributePath } from '../inputs/attribute-path';
import type { BuildHostsSettings } from '../inputs/fleet-settings';
import type { Configuration, HostSettings } from '../inputs/settings';
import type { Nix } from '../nix/nix';
import type { Runtime } from '../runtime';
import { secretPartOf } from '../ssh/private-key';
import { ClosureCache } from './closure-cache';
import { RepositoryImages } from './image-cache';
import { derivedLayerKey, type LayerKey, nixLayerKey } from './layer-key';
import { layerLimits } from './layer-plan';
import { noCache, RepositoryCache, type RunCache } from './run-cache';
import { findCacheService } from './service';
import { isThrownAway, markAsUsed, wereUsed } from './unsigned';
import { type PendingUpload, Uploads } from './uploads';

/** What the action gives the cache of its surroundings. */
export interface CacheSurroundings {
  readonly environment: NodeJS.ProcessEnv;
  /** Arguments for node that start the client's process. */
  readonly worker: readonly string[];
  /** Told, whenever that changes, what would be left to upload if this process ended now. */
  readonly leave: (uploads: readonly PendingUpload[]) => void;
}

/** A run that may build. */
export type BuildingSettings = HostSettings | BuildHostsSettings;

/** The cache of this run, if it is wanted and there is one. That there is none is worth a line only where one was asked for. */
export function openCache(
  settings: BuildingSettings,
  nix: Nix,
  runtime: Runtime,
  { environment, worker, leave }: CacheSurroundings,
): RunCache {
  const { enabled, keyPrefix } = settings.cache;
  if (!enabled.value || settings.kind === 'plan' || settings.kind === 'offline-plan') return noCache;
  const service = findCacheService(environment, worker, runtime);
  if (service === undefined) {
    const said = 'cache: there is no cache service here';
    if (enabled.source !== 'default') runtime.log.info(said);
    else runtime.log.debug(said);
    return noCache;
  }
  const parts = {
    service,
    prefix: keyPrefix.value,
    uploads: new Uploads(service, leave, runtime),
    uploadFolder: environment.RUNNER_TEMP ?? tmpdir(),
  };
  const images = new RepositoryImages(parts, runtime);
  const key = layerKeyOf(settings);
  const why = whyWithoutClosures(settings, key, environment);
  if (why !== undefined) {
    // there is one, which the user can have
    runtime.log.info(`cache: ${why}`);
    // nobody has to sign images, which only an install needs
    return settings.kind === 'install' ? new RepositoryCache(undefined, images, parts.uploads) : noCache;
  }
  if (settings.kind === 'build-hosts' && key === undefined && service.writable)
    runtime.log.warning(unseenByInstalls);
  const closures = new ClosureCache(
    {
      ...parts,
      key,
      configuration: settings.kind === 'build-hosts' ? manyHosts : nameOf(settings.configuration.value),
      limits: layerLimits,
      unsignedUsed: () => markAsUsed(environment),
    },
    nix,
    runtime,
  );
  return new RepositoryCache(closures, images, parts.uploads);
}

/** Not what any input could be, so that no host is taken for all of them. */
const manyHosts = 'hosts\0';

const unseenByInstalls =
  'What is built here is kept for runs without a machine alone, and every install builds it once more: give this job and those of the hosts the same cache-signing-key (`nix key generate-secret --key-name NAME`), or cache: false to say that nothing shall be kept.';

function whyWithoutClosures(
  { kind }: BuildingSettings,
  key: LayerKey | undefined,
  environment: NodeJS.ProcessEnv,
): string | undefined {
  if (key === undefined && kind === 'install')
    return 'not used for closures: without ssh-private-key it needs cache-signing-key, which proves that what is in it is yours';
  if (key === undefined && !isThrownAway(environment))
    return 'not used: without cache-signing-key only on GitHub’s own runners, whose store is gone when the job ends';
  if (key !== undefined && wereUsed(environment))
    return 'not used: an earlier step of this job has used layers that nobody has signed';
  return undefined;
}

function layerKeyOf(settings: BuildingSettings): LayerKey | undefined {
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
