import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GuardError, InputError, NixError } from '../../src/errors';
import type { Content, DiskPlan } from '../../src/plan/disks/fates';
import type { PublishedPlan } from '../../src/plan/plan';
import { describeMachine } from '../../src/report/describe-machine';
import { hintFor } from '../../src/report/hints';
import { outputs, outputsOf } from '../../src/report/outputs';
import { failureOf } from '../../src/report/report';
import { type Failure, Progress, type Result } from '../../src/report/result';
import { summarise } from '../../src/report/summary';
import { SecretRegistry } from '../../src/secrets';
import { FakeClock, nastyText } from './support';

const limit = 1024 * 1024;

/** A result in which everything that others wrote is `text`. */
function resultWith(text: string, lines = 2): Result {
  const content: Content = {
    device: text,
    kind: text,
    bytes: 1e9,
    type: text,
    label: text,
    uuid: text,
    partitionLabel: text,
    memberOf: [text, text],
    lost: true,
    because: text,
    contains: [],
  };
  const disk: DiskPlan = {
    device: text,
    fate: 'wiped',
    named: [text],
    bytes: 1e9,
    model: text,
    serial: text,
    wwn: text,
    byId: text,
    contents: [{ ...content, contains: [content] }],
  };
  // enough to break a line or a table with; the digest is made of all of it
  const some = text.slice(0, 1000);
  const plan: PublishedPlan = {
    work: {
      build: { derivations: 60, names: [text] },
      fetch: { paths: 2, downloadBytes: null, unpackedBytes: null },
      closure: { paths: 3, bytes: 4, fetchable: { paths: 1, bytes: 2 } },
    },
    action: 'install',
    reason: text,
    phases: ['preflight'],
    authorizeKey: false,
    kexec: null,
    mayWipe: null,
    newSystem: {
      diskKeys: [some],
      extraFiles: { files: 1, bytes: 2, digest: some },
      secretFiles: [{ path: some, mode: some, owner: some }],
      chown: [{ path: some, owner: some }],
      copyHostKeys: true,
      installBootloader: true,
      noCheck: some,
    },
    hooks: [{ when: some, where: 'target', path: some, sha256: some }],
    terms: {
      installer: { host: some, port: 22, user: some, hostKeys: [some] },
      afterwards: { host: some, port: null, user: some, hostKeys: [some] },
      verify: 'off',
      allowLockout: true,
    },
    offline: {
      configuration: text,
      system: text,
      hostName: text,
      toplevel: text,
      diskoScript: null,
      vmTest: null,
      diskoMode: 'disko',
      buildOn: 'local',
      hardwareConfig: null,
      provisional: false,
      disks: [{ device: text, destroy: true }],
      installId: text,
    },
    online: {
      target: text,
      hostKeys: [text],
      machineId: text,
      architecture: text,
      runsNixos: false,
      isInstaller: false,
      currentSystem: text,
      installId: text,
      disksKnown: true,
      disks: [disk, { ...disk, fate: 'untouched' }],
      bindings: [{ path: text, disks: [], part: text }],
      observed: {
        distribution: text,
        kernel: text,
        memoryKiB: 1,
        uefi: true,
        addresses: [text],
        uses: { [text]: [text, 'swap'] },
      },
    },
  };
  const clock = new FakeClock();
  const progress = new Progress(clock);
  progress.begin('disko');
  clock.advance(1234);
  progress.end('failure');
  progress.copied.push({ what: 'system', sentPaths: 3, sentBytes: 4, substituted: 1, built: 0 });
  Object.assign(progress, { target: text, systemPath: text, plan, hostKeyLines: [text] });
  const failure: Failure = {
    kind: 'nix',
    phase: 'disko',
    message: text,
    hint: text,
    lastLines: Array.from({ length: lines }, () => text),
  };
  return progress.result('failed', failure);
}

