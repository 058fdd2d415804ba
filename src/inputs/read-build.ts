import { passwordIn } from './address-tokens';
import type { InputReader } from './input-reader';
import * as parse from './parsers';
import { readCache } from './read-cache';
import { readConfiguration } from './read-configuration';
import { inputOfBuildOn, readTty, withBuildOnRemote } from './read-deprecated';
import { readPhases } from './read-phases';
import {
  type BuildChoice,
  type BuildChoices,
  type BuildSettings,
  buildChoices,
  diskoModes,
  type HardwareConfig,
  type NixUse,
  type Setting,
} from './settings';
import { specialArgs } from './special-args';

/** What every run for one configuration is told. */
export function readBuildSettings(reader: InputReader): BuildSettings {
  return { configuration: readConfiguration(reader), ...readBuildChoices(reader) };
}

/** How whatever it is is evaluated and built. */
export function readBuildChoices(reader: InputReader): BuildChoices {
  readTty(reader);
  return {
    specialArgs: reader.optional('special-args', specialArgs, undefined),
    phases: readPhases(reader),
    diskoMode: reader.optional('disko-mode', parse.choice(diskoModes), 'disko'),
    noDiskoDeps: reader.optional('no-disko-deps', parse.boolean, false),
    installId: reader.optional('install-id', parse.installId, undefined),
    buildOn: readBuildOn(reader),
    hardwareConfig: readHardwareConfig(reader),
    cache: readCache(reader),
    ...readNixUse(reader),
  };
}

/** How Nix is used, whatever the run is for. */
export function readNixUse(reader: InputReader): NixUse {
  return {
    nixOptions: reader.optional('option', parse.nixOptions, []),
    printBuildLogs: reader.optional('print-build-logs', parse.boolean, false),
    showTrace: reader.optional('show-trace', parse.boolean, false),
    from: readFrom(reader),
    debug: readDebug(reader),
    deadlines: {
      connect: reader.optional('connect-timeout', parse.duration, 120_000),
      kexec: reader.optional('kexec-timeout', parse.duration, 600_000),
      reboot: reader.optional('reboot-timeout', parse.duration, 900_000),
      idle: reader.optional('idle-timeout', parse.duration, 600_000),
      diskoIdle: reader.optional('disko-idle-timeout', parse.duration, 1_800_000),
      vmTest: reader.optional('vm-test-timeout', parse.duration, 3_600_000),
    },
  };
}

/** Who has a job run again with debug logging wants to see all there is, without a change of the workflow. */
export function readDebug(reader: InputReader): Setting<boolean> {
  const debug = reader.optional('debug', parse.boolean, false);
  const isUnsaid = debug.source === 'default';
  return isUnsaid && reader.variable('RUNNER_DEBUG') === '1' ? { value: true, source: 'environment' } : debug;
}

function readFrom(reader: InputReader): Setting<string | undefined> {
  const from = reader.optional<string | undefined>('from', parse.storeUri, undefined);
  reader.secrets.register(passwordIn(from.value ?? ''));
  return from;
}

function readBuildOn(reader: InputReader): Setting<BuildChoice> {
  const chosen = reader.optional('build-on', parse.choice(buildChoices), 'auto');
  const buildOn = withBuildOnRemote(reader, chosen);
  if (buildOn.value === 'remote' && reader.text('store-paths') !== undefined)
    reader.problem(
      inputOfBuildOn(reader),
      'cannot be remote with store-paths, which are built already; leave it out',
    );
  return buildOn;
}

function readHardwareConfig(reader: InputReader): Setting<HardwareConfig | undefined> {
  const input = 'generate-hardware-config';
  const setting = reader.optional<HardwareConfig | undefined>(input, parse.hardwareConfig, undefined);
  if (setting.value !== undefined && reader.text('store-paths') !== undefined)
    reader.problem(input, 'cannot be combined with store-paths, in which nothing changes any more');
  return setting;
}

/** There is no machine that could build. */
export function readBuiltHere(
  reader: InputReader,
  kind: 'build-only' | 'vm-test',
  { buildOn }: BuildChoices,
): BuildSettings['buildOn'] {
  const input = inputOfBuildOn(reader);
  // where the flake has the host build its system, that says nothing of its test
  const isOfInstalls = kind === 'vm-test' && reader.sourceOf(input) === 'flake';
  if (buildOn.value === 'remote' && !isOfInstalls && !reader.hasProblem(input))
    reader.problem(input, `cannot be remote with ${kind}, which contacts no machine; leave it out`);
  return { ...buildOn, value: 'local' };
}
