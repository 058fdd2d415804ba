import { errorMessage, NixError, RemoteCommandError, TimeoutError } from '../errors';
import { mebibytes } from '../plan/checks';
import { systemOf, systemPathOf } from '../plan/evaluation';
import { gatherFacts } from '../plan/facts';
import * as scripts from '../ssh/scripts';
import { bring } from './bring';
import type { PhaseContext } from './context';
import { runInProgress } from './detached-work';
import { isUnitName } from './failed-units';
import { explainLockout, rollback } from './lockout';

/** With it switch-to-configuration says that the system is active, but that units failed. */
const unitsFailed = 4;
/** With it, that the new system's init cannot take over from the running one: nothing was switched. */
const rebootNeeded = 100;

/** So many refused logins until a machine that is switched is believed to refuse them for good. */
const refusedLogins = 3;

/** Brings the system to a machine that runs NixOS, and switches it over. Nothing is wiped. */
export async function update(context: PhaseContext): Promise<void> {
  const { evaluation, facts, progress, settings, target } = context;
  const system = systemPathOf(evaluation);
  if (facts.systemPath !== system || facts.profilePath !== system) {
    await bring(context, 'system', systemOf(evaluation), 'local').catch(async (error: unknown) => {
      throw await explainFullDisk(context, error);
    });
    await progress.activity('switch', () => switchOver(context, system));
  }
  progress.targetState = 'installed';
  progress.systemPath = system;
  const id = settings.installId.value;
  if (id === undefined || facts.installId !== '') return;
  await target.run(scripts.installId, ['', id], { privileged: true }).catch((error: unknown) => {
    throw explainLockout(context, error);
  });
}

async function switchOver(context: PhaseContext, system: string): Promise<void> {
  const { plan, settings, runtime, target } = context;
  const { installBootloader, noCheck } = plan.newSystem;
  target.refusedLogins = refusedLogins;
  const failed: string[] = [];
  const code = await runInProgress(context, {
    name: 'switch',
    script: scripts.switchTo.text,
    args: [system, installBootloader ? 'yes' : 'no', ...(noCheck === null ? [] : [noCheck])],
    idleMs: settings.deadlines.idle.value,
    toleratedCodes: [unitsFailed],
    onLine: (line) => {
      runtime.log.foreign('switch', line);
      const [, units] = /the following units failed: (.+)/.exec(line) ?? [];
      failed.push(...(units?.split(/[,\s]+/).filter(isUnitName) ?? []));
    },
  }).catch(async (error: unknown) => {
    throw await explainFailure(context, error);
  });
  if (code !== unitsFailed) return;
  runtime.log.warning(
    `The new system is active, but units failed while it was switched to: ${failed.join(', ') || 'see above which'}.`,
  );
  context.progress.failedUnits = failed;
}

/** Says the truth about the machine after a switch that did not end well. */
async function explainFailure(context: PhaseContext, error: unknown): Promise<unknown> {
  const { evaluation, progress, runtime, target } = context;
  const system = systemPathOf(evaluation);
  if (runtime.signal.aborted) {
    progress.targetState = 'installed';
    return error;
  }
  if (!(error instanceof RemoteCommandError)) {
    // it goes on there, and what it makes of the machine is not known
    progress.targetState = 'installed';
    return target.isConnected ? withRollback(context, error) : explainLockout(context, error);
  }
  const now = await gatherFacts(target).catch(() => undefined);
  if (now === undefined || now.profilePath === system) progress.targetState = 'installed';
  const { exitCode, lastLines } = error;
  if (exitCode === rebootNeeded) {
    return new RemoteCommandError(`the switch to ${system} takes a reboot`, {
      cause: error,
      lastLines,
      exitCode,
      hint: 'the new system is what boots next: reboot the machine and run again, or reboot it back by way of the boot loader’s menu',
    });
  }
  return withRollback(context, error);
}

function withRollback(context: PhaseContext, error: unknown): unknown {
  const hint = `see the last lines for the reason. ${rollback(context.facts)}`;
  if (error instanceof RemoteCommandError)
    return new RemoteCommandError(error.message, {
      cause: error,
      lastLines: error.lastLines,
      exitCode: error.exitCode,
      hint,
    });
  if (error instanceof TimeoutError)
    return new TimeoutError(`${error.message}; it may go on there`, { cause: error, hint });
  return error;
}

/** Nix only says that something could not be written. */
async function explainFullDisk({ target }: PhaseContext, error: unknown): Promise<unknown> {
  if (!(error instanceof NixError)) return error;
  const said = [error.message, ...error.lastLines].join('\n');
  if (!/No space left on device|database or disk is full/i.test(said)) return error;
  const room = await target.run(scripts.storeRoom, []).catch(() => undefined);
  const left =
    room === undefined || room.stdout.trim() === ''
      ? ''
      : ` (${mebibytes(Number(room.stdout))} MiB are left)`;
  return new NixError(`the machine has no room for the system in its /nix/store${left}`, {
    cause: error,
    lastLines: [errorMessage(error), ...error.lastLines],
    hint: 'delete old generations there (nix-collect-garbage --delete-old), or give it a bigger disk, and run again: what was copied so far is kept',
  });
}
