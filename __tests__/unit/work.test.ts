// What Nix says of a build that was not done, as its versions say it, and how a plan puts it.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMissing } from '../../src/nix/missing';
import { Nix } from '../../src/nix/nix';
import { parsePathInfo, signersOf } from '../../src/nix/path-info';
import type { Evaluation } from '../../src/plan/evaluation';
import { observeWork, type Work } from '../../src/plan/work';
import { describeWork } from '../../src/report/describe-work';
import { formatBytes } from '../../src/report/quantities';
import { FakeProcesses, fakeRuntime, nastyText } from './support';

const hash = '0ccknq27mzyjkm2n29q22aaxak1qwv9b';
const path = (name: string) => `/nix/store/${hash}-${name}`;

describe('parseMissing', () => {
  test('of Nix 2.8 to 2.26: builds and fetches', () => {
    const lines = [
      "warning: the group 'nixbld' specified in 'build-users-group' does not exist",
      'these 2 derivations will be built:',
      `  ${path('a.drv')}`,
      `  ${path('b.drv')}`,
      'these 3 paths will be fetched (106.34 MiB download, 1.50 GiB unpacked):',
      `  ${path('c')}`,
      `  ${path('d')}`,
      `  ${path('e')}`,
    ];
    expect(parseMissing(lines)).toEqual({
      build: [path('a.drv'), path('b.drv')],
      fetch: [path('c'), path('d'), path('e')],
      downloadBytes: Math.round(106.34 * 1024 ** 2),
      unpackedBytes: 1.5 * 1024 ** 3,
    });
  });

  test.each([
    ['this derivation will be built:', 'build'],
    ['these derivations will be built:', 'build'],
    ['this path will be fetched (0.00 MiB download, 0.05 MiB unpacked):', 'fetch'],
    ['this path will be fetched (112 B download, 3.2 KiB unpacked):', 'fetch'],
    ['these 1000 paths will be fetched (1.2 TiB download, 1.0 PiB unpacked):', 'fetch'],
  ] as const)('knows the heading %j', (heading, section) => {
    const missing = parseMissing([heading, `  ${path('x')}`]);
    expect(missing[section]).toEqual([path('x')]);
    expect(missing.downloadBytes).toEqual(expect.any(Number));
  });

  test('nothing to do is nothing, and a size in other words is not known', () => {
    const nothing = { build: [], fetch: [], downloadBytes: 0, unpackedBytes: 0 };
    expect(parseMissing([])).toEqual(nothing);
    expect(parseMissing(["don't know how to build these paths:", `  ${path('x')}`])).toEqual(nothing);
    const other = ['this path will be fetched (a lot download, 1 MB unpacked):', `  ${path('x')}`];
    expect(parseMissing(other)).toMatchObject({
      fetch: [path('x')],
      downloadBytes: undefined,
      unpackedBytes: undefined,
    });
  });

  test('takes any lines, and finds what stands among noise', () => {
    const line = nastyText.map((text) => text.replaceAll('\n', ' '));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(999)), (noise, numbers) => {
        const drvs = numbers.map((number) => path(`${number}.drv`));
        const text = [
          ...noise,
          `these ${drvs.length} derivations will be built:`,
          ...drvs.map((drv) => `  ${drv}`),
        ];
        expect(parseMissing(text).build.slice(-drvs.length || text.length)).toEqual(drvs);
      }),
    );
  });
});

describe('parsePathInfo', () => {
  const info = {
    narSize: 7,
    narHash: 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
    references: [path('z')],
    deriver: path('a.drv'),
    signatures: ['k-1:c2ln', 'l-1:c2ln'],
    ultimate: true,
  };
  const unknown = { narHash: '', references: [], deriver: '', ca: '', signatures: [], ultimate: false };
  const known = {
    ...{ ...unknown, ...info, path: path('a') },
    // of nothing at all, as Nix writes it
    narHash: 'sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73',
  };

  test('of Nix up to 2.18: a list', () => {
    const answer = [
      { path: path('a'), ...info },
      { path: path('b'), narSize: 1 },
      { path: path('c'), valid: false },
    ];
    expect([...parsePathInfo(answer)]).toEqual([
      [path('a'), known],
      [path('b'), { ...unknown, path: path('b'), narSize: 1 }],
    ]);
  });

  test('of Nix from 2.19: by path, null for what is not valid', () => {
    expect([...parsePathInfo({ [path('a')]: info, [path('b')]: null })]).toEqual([[path('a'), known]]);
  });

  test('of the second format: below info, names without the folder', () => {
    const signatures = [
      { keyName: 'k-1', sig: 'c2ln' },
      { keyName: 'l-1', sig: 'c2ln' },
    ];
    const names = { references: [`${hash}-z`], deriver: `${hash}-a.drv`, signatures };
    const answer = { version: 2, storeDir: '/nix/store', info: { [`${hash}-a`]: { ...info, ...names } } };
    expect([...parsePathInfo(answer)]).toEqual([[path('a'), known]]);
  });

  test('takes any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const info of parsePathInfo(value).values()) {
          expect(info.narSize).toEqual(expect.any(Number));
          for (const name of signersOf(info)) expect(name).toEqual(expect.any(String));
        }
      }),
    );
  });
});

const evaluation: Evaluation = {
  source: 'outputs',
  buildSystem: undefined,
  system: 'x86_64-linux',
  hostName: '',
  toplevel: { drvPath: undefined, outPath: path('system') },
  diskoScript: undefined,
  installTest: undefined,
  substituters: ['https://cache.example.org'],
  trustedPublicKeys: ['k-1:cHVi'],
  groups: [],
  hostKeys: [],
  disks: undefined,
  sshd: undefined,
  logins: undefined,
  bootLoader: undefined,
  initrdSsh: undefined,
};

