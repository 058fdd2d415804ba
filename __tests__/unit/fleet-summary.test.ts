// What is said of many hosts, in the summary and in the log: what needs somebody first.
import { describe, expect, test } from 'vitest';
import { describeFleet } from '../../src/report/describe-fleet';
import { nothingGathered } from '../../src/report/fleet-results';
import { Progress } from '../../src/report/result';
import { summarise } from '../../src/report/summary';
import { planFor } from '../support/planned';
import { matrixHost, resultOf } from '../support/results';
import { fleetOf, host, many, missing, nothingPlan, reinstallPlan, summaryOf } from './fleet-reports';

describe('the summary of many runs', () => {
  const summary = summaryOf(fleetOf(many));

  test('counts in its first line', () => {
    expect(summary.split('\n')[0]).toBe(
      '## ❌ 8 hosts: 2 failed, 1 missing, 2 changed (1 reinstall, 1 update), 3 unchanged',
    );
    expect(summaryOf(fleetOf(many.slice(0, 3))).split('\n')[0]).toBe(
      '## 📋 3 hosts: 0 failed, 1 changed (1 update), 2 unchanged',
    );
    expect(summaryOf(nothingGathered)).toBe('## 📋 0 hosts: 0 failed');
  });

  test('names failures first, with where, why, what to do and what became of the machine', () => {
    const [, failed = '', others = ''] =
      /^### What failed\n\n(.*?)\n\n### The others\n\n(.*?)\n\n/ms.exec(summary) ?? [];
    expect(failed.split('\n')).toEqual([
      '- ❌ <code>web-6</code>, reinstall, **in phase install**, after 2.0 s: nixos-install failed at line 2<br>**What to do:** run it again<br>**How to go on:** it takes the installer over',
      '- 🛑 <code>web-7</code>, update, **cancelled before the first phase**, after 2.0 s: it broke<br>**The machine** is untouched: nothing on its disks was changed',
      '- ❌ **missing**: <code>web-5</code>: there is no result of it: its job was skipped or cancelled, or ended before the action could leave one',
    ]);
    const rows = others.split('\n').slice(2);
    expect(rows.map((row) => /web-\d+/.exec(row)?.[0])).toEqual(
      ['3', '4', '2', '8', '10'].map((number) => `web-${number}`),
    );
    expect(rows[1]).toBe(
      '| ✅&nbsp;installed | <code>web-4</code> | reinstall | 3&nbsp;min&nbsp;20&nbsp;s | the machine runs NixOS, and on-installed is reinstall |',
    );
    // what the list has cut
    expect(summary).toContain('<code>web-6</code>\n\n```text\nnixos-install failed\nat line 2\n```');
  });

  test('names those that are missing in one line, and the hash of no store path', () => {
    const path = `/nix/store/${'a'.repeat(32)}-nixos-system-web`;
    const text = summaryOf(
      fleetOf([
        missing('a'),
        missing('b'),
        host('c', { plan: { ...nothingPlan, reason: `it runs ${path}` } }),
      ]),
    );
    expect(text).toContain('- ❌ **missing**: <code>a</code>, <code>b</code>: there is no result');
    expect(text).toContain('| it runs nixos-system-web |');
  });

  test('tells the host keys of those that have others now, as the next run wants them', () => {
    const one = { ...host('web-4', { outcome: 'installed' }), newHostKeys: ['web-4 ssh-ed25519 AAAA'] };
    expect(summaryOf(fleetOf([one]))).toMatch(
      /^### New host keys\n\nPut these lines where .*\n\n```text\nweb-4 ssh-ed25519 AAAA\n```/m,
    );
    expect(summary).not.toContain('### New host keys');
  });

  test('of plans: what is lost by them, and the digest to be approved', () => {
    const [reinstall, forged] = [host('web-1', { plan: reinstallPlan }), host('web-2')];
    const digest = reinstall.plan?.digest ?? 'none';
    const plans = summaryOf(
      fleetOf([reinstall, { ...forged, plan: forged.plan && { ...forged.plan, digest: null } }]),
    );
    expect(plans).toContain('## 📋 2 hosts: 0 failed, 2 to be changed (1 reinstall, 1 update)');
    expect(plans).toContain(
      '### Plans to be approved\n\n**1 host of 2 will lose disks.** Who approves them has this done, and nothing else.\n\n| host',
    );
    expect(plans).toContain(
      '| <code>web-1</code> | reinstall | 🔴 /dev/disk/by-id/a (1.0 TB) | the machine runs NixOS, and on-installed is reinstall |',
    );
    expect(plans).toContain(`\`\`\`text\nweb-1  ${digest}\nweb-2  none\n\`\`\``);
    expect(plans).toContain(
      '| <code>web-2</code> | update<br>❌ cannot be approved: the digest in its file is not that of the plan in it | none |',
    );
    expect(plans).not.toContain('### The others');
    const terms = host('web-3', { plan: planFor({ inputs: { verify: 'off' } }) });
    expect(summaryOf(fleetOf([terms]))).toContain('| install<br>⚠️ verify is off |');
    expect(describeFleet(fleetOf([terms]))).toContain('\n    verify is off\n');
    expect(summaryOf(fleetOf([host('web-1')]))).toContain('No disk is lost. Who approves');
    const lost = Array.from({ length: 10 }, (_, index) => `/dev/sd${index}`);
    const ten = { ...reinstall, plan: reinstall.plan && { ...reinstall.plan, lost } };
    expect(summaryOf(fleetOf([ten]))).toContain('/dev/sd7<br>and 2 more |');
  });

  test('folds away many that were left as they are, and tells of files', () => {
    const quiet = Array.from({ length: 27 }, (_, index) => host(`web-${index}`, { plan: nothingPlan }));
    const files = {
      results: 30,
      superseded: 2,
      skipped: 1,
      problems: [{ file: 'a|b.json', problem: 'is no whole JSON' }],
    };
    const folded = summaryOf(fleetOf([...quiet, host('bad', { outcome: 'failed' })], { files }));
    expect(folded).toMatch(
      /^- ❌ <code>bad<\/code>.*\n\n### The others\n\n<details><summary>27 unchanged<\/summary>\n\n\|/m,
    );
    expect(folded).toContain('| <code>a&#124;b.json</code> | is no whole JSON |');
    expect(folded).toContain('Left out: 2 earlier results of the same hosts; 1 file that are no result');
  });

  test('of a run that has failed itself', () => {
    const failure = {
      kind: 'input',
      phase: null,
      message: 'no',
      known: null,
      hint: null,
      resume: null,
      lastLines: [],
    } as const;
    const failed = summarise({ ...new Progress().result('failed', failure), fleet: fleetOf([missing('a')]) });
    expect(failed).toMatch(/^## ❌ Results of 1 host: 0 failed, 1 missing\n\n.*\n\n```text\nno\n/);
    const cancelled = new Progress().result('failed', { ...failure, kind: 'cancelled' });
    expect(summarise({ ...cancelled, fleet: fleetOf([]) })).toMatch(/^## 🛑 Cancelled\n/);
  });
});

describe('the summary of a list', () => {
  const listed = { ...nothingGathered, files: null, selected: 30, evaluations: 2 };

  test('says how many, and what cannot be evaluated first', () => {
    const fleet = {
      ...listed,
      hosts: [matrixHost('web-7', { reason: 'changed: system', tags: ['web', 'canary'] })],
      failed: [{ host: 'web-9', message: 'error: attribute missing\n  at \u001b[31mflake.nix:3' }],
    };
    const summary = summaryOf(fleet, 'listed');
    expect(summary.split('\n')[0]).toBe('## ❌ 1 of 30 hosts, 1 failed, 2 evaluations');
    expect(summary).toContain(
      '| <code>web-9</code> | ❌ cannot be evaluated | error: attribute missing at flake.nix:3 |',
    );
    expect(summary).toContain('| <code>web-7</code> | changed: system | web, canary |');
    expect(summary.indexOf('web-9')).toBeLessThan(summary.indexOf('web-7'));
    expect(summaryOf(listed, 'listed')).toBe('## 📋 0 of 30 hosts, 2 evaluations');
  });

  test('and of a build of them', () => {
    const failed = [{ host: 'web-9', at: 'build' as const, message: 'no' }];
    const built = { ...listed, hosts: [matrixHost('web-7', { reason: 'is built' })] };
    expect(summaryOf(built, 'built')).toMatch(/^## 📋 Built, no machine contacted: 1 of 30 hosts/);
    const broken = summarise({
      ...resultOf('', { outcome: 'failed', plan: null }),
      fleet: { ...built, failed },
    });
    expect(broken).toMatch(/^## ❌ Not all hosts could be built: 1 of 30 hosts, 1 failed/);
    expect(broken).toContain('| <code>web-9</code> | ❌ was not built | no |');
    expect(summaryOf(listed, 'failed')).toMatch(/^## ❌ Hosts could not be listed\n?/);
  });

  test('folds a long one', () => {
    const hosts = Array.from({ length: 21 }, (_, index) => matrixHost(`web-${index}`));
    expect(summaryOf({ ...listed, hosts }, 'listed')).toContain('<details><summary>21 hosts</summary>');
    expect(summaryOf({ ...listed, hosts: hosts.slice(1) }, 'listed')).not.toContain('<details>');
  });
});

describe('the log', () => {
  test('of many runs', () => {
    expect(
      describeFleet(fleetOf([...many, host('web-9')])),
    ).toBe(`9 hosts: 2 failed, 1 missing, 1 to be changed (1 update), 2 changed (1 reinstall, 1 update), 3 unchanged
  FAILED     web-6  2.0 s  reinstall: the machine runs NixOS, and on-installed is reinstall
    in phase install: nixos-install failed at line 2
    what to do: run it again
    the machine is in the installer; its disks were partitioned anew and the old data is gone
  FAILED     web-7  2.0 s  update: it runs another system
    cancelled before the first phase: it broke
  MISSING    web-5
    there is no result of it: its job was skipped or cancelled, or ended before the action could leave one
  planned    web-9  2.0 s  update: it runs another system
    plan ${host('web-9').plan?.digest}
  updated    web-3  2.0 s  update: it runs another system
  installed  web-4  3 min 20 s  reinstall: the machine runs NixOS, and on-installed is reinstall
  planned    web-2  2.0 s  nothing: it runs this already
  unchanged  web-8  2.0 s  nothing: it runs this already
  planned    web-10  2.0 s  nothing: it runs this already`);
    expect(describeFleet(fleetOf([host('web-1', { plan: reinstallPlan })]))).toContain(
      '\n    disks that will be lost: /dev/disk/by-id/a (1.0 TB)\n',
    );
  });

  test('of a list', () => {
    const failed = [{ host: 'web-9', message: 'error:\n  no' }];
    const hosts = [matrixHost('web-7', { reason: 'changed: system' })];
    const fleet = { ...nothingGathered, files: null, selected: 30, evaluations: 2, hosts, failed };
    expect(describeFleet(fleet)).toBe(
      '1 of 30 hosts, 1 failed, 2 evaluations\n  web-9  cannot be evaluated: error: no\n  web-7  changed: system',
    );
  });
});
