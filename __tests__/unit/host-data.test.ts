// What a flake says of a host, as inputs of its runs.
import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors';
import { describeSettings } from '../../src/inputs/describe-settings';
import { parseHostData, withAddress, withoutGiven } from '../../src/inputs/host-data';
import type { LoadedSecrets } from '../../src/inputs/load-secrets';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { SecretRegistry } from '../../src/secrets';
import { hostSettings, machineSettings } from '../support/settings';
import { makeTestKey } from './support';

const attribute = 'nixosAnywhere.web-1';
const parse = (value: unknown, isLocal = true) => parseHostData(value, { attribute, isLocal });
const inputsOf = (value: unknown) => {
  const { inputs, problems } = parse(value);
  expect(problems).toEqual([]);
  return inputs;
};
const problemOf = (value: Record<string, unknown>, isLocal = true) => {
  const { inputs, problems } = parse(value, isLocal);
  expect(problems.map(({ input }) => input)).toEqual(Object.keys(value));
  expect(inputs).toEqual({});
  return problems[0]?.problem;
};

const given = { flake: '.#web-1', 'ssh-private-key': makeTestKey() };
const loadedKey: LoadedSecrets = new Map([['path:/key', { ok: Buffer.from(makeTestKey()) }]]);

function read(data: unknown, raw: RawInputs = {}, loaded: LoadedSecrets = new Map()) {
  const secrets = new SecretRegistry(() => undefined);
  return machineSettings({ ...given, ...raw }, secrets, loaded, {}, parse(data));
}

/** What is said to be wrong, by the inputs as they are named. */
function problemsOf(data: unknown, raw: RawInputs = {}): Record<string, string> {
  try {
    read(data, raw);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(new Set(error.problems.map(({ input }) => input)).size).toBe(error.problems.length);
    return Object.fromEntries(error.problems.map(({ input, problem }) => [input, problem]));
  }
  return {};
}

describe('a value', () => {
  test.each([
    ['a text', { 'target-host': 'root@192.0.2.1' }, 'root@192.0.2.1'],
    ['a number', { 'ssh-port': 2222 }, '2222'],
    ['a boolean', { 'copy-host-keys': true }, 'true'],
    ['a list, a line each', { 'wipe-disks': ['/dev/vda', 'S3R1AL'] }, '/dev/vda\nS3R1AL'],
    ['phases, which stand in one line', { phases: ['kexec', 'disko'] }, 'kexec disko'],
    ['flags, which do too', { 'kexec-extra-flags': ['--no-sync', '-d'] }, '--no-sync -d'],
    ['a list with a number', { 'wipe-disks': ['a', 5] }, 'a\n5'],
    ['options as a set', { 'ssh-option': { Port: 2222, Compression: true } }, 'Port=2222\nCompression=true'],
    ['options of which one is left to others', { 'ssh-option': { User: 'me', Port: null } }, 'User=me'],
    ['special-args as a set', { 'special-args': { role: 'web', deep: [1, { a: null }] } }, undefined],
    ['lines of its own', { 'known-hosts': 'a\nb\n' }, 'a\nb\n'],
    ['letters beyond ASCII', { 'install-id': 'größe-日本-😀' }, 'größe-日本-😀'],
    ['much', { 'known-hosts': '#'.repeat(500_000) }, '#'.repeat(500_000)],
  ])('may be %s', (_, data, text) => {
    const [name = '', value] = Object.entries(data)[0] ?? [];
    expect(inputsOf(data)).toEqual({ [name]: text ?? JSON.stringify(value) });
  });

  test.each([null, '', ' \n', []])('that is %j says nothing', (nothing) => {
    expect(problemsOf({ 'target-host': nothing })).toEqual({ 'target-host': 'is required' });
  });

  test.each([
    ['a fraction', { 'ssh-port': 22.5 }],
    ['a number that would arrive as another one', { 'install-id': 2 ** 53 }],
    ['a set', { 'target-host': { host: 'a' } }],
    ['a list of lists', { 'wipe-disks': [['a']] }],
    ['a list of sets', { 'known-hosts': [{}] }],
    ['a list with nothing in it', { 'wipe-disks': [null] }],
    ['a list of booleans', { phases: [true] }],
  ])('that is %s is no input', (_, data) => {
    expect(problemOf(data)).toMatch(
      /^must be a text, a whole number \(a long one as a text\), a boolean, or a list/,
    );
  });

  test('of options that are sets themselves is none either', () => {
    expect(problemOf({ 'ssh-option': { Port: { of: 22 } } })).toBe(
      'must be a text, a list of texts, or a set of them',
    );
  });

  test.each([[[]], ['text'], [5], [true]])('%j is no data of a host', (value) => {
    expect(parse(value).problems).toEqual([
      { input: 'flake', problem: expect.stringMatching(/^has nixosAnywhere\.web-1, which is no set/) },
    ]);
  });
});

