import { parseFlakeReference } from './flake-reference';
import type { InputReader } from './input-reader';
import * as parse from './parsers';
import { readTty, withBuildOnRemote } from './read-deprecated';
import { readPhases } from './read-phases';
import {
  type BuildChoice,
  type BuildSettings,
  buildChoices,
  type Configuration,
  diskoModes,
  type Setting,
} from './settings';
import { parseStorePaths } from './store-paths';

/** What every run is told. */
export function readBuildSettings(reader: InputReader): BuildSettings {
  readTty(reader);
  return {
    configuration: readConfiguration(reader),
    phases: readPhases(reader),
    diskoMode: reader.optional('disko-mode', parse.choice(diskoModes), 'disko'),
    installId: reader.optional('install-id', parse.installId, undefined),
    buildOn: readBuildOn(reader),
    nixOptions: reader.optional('option', parse.nixOptions, []),
    printBuildLogs: reader.optional('print-build-logs', parse.boolean, false),
    debug: reader.optional('debug', parse.boolean, false),
    deadlines: {
      connect: reader.optional('connect-timeout', parse.duration, 120_000),
      kexec: reader.optional('kexec-timeout', parse.duration, 600_000),
      reboot: reader.optional('reboot-timeout', parse.duration, 900_000),
      idle: reader.optional('idle-timeout', parse.duration, 600_000),
      diskoIdle: reader.optional('disko-idle-timeout', parse.duration, 1_800_000),
    },
  };
}

function readConfiguration(reader: InputReader): Setting<Configuration> {
  const none: Configuration = { kind: 'flake', flake: { uri: '', name: '', path: [] } };
  const given = reader.text('store-paths') !== undefined;
  if (given && reader.text('flake') !== undefined)
    reader.problem('store-paths', 'cannot be combined with flake; give one of them');
  if (!given && reader.text('flake') === undefined) reader.problem('flake', 'is required, or store-paths');
  if (given && reader.text('disko-mode') !== undefined)
    reader.problem(
      'disko-mode',
      'cannot be combined with store-paths: what the disko script does was decided when it was built',
    );
  const flake = reader.optional('flake', flakeReference, none);
  return given ? reader.optional('store-paths', storePaths, none) : flake;
}

function readBuildOn(reader: InputReader): Setting<BuildChoice> {
  const chosen = reader.optional('build-on', parse.choice(buildChoices), 'auto');
  const buildOn = withBuildOnRemote(reader, chosen);
  if (buildOn.value === 'remote' && reader.text('store-paths') !== undefined)
    reader.problem('build-on', 'cannot be remote with store-paths, which are built already; leave it out');
  return buildOn;
}

const flakeReference: parse.Parser<Configuration> = (text) => {
  const flake = parseFlakeReference(text);
  return typeof flake === 'string' ? { problem: flake } : { ok: { kind: 'flake', flake } };
};

const storePaths: parse.Parser<Configuration> = (text) => {
  const paths = parseStorePaths(text);
  return typeof paths === 'string' ? { problem: paths } : { ok: { kind: 'store-paths', paths } };
};