/** A Nix that has this in its store. */
function observe(
  store: Record<string, unknown>,
  dryRun: readonly string[] = [],
  change: Partial<Evaluation> = {},
) {
  const processes = new FakeProcesses(({ args }) =>
    args[0] === 'build' ? { errorLines: dryRun } : { stdout: JSON.stringify(store) },
  );
  const runtime = fakeRuntime({ processes });
  const nix = new Nix({ options: [], printBuildLogs: false, idleMs: 1 }, runtime);
  const changed = { ...evaluation, ...change } as Evaluation;
  return {
    work: observeWork(changed, [{ drvPath: path('s.drv'), outPath: path('s') }], nix, runtime, 1000),
    runtime,
  };
}

describe('observeWork', () => {
  test('a closure: what is signed by a trusted key and was not built here can be fetched', async () => {
    const store = {
      [path('system')]: { narSize: 1, signatures: [] },
      [path('fetched')]: { narSize: 10, signatures: ['x:c2ln', 'k-1:c2ln'] },
      [path('foreign')]: { narSize: 100, signatures: ['x:c2ln'] },
      [path('built')]: { narSize: 1000, signatures: ['k-1:c2ln'], ultimate: true },
    };
    expect((await observe(store).work)?.closure).toEqual({
      paths: 4,
      bytes: 1111,
      fetchable: { paths: 1, bytes: 10 },
    });
    const without = await observe(store, [], { substituters: [] }).work;
    expect(without?.closure?.fetchable).toEqual({ paths: 0, bytes: 0 });
  });

  test('a system that is not built has no closure yet; the derivations have names', async () => {
    const dryRun = [
      'these 60 derivations will be built:',
      ...Array.from({ length: 60 }, (_, n) => `  ${path(`d${n}.drv`)}`),
    ];
    const work = await observe({ [path('system')]: null }, dryRun).work;
    expect(work).toMatchObject({ closure: null, build: { derivations: 60 }, fetch: { paths: 0 } });
    expect(work?.build.names).toHaveLength(50);
    expect(work?.build.names[0]).toBe('d0');
  });

  test('a Nix that fails is no failure', async () => {
    const runtime = fakeRuntime({
      processes: new FakeProcesses(() => ({
        code: 1,
        errorLines: ['@nix {"action":"msg","level":0,"msg":"error: no"}'],
      })),
    });
    const nix = new Nix({ options: [], printBuildLogs: false, idleMs: 1 }, runtime);
    const derivation = { drvPath: path('s.drv'), outPath: path('s') };
    expect(await observeWork(evaluation, [derivation], nix, runtime, 1000)).toBeNull();
    expect(runtime.log.lines).toEqual([expect.stringMatching(/^debug: .*error: no$/)]);
  });

  test('a cancelled run is cancelled', async () => {
    const signal = AbortSignal.abort(new Error('cancelled'));
    const runtime = fakeRuntime({ processes: new FakeProcesses(() => ({ code: 1 })), signal });
    const nix = new Nix({ options: [], printBuildLogs: false, idleMs: 1 }, runtime);
    await expect(observeWork(evaluation, [], nix, runtime, 1000)).rejects.toThrow('cancelled');
  });
});

describe('describeWork', () => {
  const nothing: Work = {
    build: { derivations: 0, names: [] },
    fetch: { paths: 0, downloadBytes: 0, unpackedBytes: 0 },
    closure: null,
  };

  test('says all in one line', () => {
    const work: Work = {
      build: { derivations: 12, names: [] },
      fetch: { paths: 340, downloadBytes: 1.2e9, unpackedBytes: 2e9 },
      closure: { paths: 1200, bytes: 3.4e9, fetchable: { paths: 1000, bytes: 2.9e9 } },
    };
    expect(describeWork(work, 'install', false)).toBe(
      '12 derivations to build, 340 paths to fetch (1.2 GB), closure 3.4 GB in 1200 paths, of which 2.9 GB the machine can fetch from substituters',
    );
    expect(describeWork(work, 'update', false)).toMatch(/, what the machine has of it already is not known$/);
  });

  test('says where the cache may have what is to be built', () => {
    const work: Work = { ...nothing, build: { derivations: 1, names: [] } };
    expect(describeWork(work, 'install', true)).toMatch(/^1 derivation to build or to take from the cache, /);
    expect(describeWork(nothing, 'install', true)).not.toContain('cache');
  });

  test('says what is not known', () => {
    expect(describeWork(null, 'install', false)).toBe('what is to be built and copied is not known');
    expect(describeWork({ ...nothing, build: { derivations: 1, names: [] } }, undefined, false)).toBe(
      '1 derivation to build, the size of the closure is known when it is built',
    );
    const fetch = { paths: 1, downloadBytes: null, unpackedBytes: null };
    expect(describeWork({ ...nothing, fetch }, undefined, false)).toMatch(
      /^nothing to build, 1 path to fetch, /,
    );
    const closure = { paths: 1, bytes: 999, fetchable: { paths: 0, bytes: 0 } };
    expect(describeWork({ ...nothing, closure }, undefined, false)).toBe(
      'all of it is on the runner, closure 999 B in 1 path',
    );
  });

  test('any size has at most four digits before the point, and its unit', () => {
    expect(formatBytes(0)).toBe('0 B');
    expect(formatBytes(999_999)).toBe('1.0 MB');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        expect(formatBytes(bytes)).toMatch(/^\d{1,4}(\.\d)? (B|kB|MB|GB|TB|PB)$/);
      }),
    );
  });
});
