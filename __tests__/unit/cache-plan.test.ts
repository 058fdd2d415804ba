import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layerKeys } from '../../src/cache/keys';
import type { LayerEntry } from '../../src/cache/layer';
import { freshLayerKey } from '../../src/cache/layer-key';
import { bytesOf, type LayerLimits, layerLimits, mergeLayers, planLayer } from '../../src/cache/layer-plan';
import { storedPath } from './support';

const stored = fc
  .record({ path: fc.nat({ max: 30 }).map(String), narSize: fc.nat({ max: 100 }) })
  .map(({ path, narSize }) => storedPath(path, narSize, Math.ceil(narSize / 3)));
const paths = fc.uniqueArray(stored, { maxLength: 12, selector: ({ path }) => path });
const layers: fc.Arbitrary<readonly LayerEntry[]> = fc
  .array(fc.record({ made: fc.nat({ max: 20 }), paths }), { maxLength: 14 })
  .map((made) => made.map((layer, n) => ({ ...layer, key: `layer-${n}` })));
const limits: fc.Arbitrary<LayerLimits> = fc.record({
  span: fc.integer({ min: 1, max: 6 }),
  known: fc.integer({ min: 1, max: 10 }),
  belowBytes: fc.nat({ max: 500 }),
  layerBytes: fc.nat({ max: 200 }),
});

const pathsOf = (list: readonly LayerEntry[]) =>
  new Set(list.flatMap((layer) => layer.paths.map(({ path }) => path)));
const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);

describe('what a new layer holds', () => {
  test('and what those below it hold is all that is wanted', () => {
    fc.assert(
      fc.property(paths, layers, limits, (wanted, known, given) => {
        const { store, below } = planLayer(wanted, known, given);
        const there = pathsOf(below);
        for (const { path } of wanted) {
          expect(store.some((each) => each.path === path) || there.has(path)).toBe(true);
        }
        // nothing twice, nothing that nobody asked for
        expect(store.filter(({ path }) => there.has(path))).toEqual([]);
        expect(store.filter((each) => !wanted.includes(each))).toEqual([]);
      }),
    );
  });

  test('stays within the limits', () => {
    fc.assert(
      fc.property(paths, layers, limits, (wanted, known, given) => {
        const { store, below } = planLayer(wanted, known, given);
        expect(below.length).toBeLessThan(given.known);
        expect(sum(below.map(bytesOf))).toBeLessThanOrEqual(given.belowBytes);
        if (store.length === 0) return;
        const names = new Set(wanted.map(({ path }) => path));
        const spanned = below.filter((layer) => layer.paths.some(({ path }) => names.has(path)));
        expect(spanned.length + 1).toBeLessThanOrEqual(given.span);
      }),
    );
  });

  test('is nothing where all is in layers that are still known', () => {
    fc.assert(
      fc.property(layers, (known) => {
        const all = [
          ...new Map(known.flatMap((layer) => layer.paths).map((path) => [path.path, path])).values(),
        ];
        const given = { span: 1, known: 99, belowBytes: 1e9, layerBytes: 0 };
        expect(planLayer(all, known, given).store).toEqual([]);
      }),
    );
  });

  test('takes over the small layers and leaves the large ones where they are', () => {
    const layer = (n: number, fileSize: number): LayerEntry => {
      const [path] = fc.sample(stored, 1);
      if (path === undefined) throw new Error('there is no sample');
      return { key: `layer-${n}`, made: n, paths: [{ ...path, path: `path-${n}`, fileSize }] };
    };
    const known = [1e9, 1e6, 1e6, 1e6, 1e9, 1e6, 1e6, 1e6].map((bytes, n) => layer(n, bytes));
    const wanted = [...known.flatMap((each) => each.paths), ...layer(9, 1e6).paths];
    const { store, below, compacted } = planLayer(wanted, known, { ...layerLimits, span: 8 });
    expect(compacted).toBe(true);
    expect(below.map(({ key }) => key)).toEqual(['layer-4']);
    expect(store.map(({ path }) => path)).toEqual([0, 1, 2, 3, 5, 6, 7, 9].map((n) => `path-${n}`));
  });

  test('is known by the newest layers where there are more than can be', () => {
    fc.assert(
      fc.property(paths, layers, limits, (wanted, known, given) => {
        const { below, compacted } = planLayer(wanted, known, given);
        if (compacted) return;
        const oldest = Math.min(...below.map(({ made }) => made));
        const newer = known.filter(({ made }) => made > oldest);
        if (below.length > 0) expect(newer.filter((layer) => !below.includes(layer))).toEqual([]);
      }),
    );
  });
});

test('layers of several origins are there once each', () => {
  fc.assert(
    fc.property(layers, fc.infiniteStream(fc.boolean()), (known, chosen) => {
      const half = known.filter(() => chosen.next().value);
      const merged = mergeLayers(half, known, half);
      expect(new Set(merged)).toEqual(new Set(known));
      expect(merged).toHaveLength(known.length);
    }),
  );
});

describe('keys', () => {
  const subject = fc.record({
    prefix: fc.constant('nixos-anywhere'),
    system: fc.constantFrom('x86_64-linux', 'aarch64-linux'),
    key: fc.constantFrom(undefined, freshLayerKey(), freshLayerKey()),
    configuration: fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.constantFrom('web', 'web1', 'web/1', 'web 1', 'web-1', 'web.1', '', '/', 'incomplete'),
    ),
    derivations: fc.array(fc.string(), { maxLength: 3 }),
  });

  test('are short enough, whatever the configuration is called', () => {
    fc.assert(
      fc.property(subject, fc.integer({ min: 1, max: 200 }), (given, length) => {
        for (const each of Object.values(layerKeys({ ...given, prefix: 'x'.repeat(length) }))) {
          // what comes after: when it was made, a hash, and that the post step has saved it
          expect(
            `${each}${Number.MAX_SAFE_INTEGER.toString(36)}-0123456789abcdef-post`.length,
          ).toBeLessThanOrEqual(512);
          expect(each).not.toMatch(/[,\s]/);
        }
      }),
    );
  });

  test('of one configuration are never the beginning of those of another', () => {
    fc.assert(
      fc.property(subject, subject, (one, other) => {
        const [a, b] = [layerKeys(one), layerKeys(other)];
        const same = one.system === other.system && one.key === other.key;
        expect(b.exact.startsWith(a.shared)).toBe(same);
        expect(b.exact.startsWith(a.configuration)).toBe(same && one.configuration === other.configuration);
        expect(b.incomplete.startsWith(a.exact)).toBe(false);
      }),
    );
  });

  test('are exact for the same derivations, in whatever order they are named', () => {
    fc.assert(
      fc.property(subject, (given) => {
        const { exact } = layerKeys(given);
        expect(layerKeys({ ...given, derivations: [...given.derivations].reverse() }).exact).toBe(exact);
        expect(layerKeys({ ...given, derivations: [...given.derivations, 'another'] }).exact).not.toBe(exact);
      }),
    );
  });
});
