// The actions that the runner knows: ours for real, others by what they do.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { runAction, runPost } from '../action.mts';
import { downloadArtifact, known, uploadArtifact } from './artifacts.mts';
import type { StepCall, StepEnd } from './step-call.mts';

type Action = (call: StepCall) => StepEnd | Promise<StepEnd>;

const others: Readonly<Record<string, Action>> = {
  'actions/checkout': checkout,
  'actions/upload-artifact': uploadArtifact,
  'actions/download-artifact': downloadArtifact,
  // Nix is here
  'cachix/install-nix-action': () => ({ ok: true, outputs: {}, log: '' }),
};

/** @throws Error for an action that the runner does not know */
export function actionFor(uses: string): Action {
  if (/^nixos-anywhere-action\/nixos-anywhere-action@v\d+$/.test(uses) || uses === './') return ownAction;
  const [, name = '', commit] = /^([^@]+)@([0-9a-f]{40}|v\d+)$/.exec(uses) ?? [];
  const action = others[name];
  if (action === undefined || commit === undefined)
    throw new Error(`this runner does not know the action ${uses}`);
  return action;
}

async function ownAction(call: StepCall): Promise<StepEnd> {
  const { inputs, dir, onLine, signal } = call;
  const options = { inputs: { ...inputs }, env: { ...call.env }, dir, onLine, signal };
  const main = await (call.run.options.action ?? runAction)(options);
  const post = async (): Promise<StepEnd> => {
    const { code, outputs, log } = await runPost(options, main);
    return { ok: code === 0, outputs, log };
  };
  return { ok: main.code === 0, outputs: main.outputs, log: main.log, post };
}

/** Of version 7: the branch with the commit that the run is for, with its history where fetch-depth is 0. */
function checkout({ run, inputs, workspace, env }: StepCall): StepEnd {
  const { 'fetch-depth': depth = '1' } = known(inputs, ['fetch-depth', 'persist-credentials']);
  if (depth !== '0' && depth !== '1') throw new Error(`this runner does not know the fetch-depth ${depth}`);
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', workspace, ...args], { env: { ...env }, encoding: 'utf8', stdio: 'pipe' });
  const { repository } = run.options;
  const { GITHUB_SHA: commit = '', GITHUB_REF: ref = '' } = env;
  const branch = ref.replace(/^refs\/heads\//, '');
  git('init', '-q');
  git('remote', 'add', 'origin', `file://${repository}`);
  if (depth === '1') git('fetch', '-q', '--no-tags', '--depth', '1', 'origin', ref);
  else git('fetch', '-q', '--tags', 'origin', '+refs/heads/*:refs/remotes/origin/*');
  git('checkout', '-q', '-B', branch, commit);
  return { ok: true, outputs: { commit }, log: join(repository, commit) };
}
