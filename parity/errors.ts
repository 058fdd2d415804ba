import type { ErrorKind } from '../src/errors';
import type { TargetState } from '../src/report/result';
import { howToResume } from '../src/report/resume';
import { partitionedOtherwise, stateWords } from '../src/report/states';

/** What an error of ours means, where nothing more is known about it. */
interface KindMeaning {
  readonly means: string;
  readonly machine: string;
  readonly advice: string;
}

const meanings: Readonly<Record<ErrorKind, KindMeaning>> = {
  input: {
    means:
      'Inputs are missing, contradict each other, or are not what they should be. All that is wrong is said at once.',
    machine: 'nobody has called it.',
    advice: 'correct each input that is named.',
  },
  connection: {
    means:
      'No SSH connection: nobody answers, the host key is another one, the login is refused, or a connection was lost and did not come back.',
    machine:
      'as the state says; what had been started there goes on (disko, nixos-install), and the message says so.',
    advice:
      'check the address, port, key and host key that the message names; a host key that changed is to be compared over another way first.',
  },
  'remote-command': {
    means: 'A script or program on the machine ended with another exit code than 0, or was killed.',
    machine: 'as the state says; nothing goes on there.',
    advice: 'read the last lines: they are what that program printed.',
  },
  nix: {
    means: 'Nix could not evaluate, build, or copy.',
    machine:
      'in `preflight` and `build` untouched; in `disko` in the installer with its disks as they were; in `install` partitioned.',
    advice:
      'read the message and the last lines, which are those of the build that failed; `print-build-logs` shows whole logs, `show-trace` from where in the configuration it comes.',
  },
  timeout: {
    means: 'A deadline passed. The message says what was waited for, for how long, and what was seen last.',
    machine: 'as the state says; work that was waited for may go on there.',
    advice:
      'look at the machine’s console; where it is only slow, raise the input of that deadline (`connect-timeout`, `kexec-timeout`, `reboot-timeout`, `idle-timeout`, `disko-idle-timeout`, `vm-test-timeout`).',
  },
  guard: {
    means:
      'A check that protects the machine or its data said no: another machine, disks that nobody named, another run at work, a configuration that would lock you out.',
    machine:
      'mostly untouched, or in the installer with its disks as they were; what was added for the run is removed.',
    advice:
      'it is meant as it is said: change what is wrong, or the input that the advice names if that loss is wanted.',
  },
  hook: {
    means: 'A program of yours that `hooks` names failed, on the runner or on the machine.',
    machine: 'as the state says: the phase before or after which it runs is where the run stopped.',
    advice: 'read its last lines, correct it, and run again.',
  },
  cancelled: {
    means: 'The job was cancelled, or its runner is shut down.',
    machine:
      'before `disko` all that was begun is stopped and removed; disko, nixos-install and a switch go on to their end.',
    advice: 'run the workflow again: it waits for what goes on there.',
  },
  unexpected: {
    means: 'Something that the action does not foresee: a defect of it, or of the runner.',
    machine: 'as the state says.',
    advice: 'run again with `debug: true`, and report it with that log.',
  },
};

export const kinds = Object.entries(meanings).map(([kind, meaning]) => ({ kind, ...meaning }));

type Stopped = Parameters<typeof howToResume>[0];

const stopped: Omit<Stopped, 'targetState'> = {
  phase: 'verify',
  target: 'root@host',
  goesOn: undefined,
  plan: undefined,
  keyIsLost: false,
};

/** In which ways a run stops in a state. */
const cases: Readonly<Record<TargetState, readonly Partial<Stopped>[]>> = {
  untouched: [{}, { goesOn: 'kexec' }, { goesOn: 'kexec', keyIsLost: true }],
  installer: [{}, { keyIsLost: true }],
  partitioned: [{}, { goesOn: 'nixos-install' }, { goesOn: 'nixos-install', keyIsLost: true }],
  installed: [{}, { phase: 'reboot' }],
  unlocking: [{}],
  booted: [{}],
};

/** What a state means for runs that do not wipe. */
const besides: Partial<Record<TargetState, readonly string[]>> = {
  partitioned: [
    'Without the phase disko it means that the installation on the mounted disks has begun:',
    `it is ${partitionedOtherwise.withoutDisko}.`,
    `With disko-mode mount or format it is ${partitionedOtherwise.wipingNothing}.`,
  ],
};

const targetStates = Object.keys(stateWords) as TargetState[];

export const states = targetStates.map((state) => ({
  state,
  means: [`The machine is ${stateWords[state]}.`, ...(besides[state] ?? [])].join(' '),
  advice: cases[state].map((of) => howToResume({ ...stopped, targetState: state, ...of }, false)),
}));

/** What GitHub or its runner says, when the action can say nothing any more. */
export const githubFailures: readonly {
  readonly text: string;
  readonly cause: string;
  readonly advice: string;
}[] = [
  {
    text: 'The runner has received a shutdown signal.',
    cause:
      'the runner was stopped, or ended by its host for want of memory; self-hosted: its service, or the machine, was restarted',
    advice:
      'run again; if it comes again at the same place, it is mostly memory: a bigger runner, or fewer builds at once',
  },
  {
    text: 'The hosted runner lost communication with the server.',
    cause: 'the runner has no CPU, memory or network left',
    advice: 'use a bigger runner, or let the machine build (`build-on: remote`)',
  },
  {
    text: 'You are running out of disk space. The runner will stop working when the machine runs out of disk space.',
    cause: 'closure, kexec image and builds fill the runner’s disk',
    advice: 'free space in a step before this one, or use a bigger runner',
  },
  {
    text: 'The operation was canceled.',
    cause: 'somebody cancelled the run, or a newer one of the same concurrency group did',
    advice: 'run again; in a concurrency group for machines set `cancel-in-progress: false`',
  },
  {
    text: 'The job running on runner … has exceeded the maximum execution time of … minutes.',
    cause: 'timeout-minutes of the job, 360 if it is not set',
    advice: 'raise it above the sum of the action’s deadlines, so that the action can say what it waited for',
  },
];