/** The shape of Markdown without its words: fenced blocks as one, table rows by their cells, the rest by its kind. */
function shapeOf(markdown: string): string[] {
  const shape: string[] = [];
  let fence: string | undefined;
  // what CommonMark takes for line ends
  for (const line of markdown.split(/\r\n|\r|\n/)) {
    const [marks] = /^`{3,}/.exec(line) ?? [];
    if (fence !== undefined) {
      if (marks !== undefined && marks.length >= fence.length && /^`+\s*$/.test(line)) fence = undefined;
    } else if (marks !== undefined) {
      fence = marks;
      shape.push('block');
    } else if (line.startsWith('|')) {
      shape.push(`row of ${line.replace(/\\[|\\]/g, '').split('|').length}`);
    } else if (line.trim() !== '') {
      const tags = (line.match(/<\/?[a-z]+/gi) ?? []).join(' ');
      shape.push(`${/^#+ |^<|^\*\*/.exec(line)?.[0] ?? 'text'} ${tags}`);
    }
  }
  expect(fence, 'a block that is not closed').toBeUndefined();
  return shape;
}

describe('summarise', () => {
  const harmless = shapeOf(summarise(resultWith('word')));

  test('has the sections of a failed run', () => {
    expect(harmless).toHaveLength(52);
    expect(summarise(resultWith('word'))).toMatch(/In phase disko.*\*\*total\*\*.*1\.2 s/s);
  });

  test.each([
    '```\n# Installed',
    '`````````',
    'a | b | c',
    'a \\| b',
    '\n\n# heading',
    '\r\r# heading',
    'x\r# heading',
    '</details>',
    '</code><img src=x onerror=alert(1)>',
    '<script>alert(1)</script>',
    '[click](javascript:alert(1))',
    '![x](https://evil.example/x.png)',
    '**bold** _it_ ~~s~~',
    '&lt;b&gt;',
    '\\',
    '-->',
    '<!--',
  ])('has the same shape whatever others wrote: %j', (text) => {
    expect(shapeOf(summarise(resultWith(text)))).toEqual(harmless);
  });

  test('has the same shape for any text', () => {
    const markdown = fc.string({
      unit: fc.constantFrom(
        '`',
        '```',
        '\n',
        '\r',
        '|',
        '\\',
        '<',
        '>',
        '&',
        '#',
        ' ',
        '*',
        '_',
        '[',
        ']',
        '(',
        ')',
        '!',
        'a',
        '</details>',
        '---',
        '- ',
      ),
      minLength: 1,
    });
    fc.assert(
      fc.property(fc.oneof(markdown, nastyText), (text) => {
        fc.pre(text.trim() !== '');
        expect(shapeOf(summarise(resultWith(text)))).toEqual(harmless);
      }),
      { numRuns: 1000 },
    );
  });

  test('links and pictures of others stay text', () => {
    const summary = summarise(resultWith('![x](https://evil.example/x.png)'));
    const outside = summary.replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '');
    expect(outside).not.toMatch(/(?<!\\)\]\(/);
  });

  test.each([
    ['x', 8192, 40],
    ['日', 8192, 40],
    ['`', 8192, 40],
    ['<', 8192, 40],
    ['x\n', 500_000, 1],
    ['日', 2_000_000, 1],
  ])('stays under what GitHub takes: %j', (unit, length, lines) => {
    const summary = summarise(resultWith(unit.repeat(length), lines));
    expect(Buffer.byteLength(summary)).toBeLessThan(limit);
    expect(shapeOf(summary)).toEqual(harmless);
  });

  test('keeps the end of what is too long: there the reason stands', () => {
    const lines = [...Array.from({ length: 100_000 }, (_, index) => `line ${index}`), 'the reason'];
    const result = resultWith('word');
    const failure: Failure = { kind: 'nix', phase: null, message: 'm', hint: null, lastLines: lines };
    expect(summarise({ ...result, failure })).toContain('\nthe reason\n');
  });

  test('shows only so much of what is on the disks', () => {
    const result = resultWith('word');
    const { plan } = result;
    if (plan === null || plan.online === null) throw new Error('this result has a whole plan');
    const [disk] = plan.online.disks;
    if (disk === undefined) throw new Error('this plan has a disk');
    const contents = Array.from({ length: 5000 }, () => disk.contents[0] ?? []).flat();
    const online = { ...plan.online, disks: [{ ...disk, contents }] };
    const summary = summarise({ ...result, plan: { ...plan, online } });
    expect(Buffer.byteLength(summary)).toBeLessThan(limit / 4);
    expect(summary).toContain('and 9801 more, see the log');
  });

  test('of every outcome and state says something', () => {
    for (const outcome of ['planned', 'prepared', 'installed', 'updated', 'unchanged', 'failed'] as const)
      for (const targetState of ['untouched', 'installer', 'partitioned', 'installed', 'booted'] as const)
        for (const verified of ['system', 'host-key', 'none'] as const)
          expect(summarise({ ...new Progress().result(outcome), targetState, verified })).not.toMatch(
            /undefined|NaN/,
          );
  });
});