describe('names', () => {
  test.each([
    ['ssh-prot', 'is no input of this action; did you mean ssh-port?'],
    ['tag', 'is no input of this action; did you mean tags?'],
    ['enviroment', 'is no input of this action; did you mean environment?'],
    ['zebra', 'is no input of this action'],
    ['constructor', 'is no input of this action'],
    ['toString', 'is no input of this action'],
    ['__proto__', 'is no input of this action'],
  ])('%s is refused', (name, problem) => {
    // as Nix gives it
    const data: unknown = JSON.parse(`{ "target-host": "a", ${JSON.stringify(name)}: "x" }`);
    expect(problemsOf(data)).toEqual({ [`${name} (${attribute} of the flake)`]: problem });
  });

  test.each([
    ['flake', /leads to this data$/],
    ['nix-file', /instead of a flake$/],
    ['store-paths', /instead of a flake$/],
    ['option', /changes how Nix works on the runner/],
    ['from', /a store that the runner believes/],
    ['plan', /what kind of run this is$/],
    ['build-only', /what kind of run this is$/],
    ['vm-test', /what kind of run this is$/],
    ['list-hosts', /what kind of run this is$/],
    ['fleet-results', /what kind of run this is$/],
    ['hosts', /for runs over many hosts$/],
    ['changed-since', /for runs over many hosts$/],
    ['matrix', /for runs over many hosts$/],
    ['approved-plan', /given by whoever approves$/],
    ['cache-signing-key', /one key for all hosts that share the cache$/],
    ['no-reboot', /deprecated; write phases$/],
  ])('%s is no data of a host', (name, why) => {
    expect(problemOf({ [name]: 'x' })).toMatch(why);
    expect(problemOf({ [name]: 'x' })).toMatch(/^cannot be data of a host: it /);
  });
});

describe('an input', () => {
  test('wins over the flake; each value remembers where it is from', () => {
    const data = { 'target-host': 'root@192.0.2.1', 'ssh-port': 2222, verify: 'off' };
    const settings = read(data, { 'ssh-port': '22' });
    expect(settings).toMatchObject({
      targetHost: { value: { host: '192.0.2.1' }, source: 'flake', place: attribute },
      sshPort: { value: 22, source: 'input' },
      onInstalled: { source: 'default' },
    });
    expect(settings.sshPort).not.toHaveProperty('place');
    expect(describeSettings(settings)).toContain(
      `verify = {"value":"off","source":"flake","place":"${attribute}"}`,
    );
  });

  test('that is blank leaves it to the flake', () => {
    expect(read({ 'target-host': 'a.example' }, { 'target-host': ' ' }).targetHost.source).toBe('flake');
  });

  test('takes the place of a value that is wrong, and of one that may not be there', () => {
    const data = { 'target-host': { a: 1 }, 'ssh-port': '99999', 'ssh-password': 'hunter2' };
    const raw = { 'target-host': 'a.example', 'ssh-port': '22', 'ssh-password': 'of the step' };
    expect(problemsOf(data, raw)).toEqual({});
  });

  test('of two that say the same is instead of the other', () => {
    const data = { 'target-host': 'a.example', 'ssh-private-key-file': '/key' };
    expect(read(data).login.privateKey.reveal()).toBe(given['ssh-private-key']);
    const keyless = { 'ssh-private-key': '' };
    expect(read(data, keyless, loadedKey).login.privateKey.reveal()).not.toBe(given['ssh-private-key']);
    // a passphrase is for its key
    expect(problemsOf({ 'target-host': 'a', 'ssh-private-key-passphrase': 'env:FLEET_SECRET_X' })).toEqual(
      {},
    );
    const own = {
      'ssh-private-key': 'env:FLEET_SECRET_KEY',
      'ssh-private-key-passphrase': 'env:FLEET_SECRET_X',
    };
    const raw = { 'ssh-private-key': '', 'ssh-private-key-passphrase': 'of the step' };
    expect(Object.keys(withoutGiven(parse(own), raw).inputs)).toEqual(['ssh-private-key']);
    expect(problemsOf({ 'target-host': 'a', phases: 'disko' }, { 'no-reboot': '' })).toEqual({});
    expect(read({ 'target-host': 'a', phases: 'disko' }, { 'no-reboot': 'true' }).phases.value).toEqual([
      'kexec',
      'disko',
      'install',
    ]);
  });
});

