import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseInventory } from '../../src/plan/disks/inventory';
import { addedKeyComment, parseFacts, parseFields } from '../../src/plan/facts';
import { parsePublicKeys } from '../../src/ssh/host-keys';
import { makeKey } from '../../testbed/sshd.mts';
import { Machine, shells } from './scripts';

describe.each(shells)('under %s', (shell) => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine(shell);
  });
  afterEach(() => machine.remove());

  const write = (path: string, text: string, mode = 0o644) => {
    mkdirSync(dirname(machine.path(path)), { recursive: true });
    writeFileSync(machine.path(path), text, { mode });
  };
  const read = (path: string) => readFileSync(machine.path(path), 'utf8');
  const modeOf = (path: string) => (statSync(machine.path(path)).mode & 0o777).toString(8);

  describe('facts.sh', () => {
    const factsWith = (release: string, setup = ':', network = false) => {
      write('/tmp/os-release', release);
      const mount = 'mount --bind /tmp/os-release /etc/os-release';
      const { code, stdout, stderr } = machine.run('facts.sh', [], {
        setup: `${mount}\n${setup}`,
        network,
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return parseFacts(stdout);
    };

    test('gives every fact of this machine', () => {
      const hasTool = shell === 'dash' ? 'command -v' : 'busybox --list | grep -qx';
      expect(factsWith('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12"\n')).toMatchObject({
        os: 'Linux',
        architecture: execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim(),
        kernel: execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim(),
        distribution: 'Debian GNU/Linux 12',
        isNixos: false,
        isInstaller: false,
        isRoot: true,
        privilege: 'none',
        missingTools: ['tar', 'cpio', 'gzip', 'setsid', 'nohup', 'sh', 'find'].filter(
          (tool) => spawnSync('sh', ['-c', `${hasTool} ${tool}`]).status !== 0,
        ),
        memoryKiB: Number(/MemTotal: *(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]),
        bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
        uefi: existsSync('/sys/firmware/efi'),
      });
    });

    test.each([
      ['ID=nixos\nVARIANT_ID=installer\n', true, true],
      ['ID=nixos\nVARIANT_ID="installer"\n', true, true],
      ["ID='nixos'\nVARIANT_ID='installer'\n", true, true],
      ['ID=nixos\nVARIANT="Installer"\n', true, true],
      ['ID=mine\nID_LIKE="arch nixos"\nVARIANT_ID=installer\n', true, true],
      ['ID=nixos\n', true, false],
      ['ID=nixos\nVARIANT_ID=installer-not\n', true, false],
      ['ID=debian\nVARIANT_ID=installer\n', false, false],
      ['ID=nixos-like\n', false, false],
      ['', false, false],
    ])('tells NixOS and its installer from others: %j', (release, isNixos, isInstaller) => {
      expect(factsWith(release)).toMatchObject({ isNixos, isInstaller });
    });

    test('takes hostile os-release text for text', () => {
      const { distribution, bootId } = factsWith(
        'PRETTY_NAME="$(touch /tmp/pwned)`x`; bootId=1 ::set-output"\n',
      );
      expect(distribution).toBe('$(touch /tmp/pwned)`x`; bootId=1 ::set-output');
      expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
      expect(existsSync(machine.path('/tmp/pwned'))).toBe(false);
    });

    describe('a way out by IPv6 alone', () => {
      const link =
        'ip link add lan type veth peer name other; ip link set lan up; ip link set other up; ip addr add 192.0.2.2/24 dev lan; ip addr add 2001:db8::2/64 dev lan nodad';
      const [v4, v6] = ['ip route add default via 192.0.2.1', 'ip -6 route add default via 2001:db8::1'];
      test.each([
        ['is told', v6, true],
        ['by the route of a provider', 'ip -6 route add 2000::/3 via 2001:db8::1', true],
        ['with a route that rejects IPv4', `${v6}; ip route add unreachable default`, true],
        ['is none where IPv4 leads out too', `${v4}; ${v6}`, false],
        ['is none with IPv4', v4, false],
        ['is none where IPv6 is rejected', 'ip -6 route add unreachable default', false],
        ['is none with another route', 'ip -6 route add 2001:db8:1::/48 via 2001:db8::1', false],
        ['is none without any', ':', false],
      ])('%s', (_, routes, ipv6Only) => {
        expect(factsWith('', `${link}; ${routes}`, true)).toMatchObject({ ipv6Only });
      });
    });

    describe('a link by wireless alone', () => {
      const root = '/tmp/net';
      const device = (name: string, files: Record<string, string>) => {
        for (const [file, text] of Object.entries(files)) write(`${root}/${name}/${file}`, text);
      };
      const wlan = () => device('wlan0', { 'device/vendor': '', 'phy80211/name': 'phy0', carrier: '1\n' });
      const wlanOld = () => device('wlan1', { 'device/vendor': '', 'wireless/link': '70', carrier: '1\n' });
      const wire = (carrier: string) => () => device('eth0', { 'device/vendor': '', carrier });
      const virtual = () => {
        device('lo', { carrier: '1\n' });
        device('tun0', { carrier: '1\n' });
        device('docker0', { carrier: '1\n' });
      };
      test.each([
        ['is told', [wlan, virtual], true],
        ['by the folder of old drivers', [wlanOld], true],
        ['with a cable that leads nowhere', [wlan, wire('0\n'), virtual], true],
        ['is none with a cable', [wlan, wire('1\n')], false],
        ['is none without wireless', [wire('1\n'), virtual], false],
        ['is none where no device has hardware', [virtual], false],
        ['is none where there is no device', [], false],
      ])('%s', (_, devices, wirelessOnly) => {
        mkdirSync(machine.path(root), { recursive: true });
        for (const make of devices) make();
        expect(factsWith('', `mount --bind ${root} /sys/class/net`)).toMatchObject({ wirelessOnly });
      });
    });

    test('works without os-release', () => {
      const facts = factsWith('', 'umount /etc/os-release; mount --bind /dev/null /etc/os-release');
      expect(facts).toMatchObject({ distribution: '', isNixos: false });
    });
  });

  describe('authorize.sh and deauthorize.sh', () => {
    const line = `ssh-ed25519 AAAAC3Nz+x/y== ${addedKeyComment}`;
    const keys = '/root/.ssh/authorized_keys';

    test('make the folder and the file where there is none', () => {
      expect(machine.run('authorize.sh', [line])).toEqual({ code: 0, stdout: '', stderr: '' });
      expect(read(keys)).toBe(`${line}\n`);
      expect([modeOf('/root/.ssh'), modeOf(keys)]).toEqual(['700', '600']);
      expect(machine.run('deauthorize.sh', [addedKeyComment])).toEqual({ code: 0, stdout: '', stderr: '' });
      expect(read(keys)).toBe('');
    });

    test.each(['ssh-rsa AAAA me\n', '# comment\n\nssh-rsa AAAA me', `${line} and more\n`])(
      'leave other lines, mode and links as they were: %j',
      (before) => {
        write('/root/.ssh/elsewhere', before, 0o640);
        chmodSync(machine.path('/root/.ssh/elsewhere'), 0o640);
        symlinkSync('elsewhere', machine.path(keys));
        machine.run('authorize.sh', [line]);
        expect(read(keys)).toBe(`${before.trimEnd()}\n${line}\n`);
        machine.run('deauthorize.sh', [addedKeyComment]);
        expect(read('/root/.ssh/elsewhere')).toBe(`${before.trimEnd()}\n`);
        expect(modeOf('/root/.ssh/elsewhere')).toBe('640');
        expect(readdirSync(machine.path('/root/.ssh')).toSorted()).toEqual(['authorized_keys', 'elsewhere']);
      },
    );

    test('upstream lesson: read-only roots: no blind chmod', () => {
      write(keys, `${line}\n`, 0o640);
      chmodSync(machine.path(keys), 0o640);
      const readOnly = 'mount --bind /root /root; mount -o remount,bind,ro /root';
      // the key is there already: nothing needs to be written
      expect(machine.run('authorize.sh', [line], { setup: readOnly })).toMatchObject({ code: 0, stderr: '' });
      const { code, stderr } = machine.run('authorize.sh', [`${line} 2`], { setup: readOnly });
      expect(code).not.toBe(0);
      expect(stderr).toContain('Read-only file system');
      expect([read(keys), modeOf(keys)]).toEqual([`${line}\n`, '640']);
    });

    test('deauthorize.sh also takes what runs that were killed have left', () => {
      const mine = `ssh-rsa AAAA me\nssh-rsa AAAA my ${addedKeyComment.toUpperCase()}\n`;
      write(keys, `ssh-ed25519 BBBB ${addedKeyComment}\n${mine}${line}\n`);
      expect(machine.run('deauthorize.sh', [addedKeyComment]).code).toBe(0);
      expect(read(keys)).toBe(mine);
    });

    test('deauthorize.sh is content where nothing is to be removed', () => {
      expect(machine.run('deauthorize.sh', [addedKeyComment]).code).toBe(0);
      write(keys, 'ssh-rsa AAAA me\n');
      expect(machine.run('deauthorize.sh', [addedKeyComment]).code).toBe(0);
      expect(read(keys)).toBe('ssh-rsa AAAA me\n');
    });

    test('deauthorize.sh leaves the file alone when the rest of it cannot be written', () => {
      const text = `ssh-rsa ${'A'.repeat(400_000)} me\n${line}\n`;
      write(keys, text);
      const full = 'mkdir /mnt/ssh; cp -a /root/.ssh/. /mnt/ssh; mount -t tmpfs -o size=600k none /root/.ssh';
      const { code } = machine.run('deauthorize.sh', [addedKeyComment], {
        setup: `${full}; cp -a /mnt/ssh/. /root/.ssh; mount --bind /mnt/ssh/authorized_keys ${keys}`,
      });
      expect(code).not.toBe(0);
      expect(read('/mnt/ssh/authorized_keys').length).toBe(text.length);
    });
  });

  describe('access.sh', () => {
    const access = (key: string, setup = ':') => {
      const { code, stdout } = machine.run('access.sh', [key, addedKeyComment], { setup });
      expect(code).toBe(0);
      const fields = parseFields(stdout);
      return {
        authorized: fields.find(([name]) => name === 'authorized')?.[1],
        hostKeys: fields.filter(([name]) => name === 'hostKey').map(([, value]) => value),
      };
    };

    test.each(['/root/.ssh/authorized_keys', '/root/.ssh/authorized_keys2'])(
      'finds the key in %s',
      (path) => {
        write(path, 'ssh-ed25519 AAAA+KEY/1== me\n');
        expect(access('AAAA+KEY/1==').authorized).toBe('yes');
        expect(access('AAAA+KEY/2==').authorized).toBe('no');
      },
    );

    test('finds it in the home of the user who called sudo or doas, as kexec/run does', () => {
      write('/home/me/.ssh/authorized_keys', 'ssh-ed25519 AAAAKEY\n');
      write('/tmp/passwd', 'root:x:0:0::/root:/bin/sh\nme:x:1000:1000:,,,:/home/me:/bin/sh\n');
      const as = (user: string) => `mount --bind /tmp/passwd /etc/passwd; export ${user}`;
      expect(access('AAAAKEY').authorized).toBe('no');
      expect(access('AAAAKEY', as('SUDO_USER=me')).authorized).toBe('yes');
      expect(access('AAAAKEY', as('DOAS_USER=me')).authorized).toBe('yes');
    });

    test('tells what a run that was killed has left from what is there to stay', () => {
      const left = `ssh-ed25519 AAAAKEY ${addedKeyComment}\n`;
      write('/root/.ssh/authorized_keys', left);
      expect(access('AAAAKEY').authorized).toBe('left');
      write('/root/.ssh/authorized_keys2', 'ssh-ed25519 AAAAKEY me\n');
      expect(access('AAAAKEY').authorized).toBe('yes');
      write('/root/.ssh/authorized_keys2', '');
      write('/root/.ssh/authorized_keys', `${left}ssh-ed25519 AAAAKEY me\n`);
      expect(access('AAAAKEY').authorized).toBe('yes');
    });

    test('does not count a line that is a comment', () => {
      write('/root/.ssh/authorized_keys', '# ssh-ed25519 AAAAKEY\n  #AAAAKEY\n');
      expect(access('AAAAKEY').authorized).toBe('no');
    });

    test('lists the host keys that have their private half', () => {
      mkdirSync(machine.path('/etc/ssh'), { recursive: true });
      const pair = makeKey(machine.path('/etc/ssh/ssh_host_ed25519_key'));
      write('/etc/ssh/ssh_host_rsa_key.pub', 'ssh-rsa AAAA alone\n');
      expect(access('x').hostKeys).toEqual([pair.public.split(' ').slice(0, 2).join(' ')]);
    });
  });

  describe('host-keys.sh', () => {
    const paths = ['ed25519', '/etc/ssh/ssh_host_ed25519_key', '', 'rsa', '/persist/deep/rsa key', '2048'];
    const run = (copy: string, args = paths, setup = ':') => {
      const { code, stdout, stderr } = machine.run('host-keys.sh', [copy, ...args], { setup });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return parsePublicKeys(stdout).map(({ type, base64 }) => `${type} ${base64}`);
    };
    const publicAt = (path: string) =>
      execFileSync('ssh-keygen', ['-y', '-f', machine.path(path)], { encoding: 'utf8' })
        .split(' ')
        .slice(0, 2)
        .join(' ')
        .trim();

    test('makes the configured keys and tells their public halves', () => {
      const keys = run('no');
      expect(keys).toEqual([
        publicAt('/mnt/etc/ssh/ssh_host_ed25519_key'),
        publicAt('/mnt/persist/deep/rsa key'),
      ]);
      const bits = execFileSync('ssh-keygen', ['-l', '-f', machine.path('/mnt/persist/deep/rsa key')], {
        encoding: 'utf8',
      });
      expect(bits).toMatch(/^2048 /);
      expect(modeOf('/mnt/etc/ssh/ssh_host_ed25519_key')).toBe('600');
      expect(modeOf('/mnt/etc/ssh/ssh_host_ed25519_key.pub')).toBe('644');
      expect([modeOf('/mnt/etc'), modeOf('/mnt/etc/ssh'), modeOf('/mnt/persist')]).toEqual([
        '755',
        '755',
        '755',
      ]);
    });

    test('replaces nothing: a second run tells the same keys', () => {
      const keys = run('no');
      expect(run('no')).toEqual(keys);
      expect(run('yes')).toEqual(keys);
    });

    test('copies those of the installer, with their modes, and makes only what is missing', () => {
      mkdirSync(machine.path('/etc/ssh'), { recursive: true });
      const pair = makeKey(machine.path('/etc/ssh/ssh_host_ed25519_key'));
      const keys = run('yes');
      expect(keys[0]).toBe(pair.public.split(' ').slice(0, 2).join(' '));
      expect(keys[1]).toBe(publicAt('/mnt/persist/deep/rsa key'));
      expect(modeOf('/mnt/etc/ssh/ssh_host_ed25519_key')).toBe('600');
    });

    test('copies a key that a group may read as one that sshd takes', () => {
      mkdirSync(machine.path('/etc/ssh'), { recursive: true });
      const pair = makeKey(machine.path('/etc/ssh/ssh_host_ed25519_key'));
      const keys = run('yes', paths.slice(0, 3), 'chmod 640 /etc/ssh/ssh_host_ed25519_key');
      expect(keys).toEqual([pair.public.split(' ').slice(0, 2).join(' ')]);
      expect(modeOf('/mnt/etc/ssh/ssh_host_ed25519_key')).toBe('600');
    });

    test('does not copy unless asked to', () => {
      mkdirSync(machine.path('/etc/ssh'), { recursive: true });
      const pair = makeKey(machine.path('/etc/ssh/ssh_host_ed25519_key'));
      expect(run('no')[0]).not.toBe(pair.public.split(' ').slice(0, 2).join(' '));
    });

    test('never copies over a key that is there', () => {
      mkdirSync(machine.path('/etc/ssh'), { recursive: true });
      makeKey(machine.path('/etc/ssh/ssh_host_ed25519_key'));
      mkdirSync(machine.path('/mnt/etc/ssh'), { recursive: true });
      const supplied = makeKey(machine.path('/mnt/etc/ssh/ssh_host_ed25519_key'));
      expect(run('yes', paths.slice(0, 3))).toEqual([supplied.public.split(' ').slice(0, 2).join(' ')]);
      expect(read('/mnt/etc/ssh/ssh_host_ed25519_key')).toBe(supplied.private);
    });

    test('tells the public half of a key that came without one', () => {
      mkdirSync(machine.path('/mnt/etc/ssh'), { recursive: true });
      const supplied = makeKey(machine.path('/mnt/etc/ssh/ssh_host_ed25519_key'));
      const setup = 'rm /mnt/etc/ssh/ssh_host_ed25519_key.pub';
      expect(run('no', paths.slice(0, 3), setup)).toEqual([supplied.public.split(' ').slice(0, 2).join(' ')]);
    });

    test.each([
      ['at a place that the boot fills', '/run/secrets/key', ':', 'it is made at boot'],
      ['in memory', '/etc/ssh/key', 'mount -t tmpfs none /mnt', 'it lies in memory'],
      [
        'below what is no folder',
        '/file/key',
        'touch /mnt/file',
        'above it is a link that leads out of /mnt, or a file',
      ],
      [
        'behind a link into the installer',
        '/etc/ssh/key',
        'mkdir /mnt/etc && ln -s /home /mnt/etc/ssh',
        'above it is a link that leads out of /mnt, or a file',
      ],
    ])('says that it cannot know a key %s, and makes the others', (_, path, setup, reason) => {
      const also = ['ed25519', '/persist/key', ''];
      const kept = 'mkdir -p /tmp/kept /mnt/persist && mount --bind /tmp/kept /mnt/persist';
      const { code, stdout } = machine.run('host-keys.sh', ['no', 'ed25519', path, '', ...also], {
        setup: `${setup}\n${kept}`,
      });
      expect(code).toBe(0);
      expect(parseFields(stdout).filter(([name]) => name === 'unknown')).toEqual([
        ['unknown', `${path}: ${reason}`],
      ]);
      expect(parsePublicKeys(stdout)).toHaveLength(1);
      expect(existsSync(machine.path('/mnt/run'))).toBe(false);
    });

    test('copies nothing behind a link that leads out of /mnt', () => {
      mkdirSync(machine.path('/etc/ssh'), { recursive: true });
      makeKey(machine.path('/etc/ssh/ssh_host_ed25519_key'));
      const setup = 'mkdir /mnt/etc && ln -s /home /mnt/etc/ssh';
      const { code, stderr } = machine.run('host-keys.sh', ['yes'], { setup });
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('leads out of /mnt') });
      expect(readdirSync(machine.path('/home'))).toEqual([]);
    });

    test('without configured keys and without copying it does nothing', () => {
      expect(run('no', [])).toEqual([]);
      expect(readdirSync(machine.path('/mnt'))).toEqual([]);
    });
  });

  test('public-keys.sh tells the public halves of what is there', () => {
    mkdirSync(machine.path('/mnt/etc/secrets/initrd'), { recursive: true });
    const first = makeKey(machine.path('/mnt/etc/secrets/initrd/first key'));
    const locked = makeKey(machine.path('/mnt/etc/secrets/initrd/locked'), 'ed25519', 'a passphrase');
    write('/mnt/etc/secrets/initrd/garbage', 'no key');
    const paths = ['first key', 'missing', 'garbage', 'locked'].map((name) => `/etc/secrets/initrd/${name}`);
    const { code, stdout, stderr } = machine.run('public-keys.sh', paths);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = [first, locked].map((pair) => pair.public.split(' ')[1]);
    expect(parsePublicKeys(stdout).map(({ base64 }) => base64)).toEqual(lines);
  });

  describe('check-installed.sh', () => {
    const system = '/nix/store/abc-nixos-system-demo';
    const install = (leadsTo = system) => {
      mkdirSync(machine.path(`/mnt${system}`), { recursive: true });
      mkdirSync(machine.path('/mnt/nix/var/nix/profiles'), { recursive: true });
      symlinkSync('system-1-link', machine.path('/mnt/nix/var/nix/profiles/system'));
      symlinkSync(leadsTo, machine.path('/mnt/nix/var/nix/profiles/system-1-link'));
      write('/mnt/etc/NIXOS', '');
    };
    const args = (loader: string) => [system, loader, '/boot', '/boot', 'bootx64.efi', '/boot', '/boot'];
    const check = (setup = ':', loader = 'other') =>
      machine.run('check-installed.sh', args(loader), { setup });

    test('is content with what nixos-install leaves', () => {
      install();
      expect(check()).toEqual({ code: 0, stdout: '', stderr: '' });
    });

    test('takes a profile whose links are absolute', () => {
      install();
      const relink = 'ln -sfn /nix/var/nix/profiles/system-1-link /mnt/nix/var/nix/profiles/system';
      expect(check(relink).code).toBe(0);
    });

    test.each([
      ['no profile', 'rm /mnt/nix/var/nix/profiles/system', /no system profile/],
      ['a profile that leads nowhere', 'rm /mnt/nix/var/nix/profiles/system-1-link', /leads to .*, not to/],
      ['no system in the store', `rmdir /mnt${system}`, /not in the store below/],
      ['no mark', 'rm /mnt/etc/NIXOS', /NIXOS is missing/],
    ])('refuses %s', (_, setup, message) => {
      install();
      const { code, stderr } = check(setup);
      expect(code).toBe(1);
      expect(stderr).toMatch(message);
    });

    test('refuses another system', () => {
      install('/nix/store/other');
      expect(check()).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('leads to /nix/store/other'),
      });
    });

    /**
     * Shell text that fills /mnt/boot as systemd-boot does. Not every kernel knows vfat (the virtual machines have a real
     * one): the table of mounts says so here.
     */
    const esp = `
      mount -t tmpfs none /proc
      mkdir /proc/self
      ln -s /bin/busybox /proc/self/exe
      echo '/dev/vda1 /mnt/boot vfat rw 0 0' >/proc/mounts
      mkdir -p /mnt/boot/EFI/systemd /mnt/boot/EFI/BOOT /mnt/boot/EFI/nixos /mnt/boot/loader/entries
      for file in EFI/systemd/systemd-bootx64.efi EFI/BOOT/BOOTX64.EFI EFI/nixos/kernel.efi EFI/nixos/initrd.efi; do
        echo x >/mnt/boot/$file
      done
      entry=/mnt/boot/loader/entries/nixos-generation-1.conf
      printf '%s\\n' 'title NixOS' 'linux /EFI/nixos/kernel.efi' 'initrd /EFI/nixos/initrd.efi' \\
        'options init=${system}/init loglevel=4' >$entry
      printf 'linux /EFI/nixos/old.efi\\noptions init=/nix/store/old/init\\n' >/mnt/boot/loader/entries/nixos-generation-0.conf`;

    test.each([
      ['as it is made', ':'],
      ['the loader at its fallback place only', 'rm /mnt/boot/EFI/systemd/*'],
      ['the loader at its own place only', 'rm -r /mnt/boot/EFI/BOOT'],
      ['entries that count boots', 'mv $entry /mnt/boot/loader/entries/nixos-generation-1+3.conf'],
      ['init as a later option', 'sed -i "s/init=/quiet init=/" $entry'],
    ])('systemd-boot passes: %s', (_, change) => {
      install();
      expect(check(`${esp}\n${change}`, 'systemd-boot')).toEqual({ code: 0, stdout: '', stderr: '' });
    });

    test.each([
      ['no EFI partition', ': >/proc/mounts', /no EFI partition \(vfat\) is mounted at \/mnt\/boot/],
      [
        'another file system',
        'echo /dev/vda1 /mnt/boot ext4 rw 0 0 >/proc/mounts',
        /no EFI partition \(vfat\) is mounted/,
      ],
      [
        'no loader',
        'rm -r /mnt/boot/EFI/BOOT /mnt/boot/EFI/systemd',
        /systemd-boot is not on the EFI partition/,
      ],
      ['no entry for it', 'rm $entry', /no boot entry .* starts \/nix\/store\/abc/],
      ['no entries', 'rm -r /mnt/boot/loader', /no boot entry/],
      ['no kernel', 'rm /mnt/boot/EFI/nixos/kernel.efi', /no boot entry/],
      ['half a kernel', ': >/mnt/boot/EFI/nixos/kernel.efi', /no boot entry/],
      ['no initrd', 'rm /mnt/boot/EFI/nixos/initrd.efi', /no boot entry/],
      ['an entry without a kernel', 'sed -i /^linux/d $entry', /no boot entry/],
      ['an entry for a longer name', `sed -i s,${system}/,${system}-2/, $entry`, /no boot entry/],
      ['an entry that only mentions it', 'sed -i s/^options/#options/ $entry', /no boot entry/],
    ])('systemd-boot is refused: %s', (_, change, message) => {
      install();
      const { code, stderr } = check(`${esp}\n${change}`, 'systemd-boot');
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(message) });
    });

    test.each(['grub', 'grub-efi'])('%s needs a configuration that names the system', (loader) => {
      install();
      expect(check(':', loader)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no /mnt/boot/grub/'),
      });
      write('/mnt/boot/grub/grub.cfg', 'linux /kernel init=/nix/store/old/init\n');
      expect(check(':', loader)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('does not start'),
      });
      write('/mnt/boot/grub/grub.cfg', `linux /kernel init=${system}/init\n`);
      const missing = 'GRUB is not on the EFI partition';
      expect(check(':', loader)).toMatchObject(
        loader === 'grub' ? { code: 0 } : { code: 1, stderr: expect.stringContaining(missing) },
      );
      write('/mnt/boot/EFI/NixOS-boot/grubx64.efi', 'x');
      expect(check(':', loader).code).toBe(0);
    });

    test('grub is looked for wherever it is mirrored', () => {
      install();
      const boots = ['/boot1', '/boot1', '/boot2', '/efi2'];
      const mirrored = (loader = 'grub') =>
        machine.run('check-installed.sh', [system, loader, '/boot', '/boot', 'bootx64.efi', ...boots]);
      write('/mnt/boot1/grub/grub.cfg', `init=${system}/init\n`);
      expect(mirrored()).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('/mnt/boot2/grub/grub.cfg'),
      });
      write('/mnt/boot2/grub/grub.cfg', `init=${system}/init\n`);
      expect(mirrored().code).toBe(0);
      // each on the EFI partition of its own; there need not be another
      write('/mnt/boot1/EFI/NixOS-boot1/grubx64.efi', 'x');
      expect(mirrored('grub-efi')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('/mnt/efi2 has no .efi file'),
      });
      write('/mnt/efi2/EFI/NixOS-efi2/grubx64.efi', 'x');
      expect(mirrored('grub-efi').code).toBe(0);
    });
  });

  test('mounted.sh sees whether something is mounted at /mnt itself', () => {
    const unmounted = { setup: 'umount /mnt; mkdir -p /mnt/below && mount -t tmpfs none /mnt/below' };
    const { code, stderr } = machine.run('mounted.sh', [], unmounted);
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'nothing is mounted at /mnt\n' });
    expect(machine.run('mounted.sh', [], { setup: 'umount /mnt; mount -t tmpfs none /mnt' }).code).toBe(0);
  });

  describe('release-disks.sh', () => {
    const mount = (path: string) => `mkdir -p '${path}'; mount -t tmpfs none '${path}'`;
    const mounts = [mount('/mnt'), mount('/mnt/a b'), mount('/mnt/a b/c')].join('; ');
    /** What is said to be still mounted; what this computer itself may have below /mnt is not the machine's. */
    const leftAfter = (setup: string) => {
      // not this computer's pools
      if (shell === 'dash') machine.hide('zpool');
      const { code, stdout, stderr } = machine.run('release-disks.sh', [], { setup });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return stdout.split('\n').filter((line) => /^\/mnt($|\/a)/.test(line));
    };

    test('lets go of what is at /mnt and below', () => {
      expect(leftAfter(mounts)).toEqual([]);
    });

    test('names what is still in use', () => {
      expect(leftAfter(`${mounts}; cd '/mnt/a b'`)).toEqual(['/mnt/a\\040b', '/mnt']);
    });
  });

  describe('bridges-end.sh', () => {
    const bridges = '/run/nixos-anywhere/bridges';
    const startTime = (pid: number) =>
      readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ')[19];
    const isAlive = (pid: number) =>
      existsSync(`/proc/${pid}`) && !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

    test('ends the recorded process, deaf to SIGTERM as it may be, and waits for that', () => {
      const child = spawn('sh', ['-c', 'trap "" TERM; while :; do sleep 1; done']);
      const pid = child.pid ?? 0;
      write(`${bridges}/${pid}`, `${startTime(pid)}\n`);
      expect(machine.run('bridges-end.sh')).toMatchObject({ code: 0 });
      expect(isAlive(pid)).toBe(false);
      expect(readdirSync(machine.path(bridges))).toEqual([]);
    });

    test('leaves a process alone that only has the number of the recorded one', () => {
      const child = spawn('sleep', ['60']);
      const pid = child.pid ?? 0;
      write(`${bridges}/${pid}`, `${Number(startTime(pid)) - 1}\n`);
      expect(machine.run('bridges-end.sh')).toMatchObject({ code: 0 });
      expect(isAlive(pid)).toBe(true);
      child.kill('SIGKILL');
      expect(readdirSync(machine.path(bridges))).toEqual([]);
    });

    test('takes a record of a process that is gone away, also one that was cut off', () => {
      write(`${bridges}/4194303`, '123\n');
      write(`${bridges}/4194302`, '');
      expect(machine.run('bridges-end.sh')).toEqual({ code: 0, stdout: '', stderr: '' });
      expect(readdirSync(machine.path(bridges))).toEqual([]);
    }, 10_000);

    test('is content where there never was a bridge', () => {
      expect(machine.run('bridges-end.sh')).toEqual({ code: 0, stdout: '', stderr: '' });
    });

    test('knows what bridge.sh wrote down', async () => {
      writeFileSync(`${machine.bin}/nix-daemon`, '#!/bin/sh\necho "$@"\nexec sleep 60\n', { mode: 0o755 });
      const bridge = machine.start('bridge.sh', ['local?root=/mnt', '--option', 'x', 'a b']);
      while (bridge.output.stdout === '') await new Promise((resolve) => setTimeout(resolve, 20));
      expect(bridge.output.stdout).toBe('--stdio --store local?root=/mnt --option x a b\n');
      expect(machine.run('bridges-end.sh').code).toBe(0);
      await bridge.ended;
      expect(readdirSync(machine.path(bridges))).toEqual([]);
    });
  });

  describe('disks.sh', () => {
    /** A /sys and a /dev of the test's own; devices that are looked into are files there. */
    const setup = (more = '') => `
block() { # NAME MAJOR:MINOR KIB [DISK]
  at=/tmp/block/\${4:+$4/}$1
  mkdir -p $at/device $at/slaves; echo $(($3 * 2)) >$at/size; echo $2 >$at/dev
  [ -z "\${4:-}" ] || echo \${1##*[a-z]} >$at/partition
}
node() { mknod /dev/shm/$1 b $2 $3; }
mount -t tmpfs none /dev/shm
mkdir -p /dev/shm/disk/by-id /dev/shm/mapper
cp -a /dev/null /dev/zero /dev/shm
block sda 7:200 4000; node sda 7 200
printf ' My\\tdisk "3000"   \\n' >/tmp/block/sda/device/model
printf '\\0\\200\\0\\012WD 12 34  \\0' >/tmp/block/sda/device/vpd_pg80
echo naa.5000 >/tmp/block/sda/device/wwid
ln -s ../../sda /dev/shm/disk/by-id/ata-My_disk
block sda1 7:201 1000 sda; cp /tmp/ext4 /dev/shm/sda1
block sda2 7:202 1000 sda; cp /tmp/pv /dev/shm/sda2
block nvme0n1 7:203 5000; printf S1 >/tmp/block/nvme0n1/device/serial; echo eui.12 >/tmp/block/nvme0n1/wwid
for each in sr0 fd0 zram0 ram1 mmcblk0boot0; do block $each 7:204 70; done
block sdb 7:205 0
block nvme0c0n1 7:206 5000; echo 1 >/tmp/block/nvme0c0n1/hidden
block loop7 7:207 50; mkdir /tmp/block/loop7/loop; echo /var/a file >/tmp/block/loop7/loop/backing_file
block dm-0 7:208 60; mkdir /tmp/block/dm-0/dm; echo vg-a >/tmp/block/dm-0/dm/name; echo LVM-x >/tmp/block/dm-0/dm/uuid
touch /tmp/block/dm-0/slaves/sda2; node mapper/vg-a 7 208
${more}
mount --bind /tmp/block /sys/block
mkdir /tmp/dev; cp -a /dev/shm/. /tmp/dev; mount --bind /tmp/dev /dev`;

    /** A physical volume as LVM writes it, its text so placed that it goes round the end of its area. */
    function physicalVolume(text: string): Buffer {
      const [start, size] = [4096, 8192];
      // blkid takes less than 1.44 MB for a floppy
      const volume = Buffer.alloc(4 * 1024 * 1024);
      volume.write('LABELONE', 512);
      volume.writeBigUInt64LE(1n, 520);
      volume.write('LVM2 001', 536);
      volume.write('PVID'.padEnd(32, '0'), 544);
      const places = [1_048_576n, 0n, 0n, 0n, BigInt(start), BigInt(size)];
      for (const [index, place] of places.entries()) volume.writeBigUInt64LE(place, 584 + index * 8);
      const offset = size - 512;
      volume.writeBigUInt64LE(BigInt(offset), start + 40);
      volume.writeBigUInt64LE(BigInt(text.length), start + 48);
      volume.write(text.slice(0, 512), start + offset);
      volume.write(text.slice(512), start + 512);
      volume.writeUInt32LE(32, 532);
      volume.writeUInt32LE(lvmChecksum(volume.subarray(532, 1024)), 528);
      return volume;
    }

    /** A CRC-32 that begins elsewhere and is not inverted; blkid looks at it. */
    function lvmChecksum(bytes: Buffer): number {
      let sum = 0xf597a6cf;
      for (const byte of bytes) {
        sum ^= byte;
        for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
      }
      return sum >>> 0;
    }
    const metadata = `my-vg {\nid = "GROUP"\n\tname # a comment }\n${'# and more of it\n'.repeat(60)}logical_volumes {\nroot {\nid = "LV"\nstatus = ["VISIBLE"]\n}\n}\n}\n\0`;

    const inventoryWith = (paths: string[], more = '') => {
      writeFileSync(machine.path('/tmp/pv'), physicalVolume(metadata));
      writeFileSync(machine.path('/tmp/ext4'), Buffer.alloc(1024 * 1024));
      execFileSync('mkfs.ext4', [
        '-q',
        '-U',
        '01234567-89ab-cdef-0123-456789abcdef',
        '-L',
        'two words',
        machine.path('/tmp/ext4'),
      ]);
      const { code, stdout, stderr } = machine.run('disks.sh', paths, { setup: setup(more) });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return parseInventory(stdout, paths);
    };

    test('tells disks, what tells them from each other, and what is on them', () => {
      const { devices, complete } = inventoryWith([]);
      expect(complete).toBe(shell === 'dash');
      const found = devices.map(({ name, kind, bytes, serial, wwn }) => [name, kind, bytes, serial, wwn]);
      expect(found).toEqual([
        ['dm-0', 'dm', 61440, '', ''],
        ['loop7', 'loop', 51200, '', ''],
        ['nvme0n1', 'disk', 5_120_000, 'S1', 'eui.12'],
        ['sda', 'disk', 4_096_000, 'WD 12 34', '0x5000'],
        ['sda1', 'partition', 1_024_000, '', ''],
        ['sda2', 'partition', 1_024_000, '', ''],
      ]);
      const device = (name: string) => devices.find((each) => each.name === name);
      expect(device('sda')).toMatchObject({
        model: 'My disk "3000"',
        links: ['/dev/disk/by-id/ata-My_disk'],
      });
      expect(device('sda1')).toMatchObject({ disk: 'sda', partition: 1 });
      // BusyBox's blkid looks into block devices only
      if (shell === 'dash')
        expect(device('sda1')).toMatchObject({
          type: 'ext4',
          label: 'two words',
          uuid: '01234567-89ab-cdef-0123-456789abcdef',
        });
      expect(device('dm-0')).toMatchObject({ path: '/dev/mapper/vg-a', dmUuid: 'LVM-x', slaves: ['sda2'] });
      expect(device('loop7')?.backingFile).toBe('/var/a file');
    });

    test('reads the metadata of volume groups itself, round the end of its area', () => {
      const sda2 = inventoryWith([]).devices.find(({ name }) => name === 'sda2');
      expect(sda2).toMatchObject({
        type: 'LVM2_member',
        physicalVolume: 'PVID'.padEnd(32, '0'),
        orphan: false,
        lvm: { name: 'my-vg', id: 'GROUP', volumes: [{ name: 'root', id: 'LV', visible: true }] },
      });
    });

    test('says to which device each path leads', () => {
      write('/tmp/file', '');
      const paths = [
        '/dev/nothing here',
        '/tmp/file',
        '/dev/null',
        '/dev/disk/by-id/ata-My_disk',
        '/dev/mapper/vg-a',
      ];
      expect(inventoryWith(paths).asked).toEqual({
        '/dev/nothing here': '',
        '/tmp/file': '',
        '/dev/null': '',
        '/dev/disk/by-id/ata-My_disk': 'sda',
        '/dev/mapper/vg-a': 'dm-0',
      });
    });

    test('does not look into a device that is suspended: it would wait', () => {
      const suspended = 'echo 1 >/tmp/block/dm-0/dm/suspended; mkfifo /dev/shm/dm-0';
      expect(inventoryWith([], suspended).devices.map(({ name }) => name)).toContain('dm-0');
    });
  });
});