describe('a run that keeps the installed system', () => {
  const { plan } = resultWith('word');
  if (plan === null || plan.online === null) throw new Error('there is a plan');

  test('is called what it is', () => {
    const update = { ...resultWith('word'), plan: { ...plan, action: 'update' as const } };
    expect(summarise(update)).toContain('## ❌ Update failed');
    expect(summarise({ ...update, outcome: 'updated', failure: null })).toContain('## ✅ NixOS updated');
  });

  test('says that nothing was done, and why', () => {
    const nothing = { ...plan, action: 'nothing' as const, reason: 'it runs this already' };
    const result = { ...new Progress().result('unchanged'), targetState: 'booted' as const, plan: nothing };
    expect(summarise(result)).toMatch(
      /Nothing to do.*running the system of the configuration.*because it runs this already/s,
    );
  });
});

test('failed units are shown where there are any', () => {
  const result = new Progress().result('updated');
  expect(summarise({ ...result, failedUnits: ['a.service', 'b|c'] })).toContain(
    '| failed units | ⚠️ <code>a.service</code>, <code>b&#124;c</code> |',
  );
  for (const failedUnits of [[], null])
    expect(summarise({ ...result, failedUnits })).not.toContain('failed units');
});

describe('Progress', () => {
  test('knows the phase that failed, and the times', () => {
    const clock = new FakeClock();
    const progress = new Progress(clock);
    clock.advance(500);
    progress.begin('preflight');
    clock.advance(1000);
    progress.end('success');
    expect(progress.phase).toBeUndefined();
    progress.begin('disko');
    clock.advance(2345);
    progress.end('failure');
    expect(progress.phase).toBe('disko');
    expect(progress.result('failed').phases).toEqual([
      { name: 'preflight', outcome: 'success', startedAfter: 0.5, seconds: 1 },
      { name: 'disko', outcome: 'failure', startedAfter: 1.5, seconds: 2.3 },
    ]);
  });

  test('knows what went on side by side, in which phase, and how it ended', async () => {
    const clock = new FakeClock();
    const progress = new Progress(clock);
    progress.begin('build');
    const image = progress.activity('kexec-image', () => clock.sleep(3000));
    const build = progress.activity('build', async () => {
      await clock.sleep(2000);
      throw new Error('no');
    });
    clock.advance(2000);
    await expect(build).rejects.toThrow('no');
    clock.advance(1000);
    await image;
    expect(progress.result('failed').activities).toEqual([
      { name: 'build', phase: 'build', outcome: 'failure', startedAfter: 0, seconds: 2 },
      { name: 'kexec-image', phase: 'build', outcome: 'success', startedAfter: 0, seconds: 3 },
    ]);
  });

  test('gives a whole result from the beginning', () => {
    expect(new Progress().result('failed')).toEqual({
      version: 1,
      outcome: 'failed',
      host: '',
      run: { url: '', attempt: 0, startedAt: '' },
      fleet: null,
      targetState: 'untouched',
      target: '',
      systemPath: '',
      verified: 'none',
      phases: [],
      activities: [],
      copied: [],
      hostKeys: [],
      agePublicKeys: [],
      kexecSha256: null,
      failedUnits: null,
      hardwareConfig: null,
      cache: null,
      plan: null,
      planDigest: null,
      failure: null,
    });
  });
});

