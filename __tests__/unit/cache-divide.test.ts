import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { closuresOf, divide } from '../../src/cache/divide';
import type { LayerEntry } from '../../src/cache/layer';
import { layerLimits, planLayer } from '../../src/cache/layer-plan';
import { storedPath } from './support';

const path = (name: string, narSize = 10, references: readonly string[] = []) => ({
  path: `/nix/store/${name}`,
  narSize,
  references,
});
const names = (paths: readonly { path: string }[]) =>
  paths.map((each) => each.path.replace('/nix/store/', ''));

describe('what one build for several saves', () => {
  const paths = [
    path('libc', 100),
    path('compiler', 50),
    ...[1, 2, 3].flatMap((n) => [path(`part-${n}`, 40, ['libc']), path(`system-${n}`, 1, [`part-${n}`])]),
  ];
  const closures = closuresOf(
    paths,
    [1, 2, 3].map((n) => [`/nix/store/system-${n}`]),
  );

  test('is known for each of them by what its outputs need', () => {
    expect(closures.map((closure) => names([...closure].map((each) => ({ path: each }))))).toEqual(
      [1, 2, 3].map((n) => [`system-${n}`, `part-${n}`, 'libc']),
    );
  });

  test('is one layer as long as there is little that is not for all', () => {
    expect(divide(paths, closures, { undividedBytes: 173, parts: 12 })).toEqual([paths]);
  });

  test('else what is nobody’s, what is of some, and last what is of several', () => {
    const parts = divide(paths, closures, { undividedBytes: 60, parts: 12 });
    expect(parts.map(names)).toEqual([
      ['compiler'],
      ['part-1', 'system-1', 'part-2', 'system-2'],
      ['part-3', 'system-3'],
      ['libc'],
    ]);
  });

  test('is all of it, each path once, in no more parts than are allowed', () => {
    const some = fc.uniqueArray(fc.nat({ max: 20 }), { maxLength: 12 });
    fc.assert(
      fc.property(
        some,
        fc.array(some, { minLength: 1 }),
        fc.nat({ max: 90 }),
        fc.integer({ min: 1, max: 5 }),
        (all, users, undividedBytes, parts) => {
          const wanted = all.map((each) => path(String(each)));
          const needed = users.map((user) => new Set(user.map((each) => `/nix/store/${each}`)));
          const divided = divide(wanted, needed, { undividedBytes, parts });
          expect(divided.flat().toSorted((a, b) => a.path.localeCompare(b.path))).toEqual(
            wanted.toSorted((a, b) => a.path.localeCompare(b.path)),
          );
          // what is nobody's, and what is of several
          expect(divided.length).toBeLessThanOrEqual(parts + 2);
        },
      ),
    );
  });

  test('becomes fewer layers when one of them would take from too many, not when all together do', () => {
    const known = [1, 2, 3].map((n): LayerEntry => ({ key: String(n), made: n, paths: [] }));
    const stored = paths.slice(2).map((each, at) => ({ ...each, layer: Math.floor(at / 2) }));
    const layers = known.map((layer, at) => ({
      ...layer,
      paths: stored
        .filter((each) => each.layer === at)
        .map(({ path: name, narSize }) => storedPath(name, narSize)),
    }));
    const limits = { ...layerLimits, span: 3 };
    expect(planLayer(paths, layers, limits).compacted).toBe(true);
    expect(planLayer(paths, layers, limits, closures).compacted).toBe(false);
    expect(planLayer(paths, layers, { ...layerLimits, span: 1 }, closures).compacted).toBe(true);
  });
});
