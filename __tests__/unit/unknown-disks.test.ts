import { describe, expect, test } from 'vitest';
import type { Disk } from '../../src/plan/facts';
import { checkUnknownDisks } from '../../src/plan/unknown-disks';

const sda: Disk = { device: '/dev/sda', bytes: 1, model: 'Big', byId: '/dev/disk/by-id/ata-Big' };
const sdb: Disk = { device: '/dev/sdb', bytes: 1, model: '', byId: '' };

describe('checkUnknownDisks', () => {
  test.each([
    ['any'],
    [['/dev/sda', '/dev/sdb']],
    [['ata-Big', '/dev/sdb']],
    [['/dev/disk/by-id/ata-Big', '/dev/sdb', 'more']],
  ])('lets %j pass', (allowed) => {
    expect(() => checkUnknownDisks([sda, sdb], allowed as 'any' | string[])).not.toThrow();
  });

  test('names every disk that is not allowed', () => {
    expect(() => checkUnknownDisks([sda, sdb], ['/dev/sda'])).toThrow(/does not allow \/dev\/sdb$/);
    expect(() => checkUnknownDisks([sda, sdb], undefined)).toThrow(/by-id\/ata-Big, \/dev\/sdb$/);
  });
});