describe('a run that starts over', () => {
  test('reports only the phases after that', () => {
    const clock = new FakeClock();
    const progress = new Progress(clock);
    progress.targetState = 'installer';
    progress.goesOn = 'hook-after-build';
    progress.begin('build');
    void progress.activity('build', async () => undefined);
    clock.advance(1000);
    progress.end('failure');
    progress.startOver();
    expect(progress.goesOn).toBeUndefined();
    progress.begin('preflight');
    clock.advance(2000);
    progress.end('success');
    expect(progress.result('planned')).toMatchObject({
      targetState: 'untouched',
      phases: [{ name: 'preflight', outcome: 'success', startedAfter: 1, seconds: 2 }],
      activities: [],
    });
  });
});

describe('outputsOf', () => {
  test('gives every output, each a text', () => {
    for (const result of [new Progress().result('failed'), resultWith('word')]) {
      const values = outputsOf(result, '/file.json');
      expect(Object.keys(values)).toEqual(outputs.map(({ name }) => name));
      for (const value of Object.values(values)) expect(value).toEqual(expect.any(String));
      expect(JSON.parse(values.phases)).toEqual(result.phases);
    }
    expect(JSON.parse(outputsOf(resultWith('word'), '').plan)).toMatchObject({ reason: 'word' });
  });
});

describe('failureOf', () => {
  const noSecrets = new SecretRegistry(() => undefined);

  test('finds secrets before it makes text harmless', () => {
    const secrets = new SecretRegistry(() => undefined);
    // each is changed by what is done to foreign text
    const values = ['pass##[word', '::passphrase', 'emoji 👩\u200d🚀 phrase', '##[x'];
    for (const value of values) secrets.register(value);
    const error = new NixError(values.join('\n'), { lastLines: values });
    const { message, lastLines } = failureOf(error, new Progress(), secrets);
    expect(message).toBe('***\n***\n***\n***');
    expect(lastLines).toEqual(['***', '***', '***', '***']);
  });

  test('takes anything that can be thrown', () => {
    const progress = new Progress();
    for (const thrown of [undefined, null, 'text', 42, {}, new Error('x')]) {
      expect(failureOf(thrown, progress, noSecrets)).toMatchObject({
        kind: 'unexpected',
        phase: null,
        lastLines: [],
      });
    }
  });

  test('makes foreign text harmless and keeps the last lines only', () => {
    const lastLines = Array.from({ length: 100 }, (_, index) => `::set-output name=x::${index}`);
    const failure = failureOf(
      new NixError('##[error]m\n::error::n', { lastLines }),
      new Progress(),
      noSecrets,
    );
    expect(failure.message).toBe('## [error]m\n: :error::n');
    expect(failure.lastLines).toHaveLength(40);
    expect(failure.lastLines.at(-1)).toBe(': :set-output name=x::99');
  });

  test('gives the hint of the place that knew best, else that of the table', () => {
    const progress = new Progress();
    expect(failureOf(new GuardError('No disks defined', { hint: 'mine' }), progress, noSecrets).hint).toBe(
      'mine',
    );
    expect(failureOf(new GuardError('No disks defined'), progress, noSecrets).hint).toMatch(
      /import the disk layout/,
    );
    expect(
      failureOf(new NixError('x', { lastLines: ['a', 'No disks defined'] }), progress, noSecrets).hint,
    ).toMatch(/import/);
    expect(failureOf(new Error('nobody knows'), progress, noSecrets).hint).toBeNull();
  });

  test('names every input problem', () => {
    const problems = [
      { input: 'flake', problem: 'is required' },
      { input: 'ssh-port', problem: 'is "x"' },
    ];
    expect(failureOf(new InputError(problems), new Progress(), noSecrets)).toMatchObject({
      kind: 'input',
      message: 'input flake: is required\ninput ssh-port: is "x"',
    });
  });
});

