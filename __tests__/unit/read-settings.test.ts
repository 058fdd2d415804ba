import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../src/errors';
import { describeSettings } from '../../src/inputs/describe-settings';
import type { LoadedSecrets } from '../../src/inputs/load-secrets';
import type { Parsed } from '../../src/inputs/parsers';
import { type RawInputs, readRawInputs } from '../../src/inputs/raw-inputs';
import { readSettings } from '../../src/inputs/read-settings';
import { secretsToSend } from '../../src/inputs/settings';
import { inputs } from '../../src/inputs/table';
import { SecretRegistry } from '../../src/secrets';
import { readPrivateKey } from '../../src/ssh/private-key';
import { machineSettings } from '../support/settings';
import { makeTestKey, nastyText } from './support';

const key = makeTestKey();
const needed = { flake: '.#demo', 'target-host': 'example.org', 'ssh-private-key': key };
const registry = () => new SecretRegistry(() => undefined);
const read = (raw: RawInputs) => machineSettings(raw, registry());

function hostKeyLine(host: string): string {
  const reading = readPrivateKey(makeTestKey());
  if (!('key' in reading)) throw new Error(JSON.stringify(reading));
  const { type, base64 } = reading.key.publicKey;
  return `${host} ${type} ${base64}`;
}

/** The problems, by input. */
function problemsOf(raw: RawInputs, loaded: LoadedSecrets = new Map()): Record<string, string> {
  try {
    machineSettings(raw, registry(), loaded);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return Object.fromEntries(error.problems.map(({ input, problem }) => [input, problem]));
  }
  return {};
}

