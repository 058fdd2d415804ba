// What a flake says of a host in OpenSSH's options, beside inputs that say it too: an input wins, whatever it is called.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseHostData } from '../../src/inputs/host-data';
import type { RawInputs } from '../../src/inputs/raw-inputs';
import type { OnMachine } from '../../src/inputs/settings';
import { SecretRegistry } from '../../src/secrets';
import { pinnedKeys } from '../../src/ssh/known-hosts';
import { test } from '../support/concurrent';
import { temporaryFolder } from '../support/runtime';
import { hostSettings } from '../support/settings';

function someHostKey(): string {
  const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const text = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  const blob = Buffer.concat([text(Buffer.from('ssh-ed25519')), text(Buffer.from(x, 'base64url'))]);
  return `ssh-ed25519 ${blob.toString('base64')}`;
}

const [ownKey, attackersKey] = [someHostKey(), someHostKey()];

function settingsOf(inputs: RawInputs, data: Record<string, unknown>): OnMachine {
  const settings = hostSettings(
    { flake: '.#demo', 'ssh-password': 'a password', ...inputs },
    new SecretRegistry(() => undefined),
    new Map(),
    undefined,
    {},
    parseHostData(data, { attribute: 'nixosAnywhere.demo', isLocal: true }),
  );
  if (settings.kind !== 'install') throw new Error(`these are settings of ${settings.kind}`);
  return settings;
}

test('the address, the user and the port of an input are not those of the flake’s ssh-option', async () => {
  const data = { 'ssh-option': { HostName: '203.0.113.66', User: 'other', Port: 2222 } };
  const given = settingsOf({ 'target-host': 'admin@192.0.2.1', 'ssh-port': '22' }, data);
  expect(given.targetHost.value).toEqual({ user: 'admin', host: '192.0.2.1' });
  expect(given.sshPort.value).toBe(22);
  // what no input says is the flake's
  expect(settingsOf({}, { ...data, 'target-host': 'web' }).targetHost.value).toEqual({
    user: 'other',
    host: '203.0.113.66',
  });
  expect(settingsOf({ 'target-host': '192.0.2.1' }, data)).toMatchObject({
    targetHost: { value: { user: 'other', host: '192.0.2.1' } },
    sshPort: { value: 2222 },
  });
});

test('an input ssh-option is instead of the flake’s, and says what it says of the flake’s address', async () => {
  const data = { 'target-host': '192.0.2.1', 'ssh-option': { HostName: '203.0.113.66' } };
  const given = settingsOf({ 'ssh-option': 'HostName=vpn.example.org' }, data);
  expect(given.targetHost.value.host).toBe('vpn.example.org');
});

test('keys that an input pins are all that is accepted: neither further files nor the first key that is seen', async () => {
  const file = join(temporaryFolder('known-hosts'), 'lines');
  writeFileSync(file, `192.0.2.1 ${attackersKey}\n`);
  const data = {
    'target-host': '192.0.2.1',
    'ssh-option': { UserKnownHostsFile: file, StrictHostKeyChecking: 'accept-new' },
  };
  const { knownHosts, sshOptions } = settingsOf({ 'known-hosts': `192.0.2.1 ${ownKey}` }, data);
  const { accepted } = pinnedKeys(knownHosts.value ?? [], '192.0.2.1', 22);
  expect(accepted.map(({ type, base64 }) => `${type} ${base64}`)).toEqual([ownKey]);
  expect(sshOptions.value).toEqual({});
  // lines that have nothing for this machine refuse it, as without any host data
  expect(() => settingsOf({ 'known-hosts': `192.0.2.9 ${ownKey}` }, data)).toThrow(
    /has no key for 192\.0\.2\.1/,
  );
  // what is stricter stays
  const strict = { 'target-host': '192.0.2.1', 'ssh-option': { StrictHostKeyChecking: 'yes' } };
  const pinned = settingsOf({ 'known-hosts': `192.0.2.1 ${ownKey}` }, strict);
  expect(pinned.sshOptions.value).toEqual({ strictHostKeyChecking: 'yes' });
});

test('whose line of an input it is may the flake say only where it names the machine', async () => {
  const data = { 'target-host': '192.0.2.1', 'ssh-option': { HostKeyAlias: 'other' } };
  const lines = `other ${attackersKey}\n192.0.2.7 ${ownKey}`;
  expect(settingsOf({ 'known-hosts': lines }, data).sshOptions.value).toEqual({ hostKeyAlias: 'other' });
  const named = settingsOf({ 'known-hosts': lines, 'target-host': 'root@192.0.2.7' }, data);
  expect(named.sshOptions.value).toEqual({});
});
