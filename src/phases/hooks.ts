import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { GuardError, HookError, RemoteCommandError } from '../errors';
import type { Hook } from '../inputs/hooks';
import { systemPathOf } from '../plan/evaluation';
import { gatherFacts } from '../plan/facts';
import type { PhaseName } from '../plan/plan';
import { findPrivilege } from '../plan/privilege';
import { detachedForget } from '../ssh/scripts';
import type { PhaseContext } from './context';
import { runInProgress, whileSilent } from './detached-work';

/** Begins the names of hooks among the detached works on the target. */
export const hookWork = 'hook';

/**
 * Runs the user's programs of this moment, one after the other, in the order in which they were written.
 *
 * @throws HookError where one fails; the phase has failed then
 */
export async function runHooks(context: PhaseContext, when: Hook['when'], phase: PhaseName): Promise<void> {
  for (const hook of context.settings.hooks.value) {
    if (hook.when !== when || hook.phase !== phase) continue;
    context.runtime.log.info(`hook ${nameOf(hook)} on the ${hook.where}: ${hook.path}`);
    await (hook.where === 'runner' ? runHere(context, hook) : runOnTarget(context, hook));
  }
}

function nameOf({ when, phase }: Hook): string {
  return `${when}-${phase}`;
}

/** What a hook is told. No secrets: other processes can see it. */
function environmentOf({ plan, target, evaluation }: PhaseContext, hook: Hook): Record<string, string> {
  const { host, port, user } = target.endpoint;
  return {
    NIXOS_ANYWHERE_HOOK: nameOf(hook),
    NIXOS_ANYWHERE_PHASE: hook.phase,
    NIXOS_ANYWHERE_ACTION: plan.action,
    NIXOS_ANYWHERE_TARGET_HOST: host,
    NIXOS_ANYWHERE_TARGET_PORT: String(port),
    NIXOS_ANYWHERE_TARGET_USER: user,
    NIXOS_ANYWHERE_HOST_NAME: evaluation.hostName,
    NIXOS_ANYWHERE_SYSTEM_PATH: evaluation.toplevel === undefined ? '' : systemPathOf(evaluation),
    NIXOS_ANYWHERE_MNT: plan.action === 'install' ? '/mnt' : '',
  };
}

const keptLines = 40;

async function runHere(context: PhaseContext, hook: Hook): Promise<void> {
  const { runtime, settings, lease } = context;
  const program = resolve(hook.path);
  const sha256 = createHash('sha256')
    .update(await readFile(program))
    .digest('hex');
  if (sha256 !== hook.sha256)
    throw new GuardError(`the hook ${hook.path} was changed while this run was at work`, {
      hint: 'what runs is what the plan says: run again when nothing writes to that file',
    });
  const lastLines: string[] = [];
  const onLine = (line: string) => {
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
    runtime.log.foreign(nameOf(hook), line);
  };
  const { code } = await whileSilent(runtime, { name: nameOf(hook), onLine }, (listening) =>
    runtime.processes.run(program, [], {
      env: environmentOf(context, hook),
      signal: runtime.signal,
      idleMs: settings.deadlines.idle.value,
      onLine: listening.onLine,
      onErrorLine: listening.onLine,
    }),
  ).catch((error: NodeJS.ErrnoException) => {
    if (error.syscall === undefined) throw error;
    throw new HookError(`the hook ${hook.path} could not be started (${error.code ?? error.message})`, {
      cause: error,
      hint: 'its first line must name a program of the runner, as in #!/bin/sh',
    });
  });
  if (code === 0) {
    // meanwhile the connection may have been lost, and another run may have taken the machine over; the next phase asks too
    if (hook.when === 'before') await lease.begin(hook.phase);
    return;
  }
  const how = code === null ? 'was killed' : `ended with exit code ${code}`;
  throw new HookError(`the hook ${nameOf(hook)} ${how} on the runner: ${hook.path}`, {
    ran: hook.path,
    lastLines,
  });
}

/** Once, whatever becomes of the connection; nothing of it stays there. */
async function runOnTarget(context: PhaseContext, hook: Hook): Promise<void> {
  const { target, runtime, settings } = context;
  if (hook.phase === 'verify') await becomeRoot(context, hook);
  const environment = environmentOf(context, hook);
  try {
    await runInProgress(context, {
      name: `${hookWork}-${nameOf(hook)}`,
      script: withEnvironment(hook, Object.keys(environment)),
      args: Object.values(environment),
      idleMs: settings.deadlines.idle.value,
      onLine: (line) => runtime.log.foreign(nameOf(hook), line),
    });
  } catch (error) {
    if (!(error instanceof RemoteCommandError)) throw error;
    await target.run(detachedForget, [hookWork], { privileged: true }).catch(() => undefined);
    runtime.signal.throwIfAborted();
    throw new HookError(`${error.message} (${hook.path})`, {
      cause: error,
      ran: hook.path,
      lastLines: error.lastLines,
    });
  }
  await target.run(detachedForget, [hookWork], { privileged: true });
}

/** Its arguments become variables. On its first line, so that sh counts the lines as the author does. */
function withEnvironment({ text }: Hook, names: readonly string[]): string {
  const exports = names.map((name, index) => `export ${name}="\${${index + 1}}"; `).join('');
  return `${exports}shift ${names.length}; ${text.reveal()}`;
}

/** The new system was asked as somebody who need not be root. */
async function becomeRoot({ target, progress }: PhaseContext, hook: Hook): Promise<void> {
  const name = `the hook ${nameOf(hook)} cannot run on the target`;
  if (progress.verified !== 'system')
    throw new GuardError(`${name}: nobody could log in to the new system`, {
      hint: 'run it on the runner, or have the new system let somebody in (post-install-ssh-user)',
    });
  const { privilege } = await findPrivilege(target, await gatherFacts(target));
  if (privilege === undefined)
    throw new GuardError(`${name}: ${target.endpoint.user} cannot become root there`, {
      hint: 'give post-install-ssh-user: root, or let that user run sudo without a password',
    });
}
