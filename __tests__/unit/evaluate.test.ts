// How the configuration is asked for, and what is made of the answers.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Nix } from '../../src/nix/nix';
import { nixString } from '../../src/nix/nix-string';
import { evaluateFile, evaluateFlake, flakeUri, type Wanted } from '../../src/plan/evaluate';
import { type Call, FakeProcesses, fakeRuntime } from './support';

const signal = new AbortController().signal;
const disko: Wanted = {
  script: { mode: 'disko', withTools: true },
  installTest: false,
  specialArgs: undefined,
};

/** A Nix whose program answers as told. */
function nixWith(
  answer: (call: Call) => { code?: number | null; stdout?: string; errorLines?: readonly string[] },
) {
  const processes = new FakeProcesses(answer);
  return {
    nix: new Nix({ options: [], printBuildLogs: false, idleMs: 1000 }, fakeRuntime({ processes })),
    processes,
  };
}
const message = (level: number, msg: string) => `@nix ${JSON.stringify({ action: 'msg', level, msg })}`;

describe('evaluateFlake', () => {
  const flake = { uri: '.', name: 'de"mo', path: ['config'] };
  const found = {
    system: 'aarch64-linux',
    buildSystem: 'x86_64-linux',
    hostName: 'demo',
    toplevel: { drv: '/nix/store/t.drv', out: '/nix/store/t' },
    diskoScript: { drv: '/nix/store/d.drv', out: '/nix/store/d' },
    disks: [{ device: '/dev/vda', destroy: false }],
    groups: [{ kind: 'lvm_vg', name: 'pool' }],
    substituters: ['https://cache.nixos.org'],
    trustedPublicKeys: ['k'],
    hostKeys: [{ type: 'ed25519', path: '/etc/ssh/k', bits: '4096' }],
    sshd: { enabled: true, ports: [2222], rootLogin: 'no', otherKeys: true },
    logins: [{ name: 'me', keys: ['ssh-ed25519 A\n\nssh-ed25519 B\n', 'ssh-ed25519 C'], password: true }],
    bootLoader: {
      kind: 'lanzaboote',
      grubDevices: ['/dev/vda'],
      grubEfi: true,
      efiMountPoint: '/efi',
      entriesMountPoint: '/boot',
      grubBoots: [{ path: '/boot', efi: '/efi' }],
    },
    initrdSsh: { enabled: true, port: 2223, hostKeys: ['/etc/k'] },
    installTest: null,
  };
  const answering = (answer: unknown) => nixWith(() => ({ stdout: JSON.stringify(answer) }));

  test('reads the answer', async () => {
    expect(await evaluateFlake(answering({ found }).nix, flake, disko, signal)).toEqual({
      source: 'configuration',
      system: 'aarch64-linux',
      buildSystem: 'x86_64-linux',
      hostName: 'demo',
      toplevel: { drvPath: '/nix/store/t.drv', outPath: '/nix/store/t' },
      diskoScript: { drvPath: '/nix/store/d.drv', outPath: '/nix/store/d' },
      disks: [{ device: '/dev/vda', destroy: false }],
      groups: found.groups,
      substituters: ['https://cache.nixos.org'],
      trustedPublicKeys: ['k'],
      hostKeys: [{ type: 'ed25519', path: '/etc/ssh/k', bits: '4096' }],
      sshd: found.sshd,
      logins: [{ name: 'me', keys: ['ssh-ed25519 A', 'ssh-ed25519 B', 'ssh-ed25519 C'], password: true }],
      bootLoader: {
        ...found.bootLoader,
        kind: 'other',
        grubBoots: [{ path: '/boot', efiMountPoint: '/efi' }],
      },
      initrdSsh: found.initrdSsh,
      installTest: undefined,
    });
  });

  test('asks once, and hands the name over as data', async () => {
    const { nix, processes } = answering({ found });
    await evaluateFlake(nix, flake, { ...disko, script: undefined }, signal);
    expect(processes.calls).toHaveLength(1);
    const args = processes.calls[0]?.args ?? [];
    const request = JSON.stringify({
      path: ['de"mo', 'config'],
      scripts: null,
      test: false,
      specialArgs: null,
    });
    expect(args[args.indexOf('--apply') + 1]).toContain(`builtins.fromJSON ${nixString(request)}`);
    expect(args.at(-1)).toBe('.#nixosConfigurations');
  });

  test('a folder that is named without ./ is not looked up in the registry', async () => {
    const folder = 'nix-test-flake-folder';
    mkdirSync(folder);
    try {
      writeFileSync(`${folder}/flake.nix`, '{ }');
      expect([folder, `.?dir=${folder}`, 'nixpkgs'].map(flakeUri)).toEqual([
        `./${folder}`,
        `./${folder}`,
        'nixpkgs',
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each<[unknown, RegExp]>([
    [
      { missing: 'de"mo', depth: 0, names: ['a', 'b'] },
      /^nixosConfigurations of the flake \. has no de"mo; it has a, b$/,
    ],
    [{ missing: 'de"mo', depth: 0, names: [] }, /it has none/],
    [
      { missing: 'de"mo', depth: 0, names: Array.from({ length: 50 }, (_, n) => `n${n}`) },
      /n38, n39 and 10 more$/,
    ],
    [
      { missing: 'config', depth: 1, names: ['options'] },
      /^de"mo of nixosConfigurations of the flake \. has no config; it has options/,
    ],
    [{ nothing: ['a'] }, /^nixosConfigurations\."de"mo"\.config is no NixOS configuration; it has a$/],
    [{ cannotExtend: true }, /takes no special-args: it has no extendModules/],
    [{ found: { ...found, diskoScript: 'missing' } }, /has no config\.system\.build\.diskoScript/],
    [{ found: { ...found, installTest: 'missing' } }, /has no config\.system\.build\.installTest/],
  ])('explains %j', async (answer, text) => {
    await expect(evaluateFlake(answering(answer).nix, flake, disko, signal)).rejects.toThrow(text);
  });

  test.each([null, 42, 'text', [], {}, { found: null }, { found: { ...found, toplevel: null } }])(
    'does not go on with %j for an answer',
    async (answer) => {
      await expect(evaluateFlake(answering(answer).nix, flake, disko, signal)).rejects.toThrow(
        'the evaluation gave another answer than was asked for',
      );
    },
  );

  test('explains a flake without configurations', async () => {
    const errorLines = [
      message(0, "error: flake 'path:/x' does not provide attribute 'nixosConfigurations'"),
    ];
    await expect(
      evaluateFlake(nixWith(() => ({ code: 1, errorLines })).nix, flake, disko, signal),
    ).rejects.toMatchObject({
      message: 'the flake . has no nixosConfigurations',
      hint: expect.stringMatching(/check the flake input/),
    });
  });
});

test.each([
  ['path:/with blank/ü', 'path:/with%20blank/%C3%BC'],
  ['git+file:///a%20b?ref=x', 'git+file:///a%20b?ref=x'],
  ['github:owner/repo/branch?dir=a', 'github:owner/repo/branch?dir=a'],
  ['git+ssh://git@example.org/repo.git?ref=x', 'git+ssh://git@example.org/repo.git?ref=x'],
  ['./with blank', './with blank'],
])('%s reaches Nix in a form that it takes', (uri, expected) => {
  expect(flakeUri(uri)).toBe(expected);
});

describe('evaluateFile', () => {
  const outputs = {
    system: 'x86_64-linux',
    toplevel: { drv: '/nix/store/t.drv', out: '/nix/store/t' },
    diskoScript: null,
    installTest: null,
  };

  test.each([
    ['/with "quote/x.nix', { file: '/with "quote/x.nix', path: ['a'] }],
    ['<nixpkgs/nixos>', { lookup: 'nixpkgs/nixos', path: ['a'] }],
  ])('hands over %s as data', async (file, request) => {
    const { nix, processes } = nixWith(() => ({ stdout: JSON.stringify({ outputs }) }));
    const evaluation = await evaluateFile(
      nix,
      { file, path: ['a'] },
      { ...disko, script: undefined },
      signal,
    );
    expect(evaluation).toMatchObject({
      source: 'outputs',
      system: 'x86_64-linux',
      toplevel: { outPath: '/nix/store/t' },
      disks: undefined,
    });
    const { args = [] } = processes.calls[0] ?? {};
    expect(args).toContain('--impure');
    expect(args.at(-1)).toContain(nixString(JSON.stringify(request)));
  });

  test('where nixpkgs is not found the message says what to set', async () => {
    const errorLines = [message(0, "error: file 'nixpkgs/nixos' was not found in the Nix search path")];
    const { nix } = nixWith(() => ({ code: 1, errorLines }));
    await expect(evaluateFile(nix, { file: '/x.nix', path: [] }, disko, signal)).rejects.toMatchObject({
      hint: expect.stringMatching(/^set NIX_PATH in the env: of this step, with an entry for nixpkgs/),
    });
  });
});