test('what is wrong in the flake is told where it stands, with what is wrong in the inputs', () => {
  const data = {
    'ssh-port': '99999',
    'wipe-disks': 'any\n/dev/sda',
    'install-id': 'a b',
    'ssh-prot': 22,
    'ssh-password': 'hunter2',
    tags: 'web',
  };
  const problems = problemsOf(data, { debug: 'maybe', vrify: 'off' });
  const inFlake = (name: string) => `${name} (${attribute} of the flake)`;
  expect(Object.keys(problems).toSorted()).toEqual(
    [...Object.keys(data).map(inFlake), 'debug', 'target-host', 'vrify'].toSorted(),
  );
  expect(problems[inFlake('ssh-port')]).toContain('99999');
  expect(JSON.stringify(problems)).not.toContain('hunter2');
});

test('a value that is wrong is not missed as well', () => {
  const problems = problemsOf(
    { 'target-host': {}, 'install-id': 'a b', 'ssh-private-key': 'hunter2' },
    { 'ssh-private-key': '', 'on-installed': 'converge' },
  );
  expect(Object.keys(problems)).toEqual(
    ['install-id', 'target-host', 'ssh-private-key'].map((name) => `${name} (${attribute} of the flake)`),
  );
});

test('of very many names, and very long ones, as much is said as anybody reads', () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`x${index}`, 1]));
  const { problems } = parse({ ...many, ['y'.repeat(1_000_000)]: 1 });
  expect(problems).toHaveLength(41);
  expect(problems.at(-1)).toEqual({ input: 'flake', problem: `has 4961 more such problems in ${attribute}` });
  expect(parse({ ['y'.repeat(1_000_000)]: 1 }).problems[0]?.input).toBe(`${'y'.repeat(100)}…`);
});

test('an address from another tool is what nothing else says', () => {
  const address = {
    attribute: 'deploy.nodes.web-1',
    inputs: { 'target-host': 'me@a.example', 'ssh-port': '2222' },
  };
  const inputsWith = (data: unknown, raw: RawInputs = {}) => withAddress(parse(data), address, raw).inputs;
  expect(inputsWith({})).toEqual(address.inputs);
  expect(withAddress(parse({}), address).places).toEqual({
    'target-host': address.attribute,
    'ssh-port': address.attribute,
  });
  expect(inputsWith({ 'ssh-port': 22 })).toEqual({ 'target-host': 'me@a.example', 'ssh-port': '22' });
  const option = { 'ssh-option': 'User=you\nPort=22' };
  expect(inputsWith(option)).toEqual({ ...option, 'target-host': 'a.example' });
  expect(inputsWith({}, option)).toEqual({ 'target-host': 'a.example' });
});

test('a VM test takes what the flake says of installs for no wish of its own', () => {
  const data = {
    'secret-files': '/etc/key env:FLEET_SECRET_X',
    'generate-hardware-config': 'nixos-facter facter.json',
    'build-on': 'remote',
    'vm-test-timeout': '5m',
  };
  const notices: string[] = [];
  const [secrets, warn] = [new SecretRegistry(() => undefined), (notice: string) => notices.push(notice)];
  const raw = { flake: '.#web-1', 'vm-test': 'true' };
  const settings = hostSettings(raw, secrets, new Map(), warn, {}, parse(data));
  expect(settings).toMatchObject({ kind: 'vm-test', hardwareConfig: { value: undefined } });
  expect(settings.deadlines.vmTest).toMatchObject({ value: 300_000, source: 'flake' });
  const place = `(${attribute} of the flake)`;
  expect(notices).toEqual([
    `input secret-files ${place}: is not part of the test, which installs without it`,
    `input generate-hardware-config ${place}: is not part of the test, which installs without it`,
  ]);
});
