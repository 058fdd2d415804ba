import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFacts, parseFields } from '../../src/plan/facts';
import { nastyText } from './support';

const answer: Record<string, string> = {
  os: 'Linux',
  architecture: 'x86_64',
  kernel: '6.1.0-18-amd64',
  distribution: 'Debian GNU/Linux 12 (bookworm)',
  nixos: 'no',
  installer: 'no',
  container: 'none',
  root: 'no',
  home: '/home/me',
  sudo: 'yes',
  doas: 'no',
  sudoInstalled: 'yes',
  memoryKiB: '2048000',
  bootId: '0b5c2d6e-9b1f-4c1e-8a55-0f5d6f3c1a77',
  uefi: 'yes',
  kexecDisabled: '0',
  lockdown: 'none',
  machineId: '0123456789abcdef0123456789abcdef',
  installId: 'web-1',
  ipv6Only: 'yes',
  wirelessOnly: 'no',
  systemPath: '',
  profilePath: '',
  earlierRun: 'no',
};
const linesOf = (fields: Record<string, string>, end = '\n') =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${value}${end}`)
    .join('');
/** Those that nothing is decided by. */
const optional = ['home'];

describe('parseFacts', () => {
  test('reads an answer', () => {
    expect(
      parseFacts(
        `${linesOf(answer)}missingTool=cpio\nmissingTool=tar\naddress=203.0.113.7/24\naddress=2001:db8::7/64\n`,
      ),
    ).toEqual({
      os: 'Linux',
      architecture: 'x86_64',
      kernel: '6.1.0-18-amd64',
      distribution: 'Debian GNU/Linux 12 (bookworm)',
      isNixos: false,
      isInstaller: false,
      container: 'none',
      isRoot: false,
      privilege: 'sudo',
      sudoInstalled: true,
      missingTools: ['cpio', 'tar'],
      memoryKiB: 2_048_000,
      bootId: '0b5c2d6e-9b1f-4c1e-8a55-0f5d6f3c1a77',
      uefi: true,
      kexecDisabled: false,
      lockdown: 'none',
      machineId: '0123456789abcdef0123456789abcdef',
      installId: 'web-1',
      addresses: ['203.0.113.7/24', '2001:db8::7/64'],
      ipv6Only: true,
      wirelessOnly: false,
      systemPath: '',
      profilePath: '',
      earlierRun: false,
    });
  });

  test('upstream lesson: a terminal adds CR to captured output', () => {
    expect(parseFacts(linesOf(answer, '\r\n'))).toEqual(parseFacts(linesOf(answer)));
  });

  test.each([
    [{ root: 'yes', sudo: 'yes', doas: 'yes' }, 'none'],
    [{ sudo: 'yes', doas: 'yes' }, 'sudo'],
    [{ sudo: 'no', doas: 'yes' }, 'doas'],
    [{ sudo: 'no' }, undefined],
  ])('knows how to become root: %j', (change, privilege) => {
    expect(parseFacts(linesOf({ ...answer, ...change } as Record<string, string>)).privilege).toBe(privilege);
  });

  test.each(Object.keys(answer).filter((name) => !optional.includes(name)))(
    'names a missing %s',
    (missing) => {
      // doas is only asked for where there is no sudo
      const rest: Record<string, string> = { ...answer, sudo: 'no' };
      delete rest[missing];
      expect(() => parseFacts(linesOf(rest))).toThrow(`the target did not say its ${missing}`);
    },
  );

  test('names the first missing fact when nothing came, and shows what came instead', () => {
    expect(() => parseFacts('')).toThrow('did not say its os');
    const refused = 'This account is currently not available.';
    expect(() => parseFacts(refused)).toThrow(expect.objectContaining({ lastLines: [refused] }));
  });

  test('is not misled by other lines', () => {
    const noisy = `Last login: today\n=\n  =x\n${linesOf(answer)}\nlogout\nos=Other\n`;
    expect(parseFacts(noisy)).toEqual(parseFacts(linesOf(answer)));
  });
});

describe('parseFields', () => {
  test('gives back any fields, in order, with all their values', () => {
    const name = fc.stringMatching(/^[a-zA-Z]{1,8}$/);
    const value = nastyText.filter((text) => !text.includes('\n')).map((text) => text.trim());
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (fields) => {
        expect(parseFields(fields.map((field) => `${field.join('=')}\n`).join(''))).toEqual(fields);
      }),
    );
  });

  test('takes any text', () => {
    fc.assert(fc.property(nastyText, (text) => void parseFields(text)));
  });
});
