// Genuine layers where they do not belong, layers that others build upon, and runs that may not write.
import { expect } from 'vitest';
import { buildRun, flakeOf } from '../support/cache';
import {
  complaintsOf,
  contentsOf,
  expectMiss,
  filledService,
  generateKey,
  mark,
} from '../support/cache-attack';
import { test, testEach } from '../support/concurrent';
import { unsigned, withContents } from '../support/forged-layer';

const [ours, theirs] = [generateKey(), generateKey()];

testEach<string, (key: string) => string>([
  ['of another configuration', (key) => key.replace(/demo-\w+/, 'else-0123456789abcdef')],
  ['of other derivations', (key) => key.replace(/\/[^/]+\/([^/]+)$/, '/0123456789abcdef/$1')],
  ['of another prefix', (key) => key.replace(/^nixos-anywhere/, 'other')],
])('a genuine layer under the key %s is a miss', async (name, change) => {
  const { service, flake, inputs, first, entry } = await filledService(ours);
  const key = change(entry.key);
  expect(key).not.toBe(entry.key);
  service.entries.splice(0, 1, { ...entry, key });
  const prefix = name.endsWith('prefix') ? { 'cache-key': 'other' } : {};
  const run = await buildRun(service, flake, { ...inputs, ...prefix });
  expectMiss(run, first);
  expect(complaintsOf(run)[0]).toContain('under a key that is not its own');
});

test('a layer of another key is not even found; under our key it is a miss', async () => {
  const { service, flake, first, entry } = await filledService(theirs);
  const other = await buildRun(service, flake, { 'cache-signing-key': ours });
  expect([other.built, complaintsOf(other)]).toEqual([first.built, []]);
  const own = service.entries[1];
  expect(own?.key).not.toBe(entry.key);
  service.entries.splice(0, 2, { ...entry, key: own?.key ?? '' });
  expectMiss(await buildRun(service, flake, { 'cache-signing-key': ours }), first);
});

test('an older genuine layer gives what it has always had, under its own key only', async () => {
  const { service, inputs, entry: old } = await filledService(ours);
  const flake = flakeOf('2');
  const second = await buildRun(service, flake, inputs);
  expect(second.built).toBe(2);
  const newer = service.entries[1];
  // the newest is what was the oldest
  service.entries.splice(0, 2, { ...old, key: `${old.key}-again` });
  const third = await buildRun(service, flake, inputs);
  expect([third.built, complaintsOf(third)]).toEqual([2, []]);
  expect(contentsOf(third)).toMatchObject(contentsOf(second));
  service.entries.splice(0, 9, { ...old, key: newer?.key ?? '' });
  const fourth = await buildRun(service, flake, inputs);
  expect([fourth.code, fourth.built, complaintsOf(fourth).length]).toEqual([0, 5, 1]);
});

test('a forged layer below a genuine one is a miss', async () => {
  const { service, inputs, entry: below } = await filledService(ours);
  const second = await buildRun(service, flakeOf('2'), inputs);
  below.bytes = withContents(below.bytes, mark, unsigned);
  // what the upper one has is taken
  const third = await buildRun(service, flakeOf('2'), inputs);
  expect(third.outputs['system-path']).toBe(second.outputs['system-path']);
  expect(JSON.stringify([third.log, contentsOf(third)])).not.toContain(mark);
  expect(complaintsOf(third)).toEqual([
    expect.stringContaining('a part of it is missing: a layer is damaged'),
  ]);
  expect(third.built).toBe(2);
});

testEach([['pull_request'], ['pull_request_target']])(
  'a run of %s takes what is there, and gives nothing',
  async (event) => {
    const { service, inputs } = await filledService(ours);
    const run = await buildRun(service, flakeOf('2'), inputs, { env: { GITHUB_EVENT_NAME: event } });
    expect([run.code, run.built], run.log).toEqual([0, 2]);
    expect(run.requests.filter(({ what }) => /create|upload|finalize/.test(what))).toEqual([]);
    expect([service.entries.length, run.state.uploads ?? '']).toEqual([1, '']);
    expect(run.said).toContainEqual(expect.stringContaining('nothing is saved: runs of pull requests'));
  },
);