describe('hintFor', () => {
  test.each([
    ['sudo: a terminal is required to read the password', /NOPASSWD/],
    ['sudo: a password is required', /NOPASSWD/],
    ['Please login as the user "ubuntu" rather than the user "root".', /user@host/],
    ['the kexec image has no kexec/run; it holds: ./x', /nixos-images/],
    ['nix-daemon invoked oom-killer: gfp_mask=0x1', /memory/],
    ['Initramfs unpacking failed, Failure unpacking initrd', /memory/],
    ['/root/nixos-anywhere/image/kexec/run: 3: kexec: Exec format error', /its architecture/],
    ['sh: 1: exec: /root/nixos-anywhere/image/kexec/run: not found', /nixos-images/],
    ['gzip: stdin: unexpected end of file', /ends too early/],
    ['xz: (stdin): Unexpected end of input', /ends too early/],
    ['curl: (6) Could not resolve host: github.com', /step before/],
    ['wget: unable to resolve host address ‘github.com’', /step before/],
    ["wget: bad address 'github.com'", /step before/],
    ['fetch failed: getaddrinfo ENOTFOUND nowhere.invalid', /step before/],
    ['/root/nixos-anywhere/image/kexec/run: line 102:  1234 Killed', /memory/],
    ['kexec_load failed: Invalid argument', /memory/],
    ['kexec_load failed: Address not available', /memory/],
    ['kexec_load failed: Cannot assign requested address', /memory/],
    ['kexec_load failed: Permission denied', /Secure Boot/],
    ['kexec_load failed: Operation not permitted', /Secure Boot/],
    ['kexec_file_load failed: Key was rejected by service', /newer/],
    ["Can't kexec: CPUs are stuck in the kernel.", /other media/],
    ['kexec_load failed: Resource busy', /other media/],
    ['kexec_file_load failed: Device or resource busy', /other media/],
    ['Could not get memory layout', /Xen/],
    ['/dev/sda1 is mounted; will not make a filesystem here!', /reboot the installer/],
    ['umount: /mnt: target is busy.', /reboot the installer/],
    [
      'Error: Partition(s) on /dev/sda have been written, but we have been unable to inform the kernel',
      /RAID/,
    ],
    ['write error: No space left on device', /full/],
    ['nixos-install failed with exit code 1 on the target: no', /not rebooted/],
    ['check-installed.sh failed on the target with exit code 1: no', /not rebooted/],
    ["error: cannot add path '/nix/store/x' because it lacks a signature by a trusted key", /copy as root/],
    [
      "error: cannot add path '/nix/store/x' because it lacks a signature by a trusted key",
      /trusted-public-keys/,
    ],
    [
      "error: a 'x86_64-linux' with features {kvm, nixos-test} is required to build '/nix/store/x.drv'",
      /KVM/,
    ],
    ['write error: No space left on device', /no-disko-deps/],
    ["error: a 'aarch64-linux' with features {} is required to build '/nix/store/x.drv'", /runner/],
    ["warning: ignoring untrusted substituter 'https://x', you are not a trusted user", /trusted-users/],
    ["error: flake 'path:/x' does not provide attribute 'nixosConfigurations'", /configuration name/],
    ['error: No disks defined', /disk layout/],
    ['sh: nix-daemon: not found', /no Nix/],
  ])('knows %j', (text, hint) => {
    expect(hintFor(`before\n${text}\nafter`)).toMatch(hint);
  });

  test('says nothing about what it does not know, and takes any text', () => {
    expect(hintFor('all is well')).toBeUndefined();
    expect(hintFor('')).toBeUndefined();
    const start = performance.now();
    fc.assert(fc.property(nastyText, (text) => void hintFor(text)));
    hintFor("a '".repeat(20_000));
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('describeMachine', () => {
  const { plan } = resultWith('word');
  if (plan === null || plan.online === null) throw new Error('this result has a plan of a machine');
  const { online } = plan;

  test('says what runs there, and where', () => {
    const observed = { ...online.observed, distribution: 'Debian', kernel: '6.1', memoryKiB: 2048 };
    const machine = { ...online, observed, runsNixos: false, machineId: '', architecture: 'x86_64' };
    expect(describeMachine(machine)).toEqual([
      ['runs', 'Debian, Linux 6.1, x86_64, 2 MiB of memory, UEFI'],
      ['addresses', 'word'],
      ['host keys', 'word'],
    ]);
  });

  test.each([
    ['', '/nix/store/s, no install-id recorded'],
    ['a', '/nix/store/s, installed as a'],
  ])('names the NixOS that runs there: %j', (installId, words) => {
    const machine = { ...online, runsNixos: true, currentSystem: '/nix/store/s', installId };
    expect(describeMachine(machine)).toContainEqual(['system', words]);
  });
});
