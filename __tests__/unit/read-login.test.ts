// The inputs, and the variables, that say how one logs in.
import { describe, expect, test } from 'vitest';
import { childEnvironment } from '../../src/child-environment';
import { InputError } from '../../src/errors';
import { describeSettings } from '../../src/inputs/describe-settings';
import type { LoadedSecrets } from '../../src/inputs/load-secrets';
import type { Parsed } from '../../src/inputs/parsers';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import { secretsToSend } from '../../src/inputs/settings';
import { loginAfterwards, loginNow, loginOfEarlierInstaller, loginOfInstaller } from '../../src/plan/logins';
import { SecretRegistry } from '../../src/secrets';
import { readPrivateKey } from '../../src/ssh/private-key';
import { machineSettings } from '../support/settings';
import { makeTestKey } from './support';

const key = makeTestKey();
const base = { flake: '.#demo', 'target-host': 'example.org' };

function read(raw: RawInputs, environment: NodeJS.ProcessEnv = {}, loaded: LoadedSecrets = new Map()) {
  const masked: string[] = [];
  const secrets = new SecretRegistry((mask) => masked.push(mask));
  return { ...machineSettings({ ...base, ...raw }, secrets, loaded, environment), masked, secrets };
}

function problemsOf(
  raw: RawInputs,
  environment: NodeJS.ProcessEnv = {},
  loaded: LoadedSecrets = new Map(),
): Record<string, string> {
  try {
    read(raw, environment, loaded);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return Object.fromEntries(error.problems.map(({ input, problem }) => [input, problem]));
  }
  return {};
}

const holding = (source: string, contents: string): LoadedSecrets =>
  new Map<string, Parsed<Buffer>>([[source, { ok: Buffer.from(contents) }]]);

describe('the key', () => {
  test('comes from a file', () => {
    const settings = read({ 'ssh-private-key-file': ' /keys/id \n' }, {}, holding('path:/keys/id', key));
    expect(loginNow(settings)).toMatchObject({ privateKey: key, password: undefined });
  });

  test('in a file that cannot be used is named by its input', () => {
    const wrong = holding('path:/keys/id.pub', 'ssh-ed25519 AAAAC3 me@here');
    expect(problemsOf({ 'ssh-private-key-file': '/keys/id.pub' }, {}, wrong)).toEqual({
      'ssh-private-key-file': expect.stringContaining('is a public key'),
    });
  });

  test.each(['env:KEY', 'exec:pass', key, 'a\nb', 'a\0b'])('is not looked for in a file %j', (text) => {
    expect(problemsOf({ 'ssh-private-key-file': text })).toEqual({
      'ssh-private-key-file': expect.stringMatching(/is no path; the key itself/),
    });
  });

  test('is given once', () => {
    expect(problemsOf({ 'ssh-private-key-file': '/keys/id', 'ssh-private-key': key })).toEqual({
      'ssh-private-key-file': 'cannot be combined with ssh-private-key; give one of them',
    });
  });

  test('is that of SSH_PRIVATE_KEY where no input gives one', () => {
    const other = makeTestKey();
    expect(loginNow(read({}, { SSH_PRIVATE_KEY: key })).privateKey).toBe(key);
    expect(loginNow(read({ 'ssh-private-key': other }, { SSH_PRIVATE_KEY: key })).privateKey).toBe(other);
    expect(problemsOf({}, { SSH_PRIVATE_KEY: 'ssh-ed25519 AAAAC3 me@here' })).toEqual({
      'ssh-private-key': expect.stringMatching(/^\(from SSH_PRIVATE_KEY\) is a public key/),
    });
    expect(read({}, { SSH_PRIVATE_KEY: key }).masked.length).toBeGreaterThan(2);
  });

  test('or another way in must be there, which is said once', () => {
    expect(problemsOf({})).toEqual({
      'ssh-private-key': expect.stringMatching(/^is required, .*ssh-private-key-file, ssh-password/),
    });
    for (const plan of ['true', 'false'])
      expect(problemsOf({ plan })['ssh-private-key']).toContain(
        'empty where the environment of the job has none',
      );
    expect(problemsOf({ plan: 'true' })['ssh-private-key']).toContain('plan: offline');
    expect(problemsOf({ 'sudo-password': 'x' })).toHaveProperty('ssh-private-key');
    for (const blank of ['', ' \n']) {
      expect(problemsOf({}, { SSHPASS: blank, SSH_AUTH_SOCK: blank })).toHaveProperty('ssh-private-key');
    }
  });
});

