// The examples for one machine: what their workflows may do to it and who may have it done, and that each is to be found.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readYaml, stepsIn, type Workflow } from '../support/read-workflow';
import { changesMachine, contactsMachine } from './workflow-rules';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const listed = read('examples/README.md');
/** Of README.md and the pages of docs/, as paths of the repository. */
const links = [
  'README.md',
  ...readdirSync(new URL('docs', root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].flatMap((page) =>
  [...read(page).matchAll(/\]\(([^)#\s]+)/g)].map(([, link = '']) =>
    new URL(link, new URL(page, 'file:///')).pathname.slice(1),
  ),
);

/** Of the table of workflows: each with the flake that it is for. */
const flakeOf = new Map(
  [...listed.matchAll(/^\| \[([\w-]+\.yml)\]\(workflows\/\1\) +\| ([\w-]+) +\|/gm)].map(
    ([, workflow = '', flake = '']) => [workflow, flake],
  ),
);
const files = readdirSync(new URL('examples/workflows', root));
const flakes = readdirSync(new URL('examples', root), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'workflows')
  .map(({ name }) => name);
const ofMachines = files.filter((name) => flakeOf.get(name) !== 'fleet');

test('examples/README.md lists every workflow with its flake, and every flake', () => {
  expect([...flakeOf.keys()].toSorted()).toEqual(files.toSorted());
  expect([...new Set(flakeOf.values())].toSorted()).toEqual(flakes.toSorted());
  for (const flake of flakes) expect(listed).toContain(`](${flake}/flake.nix)`);
});

test.each([
  ...files.map((name) => `examples/workflows/${name}`),
  ...flakes.map((name) => `examples/${name}/flake.nix`),
])('README.md or a page of docs/ leads to %s', (path) => {
  expect(links).toContain(path);
});

const expression = (text: string) => `\${{ ${text} }}`;
const triggersOf = ({ on }: Workflow) => (typeof on === 'string' ? [on] : Object.keys(on));

describe.each(ofMachines)('examples/workflows/%s', (name) => {
  const text = read(`examples/workflows/${name}`);
  const workflow = readYaml(name, text);
  const jobs = Object.values(workflow.jobs);

  test('installs what its flake has', () => {
    const flake = read(`examples/${flakeOf.get(name)}/flake.nix`);
    for (const [, host] of text.matchAll(/flake: \.#([\w-]+)$/gm))
      expect(flake).toMatch(new RegExp(`nixosConfigurations\\.${host} =`));
  });

  test('pins the machine, and has its key from an environment', () => {
    const contacts = jobs.filter(({ steps = [] }) => steps.some(contactsMachine));
    expect(contacts.length).toBeGreaterThan(0);
    for (const { environment, steps = [] } of contacts) {
      expect(environment).toBeTruthy();
      for (const step of steps.filter(contactsMachine))
        expect(step.with).toMatchObject({
          'target-host': expression('vars.TARGET_HOST'),
          'known-hosts': expression('vars.KNOWN_HOSTS'),
          'ssh-private-key': expression('secrets.SSH_PRIVATE_KEY'),
        });
    }
  });

  test('changes the machine by an approved plan, or for somebody who has named it twice', () => {
    const steps = stepsIn(workflow).filter(changesMachine);
    expect(steps.length).toBeGreaterThan(0);
    if (steps.every(({ with: given = {} }) => 'approved-plan' in given)) return;
    expect(triggersOf(workflow)).toEqual(['workflow_dispatch']);
    const script = stepsIn(workflow).find(({ run = '' }) => run.includes('CONFIRM'))?.run ?? '';
    const passes = (HOST: string, CONFIRM: string, ACTION = 'install') => {
      try {
        execFileSync('bash', ['-e', '-c', script], { env: { HOST, CONFIRM, ACTION }, stdio: 'pipe' });
        return true;
      } catch {
        return false;
      }
    };
    expect(passes('web-1', 'web-1')).toBe(true);
    for (const confirm of ['', 'web-2', 'web-1 ']) expect(passes('web-1', confirm)).toBe(false);
    for (const host of ['', '*', 'web-1"; x', 'web-1\nweb-2', 'a#b', '.#b', '../b'])
      expect(passes(host, host), host).toBe(false);
  });

  test('a pull request has no secret, also from a branch of the repository', () => {
    expect(triggersOf(workflow)).not.toContain('pull_request_target');
    if (!triggersOf(workflow).includes('pull_request')) return;
    for (const { if: condition = '', steps = [], ...job } of jobs) {
      if (condition.includes("github.event_name == 'push'")) continue;
      expect(JSON.stringify([job, steps])).not.toContain('secrets.');
      expect(job.environment).toBeUndefined();
      expect(steps.some(contactsMachine)).toBe(false);
    }
  });
});
