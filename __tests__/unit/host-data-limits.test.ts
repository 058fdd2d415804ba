// Who writes a flake decides where its host is, and with that who gets what the host’s job holds: what it may not say.
import { expect, test } from 'vitest';
import { parseHostData } from '../../src/inputs/host-data';

const read = (data: Record<string, unknown>, isLocal = true) =>
  parseHostData(data, { attribute: 'nixosAnywhere.demo', isLocal });
const problemsOf = (...given: Parameters<typeof read>) =>
  read(...given).problems.map(({ problem }) => problem);

test('a path that leads out of the store is no part of the flake', () => {
  for (const path of ['/nix/store/../../home/runner', '/nix/store/x/../../../root'])
    for (const name of ['extra-files', 'kexec'])
      expect(problemsOf({ [name]: path }, false), path).toEqual([
        expect.stringMatching(/of the runner, which only/),
      ]);
  expect(problemsOf({ 'extra-files': '/nix/store/x-files/etc' }, false)).toEqual([]);
});

test.each(['SSH_PRIVATE_KEY', 'SSHPASS', 'SSH_PASS'])('%s logs in, and is put on no machine', (variable) => {
  for (const data of [
    { 'secret-files': `/etc/key env:${variable}` },
    { 'disk-encryption-keys': `/tmp/key env:${variable}` },
    { netrc: `env:${variable}` },
  ])
    expect(problemsOf(data)).toEqual([expect.stringContaining(`would put ${variable} on the machine`)]);
  expect(problemsOf({ 'secret-files': '/etc/key env:FLEET_SECRET_HOST_KEY' })).toEqual([]);
});

test('names of secrets: none of GitHub’s own', () => {
  expect(problemsOf({ secrets: { SSH_PRIVATE_KEY: 'WEB_1_KEY' } })).toEqual([]);
  for (const name of ['GITHUB_TOKEN', 'github_token', 'a b', 'a-b'])
    expect(problemsOf({ secrets: { FLEET_SECRET_A: name } }), name).toHaveLength(1);
  expect(problemsOf({ secrets: { PATH: 'WEB_1_KEY' } })).toHaveLength(1);
});

test('the name of an environment is one, and nothing for a log or an expression', () => {
  for (const name of ['production', 'Prod (eu)', 'ürü', 'a/b@c:d+e', null])
    expect(problemsOf({ environment: name }), String(name)).toEqual([]);
  for (const name of ['', ' a', 'a ##[error]b', '{{ secrets.X }}', 'a\nb', 'a::b"', 'x'.repeat(256), 1])
    expect(problemsOf({ environment: name }).length, String(name)).toBe(1);
});

test('a flake wipes no machine in every run', () => {
  expect(problemsOf({ 'on-installed': ' reinstall\n' })).toEqual([
    expect.stringMatching(/^is reinstall, which would wipe the machine in every run; write converge/),
  ]);
  for (const choice of ['fail', 'skip', 'update', 'converge'])
    expect(problemsOf({ 'on-installed': choice }), choice).toEqual([]);
});
