// What a page of docs/ says to write, as inputs of a run: so that the page is what is carried out, and cannot say anything else.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Sshd } from '../../testbed/sshd.mts';
import { isOwn, readYaml, wholeWorkflow } from '../unit/workflow-rules';
import { inputsFor, makeDiskoFlake } from './bundle';
import { asShown, blocksOf } from './documents';
import { literally } from './named-tests';

export interface Here {
  /** What stands for `${{ … }}`, by what is between the braces: `secrets.SSH_PRIVATE_KEY`. */
  readonly expressions?: Readonly<Record<string, string>>;
  /** Addresses, paths and the like of the test, for those that the page has: inputs that the step does not have are refused. */
  readonly instead: Readonly<Record<string, string>>;
  /** What only the test needs. */
  readonly besides?: Readonly<Record<string, string>>;
}

export interface ShownStep {
  readonly inputs: Record<string, string>;
  readonly env: Record<string, string>;
}

/**
 * The steps with this action in the ```yaml blocks below a heading, in their order, as they are to be run here.
 *
 * @throws where the page says something for which the test has nothing, or no longer says what the test replaces
 */
export function shownSteps(page: string, heading: string, here: Here): readonly ShownStep[] {
  const workflows = blocksOf(page, heading)
    .filter(({ language }) => language === 'yaml')
    .map(({ text }) => readYaml(page, wholeWorkflow(text)));
  const steps = workflows.flatMap(({ jobs }) => Object.values(jobs).flatMap((job) => job.steps ?? []));
  return steps.filter(isOwn).map(({ with: shown = {}, env = {} }) => {
    for (const name of Object.keys(here.instead)) expect(shown, `${page}, ${heading}`).toHaveProperty(name);
    const inputs = { ...shown, ...here.instead };
    return { inputs: { ...filled(inputs, here), ...here.besides }, env: filled(env, here) };
  });
}

/** The one step below a heading that has only one. */
export function shownStep(page: string, heading: string, here: Here): ShownStep {
  const [step, ...others] = shownSteps(page, heading, here);
  if (step === undefined || others.length > 0)
    throw new Error(`${page}, ${heading}: ${1 + others.length} steps`);
  return step;
}

/** Texts with what stands for their expressions; a part of a text that is one is a `format(…)` to GitHub’s parser. */
export function filled(
  texts: Readonly<Record<string, string>>,
  { expressions = {} }: Pick<Here, 'expressions'>,
): Record<string, string> {
  const valueFor = (expression: string): string => {
    const [, format, names = ''] = /^format\('((?:[^']|'')*)'((?:, [\w.-]+)*)\)$/s.exec(expression) ?? [];
    if (format !== undefined)
      return names
        .split(', ')
        .slice(1)
        .reduce((text, name, index) => text.replaceAll(`{${index}}`, () => valueFor(name)), format)
        .replaceAll("''", "'");
    const value = expressions[expression];
    if (value === undefined) throw new Error(`the test has no ${expression}`);
    return value;
  };
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      const [, expression] = /^\$\{\{ (.*) \}\}$/s.exec(text) ?? [];
      return [name, expression === undefined ? text : valueFor(expression)];
    }),
  );
}

/** What the ```text blocks below a heading say of runs that fail: each of their lines, without an order, stands in one of these logs. */
export function expectTroubles(logs: readonly string[], page: string, heading: string): void {
  const blocks = blocksOf(page, heading).filter(({ language }) => language === 'text');
  const shown = blocks.flatMap(({ text }) => text.trimEnd().split('\n'));
  expect(shown.length, `${page} shows no trouble below ${heading}`).toBeGreaterThan(0);
  const lines = logs.flatMap((log) => asShown(log).split('\n'));
  for (const line of shown) {
    const wanted = new RegExp(`^\\s*${line.trim().split('…').map(literally).join('.*')}\\s*$`);
    expect(
      lines.some((each) => wanted.test(each)),
      `${page}, ${heading}: no log has a line like\n${line}\n\n${lines.join('\n')}`,
    ).toBe(true);
  }
}

/** A flake whose system can be built and copied, and whose disko script, with its tools or without, is this shell text. */
export function installableFlake(disko: string): string {
  const folder = makeDiskoFlake(disko);
  const file = join(folder, 'flake.nix');
  const toplevel = `derivation { name = "nixos-system-demo"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "mkdir $out" ]; }`;
  const [, script = ''] = /diskoScript = (derivation \{.*?\n {2}\};)/s.exec(readFileSync(file, 'utf8')) ?? [];
  const text = readFileSync(file, 'utf8')
    .replace('drv "nixos-system-demo"', () => toplevel)
    .replace('diskoScript =', () => `diskoScriptNoDeps = ${script}\n    diskoScript =`);
  writeFileSync(file, text);
  return folder;
}

/** What a machine that is reached on loopback needs besides: its port, and leave to lose disks that it has not. */
export function onLoopback(sshd: Sshd): Record<string, string> {
  const { 'ssh-port': port = '', 'wipe-disks': disks = '' } = inputsFor(sshd, '');
  return {
    ...{ 'ssh-port': port, 'post-kexec-ssh-port': port, 'connect-timeout': '10s' },
    ...{ 'wipe-disks': disks, 'allow-lockout': 'true' },
  };
}