describe('readSettings', () => {
  test('needs three inputs; everything else has its default and says so', () => {
    const { kind, login, ...rest } = read(needed);
    expect(kind).toBe('install');
    expect(login.publicKey.type).toBe('ssh-ed25519');
    expect(login.privateKey.reveal()).toBe(key);
    expect(rest).toMatchObject({
      configuration: {
        value: { kind: 'flake', flake: { uri: '.', name: 'demo', path: [] } },
        source: 'input',
      },
      targetHost: { value: { user: 'root', host: 'example.org' }, source: 'input' },
      sshPort: { value: 22, source: 'default' },
      postKexecSshPort: { value: 22, source: 'default' },
      knownHosts: { value: undefined, source: 'default' },
      kexec: {
        image: { value: { kind: 'default' }, source: 'default' },
        sha256: { value: undefined, source: 'default' },
        extraFlags: { value: [], source: 'default' },
        force: { value: false, source: 'default' },
      },
      copy: {
        noMachineSubstituters: { value: false, source: 'default' },
        noSubstitutes: { value: false, source: 'default' },
        netrc: undefined,
        idleStoreSettings: { value: [], source: 'default' },
      },
      phases: { value: ['kexec', 'disko', 'install', 'reboot'], source: 'default' },
      onInstalled: { value: 'fail', source: 'default' },
      copyHostKeys: { value: false, source: 'default' },
      verify: { value: 'auto', source: 'default' },
      nixOptions: { value: [], source: 'default' },
      printBuildLogs: { value: false, source: 'default' },
      debug: { value: false, source: 'default' },
    });
    expect(Object.values(rest.deadlines).map(({ value }) => value)).toEqual([
      120_000, 600_000, 900_000, 600_000, 1_800_000, 3_600_000,
    ]);
  });

  test('the defaults are those that the table documents', () => {
    const documented = Object.fromEntries(
      inputs.flatMap((input) => ('default' in input ? [[input.name, input.default]] : [])),
    );
    const { kind: _, login: __, ...explicit } = read({ ...needed, ...documented });
    const values = (settings: object) =>
      JSON.stringify(settings).replaceAll('"source":"input"', '"source":"default"');
    const { kind: ___, login: ____, ...implicit } = read(needed);
    expect(values(explicit)).toBe(values(implicit));
  });

  test('an input that is given says so, and counts even if it is the default', () => {
    const settings = read({
      ...needed,
      'ssh-port': '22',
      'on-installed': 'reinstall',
      'connect-timeout': '5m',
    });
    expect(settings.sshPort).toEqual({ value: 22, source: 'input' });
    expect(settings.onInstalled).toEqual({ value: 'reinstall', source: 'input' });
    expect(settings.deadlines.connect).toEqual({ value: 300_000, source: 'input' });
  });

  test.each(['', ' ', '\n', ' \r\n\t'])('a blank input (%j) was not given', (blank) => {
    const all = Object.fromEntries(inputs.map(({ name }) => [name, blank]));
    expect(read({ ...all, ...needed }).verify.source).toBe('default');
    expect(Object.keys(problemsOf(all))).toEqual(['flake', 'target-host', 'ssh-private-key']);
  });

  test('plan: true is another kind of run', () => {
    expect(read({ ...needed, plan: 'true' }).kind).toBe('plan');
    expect(read({ ...needed, plan: 'false' }).kind).toBe('install');
    for (const on of ['True', 'yes', 'ON']) expect(read({ ...needed, plan: on }).kind).toBe('plan');
    for (const off of ['False', 'no', 'off']) expect(read({ ...needed, plan: off }).kind).toBe('install');
  });

  test('reports all problems at once', () => {
    const problems = problemsOf({
      flake: '.#no name',
      'nix-file': '/nonexistent',
      'nix-attribute': 'a..b',
      'special-args': '[]',
      from: 'two words',
      'show-trace': 'maybe',
      'no-disko-deps': 'maybe',
      'vm-test': 'maybe',
      'vm-test-timeout': 'soon',
      'store-paths': '/nonexistent',
      'ssh-private-key': 'hunter2',
      'ssh-port': '99999',
      'post-kexec-ssh-port': 'x',
      'known-hosts': 'nonsense',
      kexec: '/nonexistent',
      phases: 'kexec,dance',
      'on-installed': 'maybe',
      'copy-host-keys': 'maybe',
      verify: 'maybe',
      option: 'alone',
      'print-build-logs': '2',
      debug: '2',
      plan: '2',
      'build-only': '2',
      'build-on': 'here',
      'generate-hardware-config': 'facter',
      'approved-plan': 'sha256:0',
      'install-id': 'a b',
      'wipe-disks': 'any\n/dev/sda',
      'disko-mode': 'maybe',
      'expect-machine': '0123',
      'allow-lockout': 'maybe',
      'post-kexec-ssh-host': 'a b',
      'post-kexec-ssh-user': '-x',
      'jump-ssh-private-key': 'hunter4',
      'jump-ssh-private-key-passphrase': 'exec:',
      'post-install-ssh-host': 'a b',
      'post-install-ssh-port': '0',
      'post-install-ssh-user': '-x',
      'post-install-ssh-private-key': 'hunter3',
      'ssh-private-key-file': 'env:KEY',
      'ssh-password': 'two\nlines',
      'sudo-password': 'two\nlines',
      'ssh-private-key-passphrase': 'two\nlines',
      'post-install-ssh-private-key-passphrase': 'exec:',
      'post-install-known-hosts': 'nonsense',
      'connect-timeout': '0',
      'kexec-timeout': 'soon',
      'reboot-timeout': '-1',
      'idle-timeout': '1d',
      'disko-idle-timeout': '99999h',
      'stop-after-disko': 'soon',
      'no-reboot': '1',
      'build-on-remote': 'maybe',
      tty: 'vt100',
      unknown: 'x',
      'ssh-option': 'ProxyCommand=x',
      'disk-encryption-keys': 'no-path',
      'kexec-sha256': 'abc',
      'kexec-extra-flags': '"open',
      'force-kexec': 'maybe',
      'no-use-machine-substituters': 'maybe',
      'no-substitute-on-destination': 'maybe',
      netrc: 'hunter4',
      'ssh-store-setting': 'ssh-key /root/key',
      'extra-files': '/nonexistent',
      'secret-files': 'no-path',
      chown: 'no-path',
      'install-bootloader': 'maybe',
      hooks: 'sometimes target x',
      cache: 'maybe',
      'cache-key': 'a,b',
      'cache-signing-key': 'name:secret',
      'list-hosts': 'maybe',
      hosts: 'web/1',
      'changed-since': '-x',
      matrix: '{}',
    });
    // which makes it another kind of run, that has hardly any input
    const others = inputs.map(({ name }) => name).filter((name) => name !== 'fleet-results');
    expect(Object.keys(problems).toSorted()).toEqual([...others, 'unknown'].toSorted());
    expect(Object.keys(problemsOf({ 'fleet-results': 'a\nb', matrix: '{}' }))).toEqual([
      'fleet-results',
      'matrix',
    ]);
    expect(problems['target-host']).toBe('is required');
  });

  test.each(['skip', 'update', 'converge'])('on-installed: %s leaves no phases to choose', (choice) => {
    const inputs = { ...needed, 'on-installed': choice, 'install-id': 'a' };
    expect(problemsOf({ ...inputs, phases: 'kexec,disko' })).toEqual({
      phases: `leaves out install, reboot, but on-installed: ${choice} decides itself what is done; leave phases out`,
    });
    expect(read({ ...inputs, phases: 'kexec, disko, install, reboot' }).kind).toBe('install');
    expect(problemsOf({ ...inputs, phases: 'dance' }).phases).not.toContain('leaves out');
  });

  test('converge needs an id', () => {
    expect(problemsOf({ ...needed, 'on-installed': 'converge', phases: 'reboot' })).toEqual({
      'install-id': expect.stringContaining('is required with on-installed: converge'),
      phases: expect.stringContaining('leaves out kexec, disko, install'),
    });
  });

  test('names the input and the problem in one message', () => {
    expect(() => read({ ...needed, verify: 'maybe', debug: '2' })).toThrow(
      /^input debug: is "2"; write true or false\ninput verify: is "maybe"; write one of .*$/,
    );
  });

  test.each([
    ['targethost', 'target-host'],
    ['target_host', 'target-host'],
    ['on-install', 'on-installed'],
    ['ssh-private-key-path', 'ssh-private-key'],
    ['ssh-private-key-pass', 'ssh-private-key-passphrase'],
    ['ssh-private', 'ssh-private-key'],
    ['options', 'option'],
    ['verify-system', 'verify'],
  ])('knows what %s was meant to be', (name, meant) => {
    expect(problemsOf({ ...needed, [name]: 'x' })[name]).toBe(
      `is not an input of this action; did you mean ${meant}?`,
    );
  });

  test('refuses an unknown name that is like no other', () => {
    expect(problemsOf({ ...needed, zebra: '' }).zebra).toBe('is not an input of this action');
  });

  test('takes any texts: settings or an InputError, nothing else', () => {
    // but one that makes it a run without a machine, whatever it is
    const names = inputs.map(({ name }) => name).filter((name) => name !== 'fleet-results');
    // whatever a source is called, it holds something
    const loaded = new (class extends Map<string, Parsed<Buffer>> {
      override get = () => ({ ok: Buffer.from('x') });
    })();
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), nastyText), fc.boolean(), (raw, withNeeded) => {
        try {
          machineSettings(withNeeded ? { ...raw, ...needed } : raw, registry(), loaded);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('says what a NUL is doing there', () => {
    expect(problemsOf({ ...needed, flake: '.#a\0b' }).flake).toBe('contains a NUL character');
  });
});

describe('without a machine', () => {
  const readAny = (raw: RawInputs) => readSettings(raw, registry());

  test('a flake is enough', () => {
    expect(readAny({ flake: '.#demo', plan: 'offline' })).toMatchObject({
      kind: 'offline-plan',
      configuration: { value: { kind: 'flake', flake: { name: 'demo' } } },
    });
    expect(readAny({ flake: '.#demo', 'build-only': 'true' }).kind).toBe('build-only');
  });

  test('the inputs about the machine are not looked at: a workflow shares them between plan and install', () => {
    const shared = { 'target-host': 'x y', kexec: '/nonexistent', 'known-hosts': '', 'approved-plan': '' };
    const { kind, ...settings } = readAny({ flake: '.#demo', plan: 'offline', ...shared });
    expect(kind).toBe('offline-plan');
    expect(Object.keys(settings)).not.toContain('targetHost');
  });

  test('but a name that does not exist is refused', () => {
    expect(() => readAny({ flake: '.#demo', plan: 'offline', 'target-hsot': 'x' })).toThrow(
      /input target-hsot: is not an input/,
    );
  });

  test('both kinds at once are refused', () => {
    expect(problemsOf({ ...needed, plan: 'offline', 'build-only': 'true' })['build-only']).toMatch(
      /cannot be combined with plan/,
    );
  });

  test('plan: true without a key: the way that needs none is named', () => {
    const { 'ssh-private-key': _, ...without } = needed;
    expect(problemsOf({ ...without, plan: 'true' })['ssh-private-key']).toMatch(
      /is required.*plan: offline needs neither/,
    );
    expect(problemsOf(without)['ssh-private-key']).not.toContain('offline');
  });
});

describe('known-hosts', () => {
  const withHosts = (lines: string, more: RawInputs = {}) => ({ ...needed, 'known-hosts': lines, ...more });

  test('a line for this machine is taken, also on another port and by a pattern', () => {
    expect(read(withHosts(hostKeyLine('example.org'))).knownHosts.value).toHaveLength(1);
    expect(problemsOf(withHosts(hostKeyLine('*.org')))).toEqual({});
    expect(problemsOf(withHosts(hostKeyLine('[example.org]:2222'), { 'ssh-port': '2222' }))).toEqual({});
    expect(problemsOf(withHosts(hostKeyLine('example.org'), { 'ssh-port': '2222' }))).toEqual({});
  });

  test('lines for other machines are a problem, which names both', () => {
    const { 'known-hosts': problem } = problemsOf(withHosts(hostKeyLine('other.example')));
    expect(problem).toMatch(/has no key for example\.org, only for other\.example/);
    expect(problem).not.toContain('ssh-port');
    expect(problemsOf(withHosts(hostKeyLine('other.example,[example.org]:2222')))['known-hosts']).toMatch(
      /no key for example\.org, .*begins with example\.org, unless ssh-port is to be 2222$/,
    );
    const onPort = withHosts(hostKeyLine('other.example'), { 'ssh-port': '2222' });
    expect(problemsOf(onPort)['known-hosts']).toMatch(/begins with \[example\.org\]:2222/);
  });

  test('a revoked key pins nothing', () => {
    expect(problemsOf(withHosts(`@revoked ${hostKeyLine('example.org')}`))['known-hosts']).toMatch(
      /has no key for/,
    );
  });

  test('only comments are no lines, and a line that cannot be read is named', () => {
    expect(problemsOf(withHosts('# nothing'))['known-hosts']).toBe('has no line with a key');
    const text = `${hostKeyLine('example.org')}\n@cert-authority ${hostKeyLine('*')}\nx`;
    expect(problemsOf(withHosts(text))['known-hosts']).toMatch(/^line 2 .*@cert-authority.*; line 3 /);
  });
});

describe('ssh-option and known-hosts', () => {
  const accepting = { ...needed, 'ssh-option': 'StrictHostKeyChecking=accept-new' };

  test('with accept-new, lines for other machines are no problem', () => {
    const settings = read({ ...accepting, 'known-hosts': hostKeyLine('other.example') });
    expect(settings.sshOptions.value.strictHostKeyChecking).toBe('accept-new');
  });

  test('a key of a type that cannot be checked pins nothing', () => {
    const type = 'sk-ssh-ed25519@openssh.com';
    const blob = Buffer.concat([Buffer.from([0, 0, 0, type.length]), Buffer.from(type), Buffer.alloc(40, 7)]);
    const line = `example.org ${type} ${blob.toString('base64')}`;
    expect(problemsOf({ ...needed, 'known-hosts': line })['known-hosts']).toMatch(
      /^has only sk-ssh-ed25519@openssh\.com for example\.org, which is not supported/,
    );
    expect(problemsOf({ ...needed, 'known-hosts': `${line}\n${hostKeyLine('example.org')}` })).toEqual({});
  });
});

describe('secrets from sources', () => {
  const ok = (text: string) => ({ ok: Buffer.from(text) });
  const withKeys = { ...needed, 'disk-encryption-keys': '/tmp/a env:A\n/tmp/b exec:b' };

  test('a key is read from what its source holds', () => {
    const raw = {
      ...needed,
      'ssh-private-key': ' env:KEY\n',
      'post-install-ssh-private-key': 'exec:show key',
    };
    const loaded = new Map<string, Parsed<Buffer>>([
      ['env:KEY', ok(key)],
      ['exec:show key', ok(key.replaceAll('\n', '\r\n'))],
    ]);
    const settings = machineSettings(raw, registry(), loaded);
    expect(settings.login.privateKey.reveal()).toBe(key);
    expect(settings.postInstall.privateKey?.reveal()).toBe(key);
  });

  test('what could not be read is a problem of its input, among all others', () => {
    const raw = { ...withKeys, 'ssh-private-key': 'env:KEY', verify: 'maybe' };
    const loaded = new Map<string, Parsed<Buffer>>([
      ['env:KEY', { problem: 'the variable KEY is not set' }],
      ['env:A', ok('x')],
      ['exec:b', { problem: 'the exec: command ended with exit code 3' }],
    ]);
    expect(problemsOf(raw, loaded)).toEqual({
      'ssh-private-key': 'the variable KEY is not set',
      'disk-encryption-keys': '/tmp/b: the exec: command ended with exit code 3',
      verify: expect.stringContaining('maybe'),
    });
  });

  test('what a source holds is checked like what is pasted', () => {
    const loaded = new Map<string, Parsed<Buffer>>([['env:KEY', ok('ssh-ed25519 AAAAC3 me@here')]]);
    expect(problemsOf({ ...needed, 'ssh-private-key': 'env:KEY' }, loaded)['ssh-private-key']).toMatch(
      /is a public key/,
    );
  });

  test('disk keys are bytes, and are sent', () => {
    const bytes = Buffer.from([0, 255, 10]);
    const loaded = new Map<string, Parsed<Buffer>>([
      ['env:A', { ok: bytes }],
      ['exec:b', ok('hunter2')],
    ]);
    const settings = machineSettings(withKeys, registry(), loaded);
    expect(settings.diskEncryptionKeys.value.map(({ remotePath }) => remotePath)).toEqual([
      '/tmp/a',
      '/tmp/b',
    ]);
    expect(settings.diskEncryptionKeys.value[0]?.contents.revealBytes()).toEqual(bytes);
    expect(describeSettings(settings)).not.toMatch(/hunter2|exec:b/);
    expect(secretsToSend(settings, 'install')).toEqual(['disk-encryption-keys']);
    expect(secretsToSend(read(needed), 'install')).toEqual([]);
  });

  test('disk keys without the disko phase are a mistake', () => {
    const loaded = new Map<string, Parsed<Buffer>>([
      ['env:A', ok('x')],
      ['exec:b', ok('y')],
    ]);
    expect(problemsOf({ ...withKeys, phases: 'install' }, loaded)['disk-encryption-keys']).toMatch(
      /disko phase/,
    );
  });
});

describe('passphrases', () => {
  const ok = (text: string) => ({ ok: Buffer.from(text) });
  const { privateKey } = generateKeyPairSync('ed25519');
  const lockedWith = (passphrase: string) =>
    privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();
  const locked = { ...needed, 'ssh-private-key': lockedWith('pass phrase') };
  const both = ['ssh-private-key', 'post-install-ssh-private-key'] as const;

  test('open their keys, each its own', () => {
    const settings = read({
      ...locked,
      'ssh-private-key-passphrase': 'pass phrase',
      'post-install-ssh-private-key': lockedWith('other'),
      'post-install-ssh-private-key-passphrase': 'other',
      'ssh-option': 'ProxyJump=me@bastion.example.org',
      'jump-ssh-private-key': lockedWith('third'),
      'jump-ssh-private-key-passphrase': 'third',
    });
    expect(settings.login.publicKey).toEqual(settings.postInstall.publicKey);
    const { login, postInstall, jumpPrivateKey } = settings;
    for (const opened of [login.privateKey, postInstall.privateKey, jumpPrivateKey])
      expect(opened?.reveal()).toContain('-----BEGIN OPENSSH PRIVATE KEY-----');
    expect(inspect(settings, { depth: 9 })).not.toMatch(/pass phrase|other|third/);
  });

  test.each([
    ['a line end', 'pass phrase\n'],
    ['a Windows line end', 'pass phrase\r\n'],
    ['nothing', 'pass phrase'],
  ])('may have %s behind them, as files and commands do', (_, text) => {
    expect(problemsOf({ ...locked, 'ssh-private-key-passphrase': text })).toEqual({});
    const loaded = new Map<string, Parsed<Buffer>>([['exec:pass show key', ok(text)]]);
    expect(problemsOf({ ...locked, 'ssh-private-key-passphrase': 'exec:pass show key' }, loaded)).toEqual({});
  });

  test.each(both)('of %s: missing, wrong, needless and without a key are told apart', (name) => {
    const { 'ssh-private-key': _, ...others } = needed;
    const base: RawInputs = name === 'ssh-private-key' ? others : needed;
    const passphrase = `${name}-passphrase`;
    expect(problemsOf({ ...base, [name]: lockedWith('x') })).toEqual({
      [name]: `is protected by a passphrase; give it in ${passphrase}`,
    });
    const problem = (text: string, secret: string) =>
      problemsOf({ ...base, [name]: text, [passphrase]: secret });
    for (const wrong of ['wrong', 'x ', 'X'])
      expect(problem(lockedWith('x'), wrong)).toEqual({
        [passphrase]: expect.stringMatching(`^does not open the key in ${name}: `),
      });
    expect(problem(key, 'y')).toEqual({
      [passphrase]: expect.stringMatching(
        /^is given, but the key in .* is not protected by a passphrase; leave/,
      ),
    });
    expect(problemsOf({ ...base, [passphrase]: 'y' })[passphrase]).toBe(
      `is for the key in ${name}, which is not given`,
    );
  });

  test('that cannot be read, or are more than one line, are the only problem', () => {
    const loaded = new Map<string, Parsed<Buffer>>([
      ['env:PASS', { problem: 'the variable PASS is not set' }],
    ]);
    expect(problemsOf({ ...locked, 'ssh-private-key-passphrase': 'env:PASS' }, loaded)).toEqual({
      'ssh-private-key-passphrase': 'the variable PASS is not set',
    });
    for (const text of ['pass phrase\nlogin: me\n', 'pass phrase\n\n', '\npass phrase'])
      expect(problemsOf({ ...locked, 'ssh-private-key-passphrase': text })).toEqual({
        'ssh-private-key-passphrase': 'has more than one line; give the passphrase alone',
      });
  });

  test('are not asked for by a run that contacts no machine', () => {
    const raw = { ...locked, 'ssh-private-key-passphrase': 'wrong', plan: 'offline' };
    expect(readSettings(raw, registry()).kind).toBe('offline-plan');
  });

  test.each(['x', 'pass phrase', 'with \x07 a bell'])('are masked as a whole: %j', (passphrase) => {
    const masked: string[] = [];
    const secrets = new SecretRegistry((mask) => masked.push(mask));
    const raw = { ...needed, 'ssh-private-key': lockedWith(passphrase) };
    const settings = machineSettings({ ...raw, 'ssh-private-key-passphrase': passphrase }, secrets);
    expect(masked).toContain(passphrase);
    expect(secrets.redact(`<${passphrase}>`)).toBe('<***>');
    // and so is the key as it is used
    const lines = settings.login.privateKey.reveal().trim().split('\n').slice(1, -1);
    expect(masked).toEqual(expect.arrayContaining(lines));
  });

  test('are in no message, whatever is wrong with the key', () => {
    const texts = [lockedWith('x'), key, 'no key', lockedWith('x').slice(0, -30), key.replace(/A/g, 'B')];
    for (const text of texts) {
      const problems = problemsOf({
        ...needed,
        'ssh-private-key': text,
        'ssh-private-key-passphrase': 'hunter2',
      });
      expect(Object.keys(problems)).toHaveLength(1);
      expect(JSON.stringify(problems)).not.toContain('hunter2');
    }
  });
});

describe('the secrets among the inputs', () => {
  test('are registered before anything can go wrong, as they were given and as they are used', () => {
    const masked: string[] = [];
    const secrets = new SecretRegistry((mask) => masked.push(mask));
    const pasted = 'hunter2-is-not-a-key';
    expect(() => readSettings({ 'ssh-private-key': pasted }, secrets)).toThrow(InputError);
    expect(masked).toEqual([pasted]);
  });

  test('are in no message', () => {
    const { 'ssh-private-key': problem } = problemsOf({ ...needed, 'ssh-private-key': 'hunter2' });
    expect(problem).not.toContain('hunter2');
  });

  test('print as ***', () => {
    const settings = read(needed);
    const line = key.split('\n')[2] ?? '';
    expect(line.length).toBeGreaterThan(20);
    for (const text of [
      describeSettings(settings),
      JSON.stringify(settings),
      inspect(settings, { depth: 9 }),
    ])
      expect(text).not.toContain(line);
    expect(describeSettings(settings)).toContain('privateKey = "***"');
  });
});

describe('readRawInputs', () => {
  test("takes the runner's names and leaves values as they are", () => {
    const environment = {
      'INPUT_SSH-PRIVATE-KEY': 'a\n',
      INPUT_FLAKE: ' x ',
      PATH: '/bin',
      INPUT_TWO_WORDS: '',
      INPUT_X: undefined,
    };
    expect(readRawInputs(environment)).toEqual({ 'ssh-private-key': 'a\n', flake: ' x ', two_words: '' });
  });
});

describe('post-install-known-hosts', () => {
  const problem = (host: string, more: RawInputs) =>
    problemsOf({ ...needed, 'post-install-known-hosts': hostKeyLine(host), ...more })[
      'post-install-known-hosts'
    ];

  test.each<[string, string, RawInputs]>([
    ['the port that was given', '[example.org]:99', { 'post-install-ssh-port': '99' }],
    ['the port of a forwarding', '[example.org]:4022', { 'post-kexec-ssh-port': '4022' }],
    ['another address', 'web', { 'post-install-ssh-host': 'web', 'post-install-ssh-port': '22' }],
  ])('is looked up by %s', (_, host, more) => {
    expect(problem(host, more)).toBeUndefined();
    expect(problem('elsewhere', more)).toBe(
      `has no key for ${host}, only for elsewhere; a line for this machine begins with ${host}`,
    );
  });

  test('a line with another port may be right, and the port missing', () => {
    expect(problem('[example.org]:99', { 'post-install-ssh-port': '22' })).toMatch(
      /, unless post-install-ssh-port is to be 99$/,
    );
  });

  test('waits for the evaluation where that decides about the port', () => {
    expect(problem('[example.org]:2222', {})).toBeUndefined();
    expect(problem('elsewhere', { 'post-install-ssh-port': 'x' })).toBeUndefined();
  });
});
