import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseFailedUnits } from '../../src/phases/failed-units';
import { nastyText } from './support';

test('reads state and units', () => {
  expect(
    parseFailedUnits('state=degraded\nfailedUnit=a@b.service\nfailedUnit=dev-disk\\x2d1.mount\n'),
  ).toEqual({
    state: 'degraded',
    units: ['a@b.service', 'dev-disk\\x2d1.mount'],
  });
});

test('no answer is no systemd, and no units', () => {
  expect(parseFailedUnits('')).toEqual({ state: undefined, units: [] });
});

test('takes only names that units can have, and not too many', () => {
  fc.assert(
    fc.property(fc.array(nastyText), (names) => {
      const { units } = parseFailedUnits(names.map((name) => `failedUnit=${name}\n`).join(''));
      for (const unit of units) expect(unit).toMatch(/^[A-Za-z0-9:_.\\@-]+$/);
    }),
  );
  expect(parseFailedUnits('failedUnit=x.service\n'.repeat(1000)).units).toHaveLength(50);
});