describe('the password', () => {
  test.each([
    ['hunter2'],
    [' blanks at its ends '],
    [`quotes ' " and $HOME & # = %`],
    ['pässwörd 密码'],
    ['x'],
  ])('is what was given: %j', (password) => {
    for (const lineEnd of ['', '\n', '\r\n']) {
      const { secrets, masked: _, ...settings } = read({ 'ssh-password': `${password}${lineEnd}` });
      expect(loginNow(settings)).toEqual({
        agentSocket: undefined,
        password,
        sudoPassword: password,
      });
      expect(secrets.redact(`<${password}>`)).toMatch(/^<\s*\*\*\*\s*>$/);
      expect(describeSettings(settings)).not.toContain(JSON.stringify(password));
    }
  });

  test('comes from a source', () => {
    const settings = read({ 'ssh-password': 'exec:pass show' }, {}, holding('exec:pass show', 'hunter2\n'));
    expect(loginNow(settings).password).toBe('hunter2');
  });

  test.each([
    ['two\nlines', /more than one line; give the password alone/],
    ['a\0b', /not text that can be typed/],
  ])('is no %j', (text, problem) => {
    expect(problemsOf({ 'ssh-password': text })).toEqual({ 'ssh-password': expect.stringMatching(problem) });
    expect(problemsOf({ 'ssh-private-key': key, 'sudo-password': text })).toEqual({
      'sudo-password': expect.stringMatching(problem),
    });
  });

  test('is not bytes that are no text', () => {
    const loaded = new Map<string, Parsed<Buffer>>([['env:P', { ok: Buffer.from([0xff, 0x41]) }]]);
    expect(problemsOf({ 'ssh-password': 'env:P' }, {}, loaded)).toEqual({
      'ssh-password': expect.stringContaining('not text'),
    });
  });

  test.each(['SSHPASS', 'SSH_PASS'])('is that of %s where the input is not given', (name) => {
    expect(loginNow(read({}, { [name]: 'hunter2' })).password).toBe('hunter2');
    expect(loginNow(read({ 'ssh-password': 'other' }, { [name]: 'hunter2' })).password).toBe('other');
    expect(read({}, { [name]: 'hunter2' }).masked).toContain('hunter2');
    expect(childEnvironment({ [name]: 'hunter2' }, new SecretRegistry(() => undefined))).toEqual({});
  });

  test('is one, though there are two variables', () => {
    expect(loginNow(read({}, { SSHPASS: 'same', SSH_PASS: 'same' })).password).toBe('same');
    expect(problemsOf({}, { SSHPASS: 'one', SSH_PASS: 'two' })).toEqual({
      'ssh-password': expect.stringMatching(/^is not given, and SSHPASS and SSH_PASS, .* differ/),
    });
    expect(problemsOf({ 'ssh-password': 'three' }, { SSHPASS: 'one', SSH_PASS: 'two' })).toEqual({});
  });

  test('is sent, by plans too; and so is that for sudo', () => {
    const sent = (raw: RawInputs, environment: NodeJS.ProcessEnv = {}) => {
      const settings = read(raw, environment);
      return [secretsToSend(settings, 'plan'), secretsToSend(settings, 'install')];
    };
    expect(sent({ 'ssh-password': 'x' })).toEqual([['ssh-password'], ['ssh-password']]);
    expect(sent({}, { SSHPASS: 'x' })).toEqual([['ssh-password'], ['ssh-password']]);
    const both = ['ssh-password', 'sudo-password'];
    expect(sent({ 'ssh-password': 'x', 'sudo-password': 'y' })).toEqual([both, both]);
    expect(sent({ 'ssh-private-key': key, 'sudo-password': 'y' })).toEqual([
      ['sudo-password'],
      ['sudo-password'],
    ]);
    expect(sent({ 'ssh-private-key': key })).toEqual([[], []]);
  });

  test('of sudo may be another one', () => {
    const settings = read({ 'ssh-password': 'one', 'sudo-password': 'two' });
    expect(loginNow(settings)).toMatchObject({ password: 'one', sudoPassword: 'two' });
    expect(settings.masked).toEqual(expect.arrayContaining(['one', 'two']));
  });
});

describe('the agent', () => {
  const agent = { SSH_AUTH_SOCK: '/run/agent' };

  test('is asked where neither a key nor a password is given', () => {
    expect(loginNow(read({}, agent))).toMatchObject({ agentSocket: '/run/agent' });
    expect(secretsToSend(read({}, agent), 'install')).toEqual([]);
  });

  test.each<[string, RawInputs, NodeJS.ProcessEnv]>([
    ['a key', { 'ssh-private-key': key }, {}],
    ['a password', { 'ssh-password': 'x' }, {}],
    ['a variable', {}, { SSHPASS: 'x' }],
  ])('is left alone where there is %s', (_, raw, environment) => {
    expect(loginNow(read(raw, { ...agent, ...environment })).agentSocket).toBeUndefined();
  });
});

describe('a run without a key of its own', () => {
  const settings = read({ 'ssh-password': 'x' });

  test('makes one, which only the installer gets to know', () => {
    expect(readPrivateKey(settings.login.privateKey.reveal())).toMatchObject({
      key: { publicKey: settings.login.publicKey },
    });
    expect(loginOfInstaller(settings)).toEqual({ privateKey: settings.login.privateKey.reveal() });
    expect(loginNow(settings)).not.toHaveProperty('privateKey');
    expect(loginAfterwards(settings)).not.toHaveProperty('privateKey');
    expect(read({ 'ssh-password': 'x' }).login.publicKey).not.toEqual(settings.login.publicKey);
  });

  test('cannot log in to the installer of an earlier one, unless an agent can', () => {
    expect(loginOfEarlierInstaller(settings)).toBeUndefined();
    const withKey = read({ 'ssh-private-key': key, 'ssh-password': 'x' });
    expect(loginOfEarlierInstaller(withKey)).toEqual({ privateKey: key });
    const withAgent = read({}, { SSH_AUTH_SOCK: '/run/agent' });
    expect(loginOfEarlierInstaller(withAgent)).toEqual({ agentSocket: '/run/agent' });
  });

  test('may be given one for the new system', () => {
    const given = read({ 'ssh-password': 'x', 'post-install-ssh-private-key': key });
    expect(loginAfterwards(given)).toMatchObject({ privateKey: key, password: 'x' });
  });
});
