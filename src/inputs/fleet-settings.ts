import type { HostSelection } from './host-selection';
import type { Matrix } from './matrix';
import type { BuildChoices, NixUse, Setting } from './settings';

/** What a run over many hosts is told. */
export interface FleetSettings extends NixUse {
  /** The flake that describes them, for Nix to resolve. */
  readonly flakeUri: Setting<string>;
  readonly hosts: Setting<HostSelection>;
}

/** Lists hosts for the jobs that follow. */
export interface ListSettings extends FleetSettings {
  readonly kind: 'list-hosts';
  /** A commit, branch or tag of the checkout. */
  readonly changedSince: Setting<string | undefined>;
}

/** Builds what the runs of many hosts are about to want, for the cache. What a host's data says wins over a default. */
export interface BuildHostsSettings extends FleetSettings, BuildChoices {
  readonly kind: 'build-hosts';
}

/** Puts together what the runs for many hosts have left. */
export interface FleetResultsSettings {
  readonly kind: 'fleet-results';
  /** A folder on the runner. */
  readonly folder: Setting<string>;
  /** The hosts of which results are expected; undefined where that is not known. */
  readonly matrix: Setting<Matrix | undefined>;
  readonly debug: Setting<boolean>;
}
