import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jumpHosts } from '../../src/inputs/jump-hosts';
import { otherOptions, supportedOptions } from '../../src/inputs/ssh-option-table';
import { sshOptions } from '../../src/inputs/ssh-options';
import { knownAlgorithms, offeredHostKeys, readAlgorithms } from '../../src/ssh/algorithms';
import { nastyText } from './support';

const problemOf = (text: string) => {
  const parsed = sshOptions(text);
  return 'problem' in parsed ? parsed.problem : '';
};

describe('ssh-option', () => {
  test.each([
    ['StrictHostKeyChecking=yes', { strictHostKeyChecking: 'yes' }],
    ['stricthostkeychecking accept-new', { strictHostKeyChecking: 'accept-new' }],
    ['  STRICTHOSTKEYCHECKING = Accept-New \n', { strictHostKeyChecking: 'accept-new' }],
    ['StrictHostKeyChecking=true', { strictHostKeyChecking: 'yes' }],
    ['HostName=%h.example.org', { hostName: '%h.example.org' }],
    ['HostName=[2001:DB8::1]', { hostName: '2001:db8::1' }],
    ['User=me\r\nPort=2222\r\n', { user: 'me', port: 2222 }],
    ['# as in ssh_config\nPort "22"', { port: 22 }],
    ['ConnectTimeout=20\nServerAliveInterval 2m', { connectTimeout: 20_000, serverAliveInterval: 120_000 }],
    ['ServerAliveCountMax=3', { serverAliveCountMax: 3 }],
    ['Compression=yes', { compression: true }],
    ['AddressFamily=inet6\nBindAddress=::1', { addressFamily: 6, bindAddress: '::1' }],
    ['AddressFamily any', { addressFamily: 0 }],
    ['HostKeyAlias=web-1', { hostKeyAlias: 'web-1' }],
    ['UserKnownHostsFile=/dev/null', { userKnownHostsFile: [] }],
    ['ProxyJump=none', { proxyJump: [] }],
    ['MACs=hmac-sha2-512,hmac-sha1', { macs: ['hmac-sha2-512', 'hmac-sha1'] }],
    ['\n', {}],
  ])('reads %j', (text, value) => {
    expect(sshOptions(text)).toEqual({ ok: value });
  });

  test.each([
    ['StrictHostKeyChecking=no', /refused: .*accept-new/],
    ['StrictHostKeyChecking off', /refused/],
    ['StrictHostKeyChecking=ask', /nobody to ask/],
    ['StrictHostKeyChecking=perhaps', /unknown value/],
    ['StrictHostKeyChecking', /one NAME=VALUE a line/],
    ['StrictHostKeyChecking=', /one NAME=VALUE a line/],
    ['-oStrictHostKeyChecking=no', /one NAME=VALUE a line/],
    [
      'StrictHostKeyChecking=yes\nstricthostkeychecking=accept-new',
      /has StrictHostKeyChecking more than once/,
    ],
    [
      'StrictHostKeyChecking=yes\nProxyCommand x',
      /^has ProxyCommand, which is not supported: use ProxyJump$/,
    ],
    ['identityfile=~/.ssh/id', /has identityfile, which is not supported: give the key as ssh-private-key/],
    ['ProxyJmp=a', /has ProxyJmp, which is not supported; did you mean ProxyJump\?/],
    ['Cypher=x', /did you mean Ciphers\?/],
    ['Wallpaper=x', /has Wallpaper, which is not supported; supported are HostName, User, /],
    ['HostName=-x', /has HostName, which is "-x"; write a host name/],
    ['User=a b', /has User, which is "a b", which is no user name/],
    ['Port=0', /has Port, which is "0"; write a port number/],
    ['ServerAliveInterval=0', /has ServerAliveInterval, which is 0, but a connection/],
    ['ServerAliveCountMax=0', /is no number from 1/],
    ['ConnectTimeout=none', /has ConnectTimeout, which is "none"; write seconds/],
    ['Compression=maybe', /write true or false/],
    ['AddressFamily=inet7', /write one of any, inet, inet6/],
    ['BindAddress=eth0', /is no address/],
    ['AddressFamily=inet\nBindAddress=::1', /has a BindAddress of IPv6, but an AddressFamily of IPv4/],
    ['HostKeyAlias=*.example', /is no name/],
    ['UserKnownHostsFile=/nonexistent/file', /names "\/nonexistent\/file", which is no file on the runner/],
    ['UserKnownHostsFile=/', /which is no file/],
    // a file that root cannot read either
    ['UserKnownHostsFile=/proc/self/mem', /names "\/proc\/self\/mem", which cannot be read \(EIO\)/],
    [
      'KexAlgorithms=sntrup761x25519-sha512',
      /has KexAlgorithms, which has sntrup761x25519-sha512, which is not/,
    ],
  ])('refuses %j', (text, problem) => {
    expect(problemOf(text)).toMatch(problem);
  });

  test('names every problem at once', () => {
    expect(problemOf('Port=x\nUser=me\nForwardAgent=yes')).toMatch(/^has Port, .*; has ForwardAgent, /);
  });

  test('reads known_hosts files as OpenSSH does: what is no line for us is passed over', () => {
    const file = join(tmpdir(), `known_hosts-${process.pid}`);
    const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIJ6DlLZsfzvOqWZO9VbZf7FvTBT8OAePL65yrWbG+I0N';
    writeFileSync(file, `# mine\n@cert-authority * ssh-ed25519 ${key}\nhost ssh-ed25519 ${key}\nnonsense\n`);
    const parsed = sshOptions(`UserKnownHostsFile=${file} /dev/null`);
    rmSync(file);
    expect('ok' in parsed ? parsed.ok.userKnownHostsFile : parsed).toEqual([
      { hosts: 'host', key: { type: 'ssh-ed25519', base64: key }, revoked: false },
    ]);
  });

  test('survives whatever is written', () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        const parsed = sshOptions(`ProxyJump=${text}`);
        if ('problem' in parsed) return;
        for (const { host, user } of parsed.ok.proxyJump ?? [])
          expect(`${host}${user}`).toMatch(/^[^\s\p{Cc}-][^\s\p{Cc}]*$/u);
      }),
      { numRuns: 300 },
    );
  });

  test('says of each name one thing', () => {
    const names = [
      ...Object.values(supportedOptions).map(({ name }) => name),
      ...otherOptions.flatMap((other) => other.names),
    ].map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('ProxyJump', () => {
  test.each([
    ['bastion', [['root', 'bastion', 22]]],
    ['me@bastion:2222', [['me', 'bastion', 2222]]],
    ['ssh://me@bastion:2222/', [['me', 'bastion', 2222]]],
    ['a@b@bastion', [['a@b', 'bastion', 22]]],
    ['2001:db8::1', [['root', '2001:db8::1', 22]]],
    ['me@[2001:DB8::1]:2222', [['me', '2001:db8::1', 2222]]],
    ['ssh://[fe80::1%eth0]', [['root', 'fe80::1%eth0', 22]]],
    [
      'one, me@two:23,ssh://[::1]:24',
      [
        ['root', 'one', 22],
        ['me', 'two', 23],
        ['root', '::1', 24],
      ],
    ],
    ['NONE', []],
  ])('reads %j', (text, hosts) => {
    expect(jumpHosts(text)).toEqual({ ok: hosts.map(([user, host, port]) => ({ user, host, port })) });
  });

  test.each([
    ['me@bastion:0', /"me@bastion:0", whose port is "0"; write a port number/],
    ['bastion:', /whose port is ""/],
    ['-oProxyCommand=id', /whose host is/],
    ['-x@bastion', /whose user is "-x", which is no user name/],
    ['one,,two', /jump host "", whose host is/],
    ['[::1', /whose host is/],
    ['fe80::1', /whose host .* add the interface/],
    ['http://bastion', /whose port is/],
  ])('refuses %j', (text, problem) => {
    const parsed = jumpHosts(text);
    expect('problem' in parsed ? parsed.problem : '').toMatch(problem);
  });
});

describe('algorithms', () => {
  test('are those of ssh2, in its order', () => {
    const require = createRequire(import.meta.url);
    const theirs = require('ssh2/lib/protocol/constants.js') as Record<string, string[]>;
    const { KexAlgorithms, Ciphers, MACs, HostKeyAlgorithms } = knownAlgorithms;
    expect(theirs.DEFAULT_KEX).toEqual(KexAlgorithms.offered);
    expect(theirs.DEFAULT_CIPHER?.toSorted()).toEqual([...Ciphers.offered].toSorted());
    expect(theirs.DEFAULT_MAC).toEqual(MACs.offered);
    expect(theirs.DEFAULT_SERVER_HOST_KEY).toEqual([...HostKeyAlgorithms.offered, 'ssh-rsa']);
    for (const [list, { offered, onRequest }] of [
      [theirs.SUPPORTED_KEX, KexAlgorithms],
      [theirs.SUPPORTED_CIPHER, Ciphers],
      [theirs.SUPPORTED_MAC, MACs],
      [theirs.SUPPORTED_SERVER_HOST_KEY, HostKeyAlgorithms],
    ] as const)
      expect(list).toEqual(expect.arrayContaining([...offered, ...onRequest]));
  });

  const { offered } = knownAlgorithms.MACs;
  test.each([
    ['hmac-md5', ['hmac-md5']],
    ['hmac-sha1,hmac-sha1,hmac-md5', ['hmac-sha1', 'hmac-md5']],
    ['+hmac-md5', [...offered, 'hmac-md5']],
    ['+hmac-sha1', offered],
    ['^hmac-sha1,hmac-md5', ['hmac-sha1', 'hmac-md5', ...offered.filter((name) => name !== 'hmac-sha1')]],
    ['-*-etm@openssh.com,hmac-sha?', ['hmac-sha2-256', 'hmac-sha2-512']],
    ['-umac-64@openssh.com', offered],
  ])('a list %j', (text, list) => {
    expect(readAlgorithms('MACs', text)).toEqual(list);
  });

  test.each([
    [
      'umac-64@openssh.com,hmac-md5,x',
      /^has umac-64@openssh\.com, x, which are not supported here; supported are hmac-sha2-256-etm/,
    ],
    ['+umac-64@openssh.com', /which is not supported/],
    ['-*', /leaves none/],
    ['', /no list/],
    ['+', /no list/],
    ['a,,b', /no list/],
  ])('no list %j', (text, problem) => {
    expect(readAlgorithms('MACs', text)).toMatch(problem);
  });

  test('the kinds of host key that are asked for are those of known keys, among the chosen ones', () => {
    const rsa = [{ type: 'ssh-rsa', base64: 'AAAA' }];
    expect(offeredHostKeys([], ['ssh-ed25519'])).toEqual(['ssh-ed25519']);
    expect(offeredHostKeys(rsa, undefined)).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
    expect(offeredHostKeys(rsa, ['ssh-ed25519', 'rsa-sha2-256'])).toEqual(['rsa-sha2-256']);
    expect(offeredHostKeys(rsa, ['ssh-ed25519', 'ssh-rsa'])).toEqual(['ssh-rsa']);
    // the new system's own key, where the list was for the old one
    expect(offeredHostKeys([{ type: 'ssh-ed25519', base64: 'AAAA' }], ['ssh-rsa'])).toEqual(['ssh-ed25519']);
  });
});
