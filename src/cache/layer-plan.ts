import type { LayerEntry } from './layer';

/** What decides of layers; all sizes in bytes. */
export interface LayerLimits {
  /** From how many layers at most the next run has to take its paths. */
  readonly span: number;
  /** How many layers one knows of. */
  readonly known: number;
  /** How large those that a layer builds upon may be together. */
  readonly belowBytes: number;
  /** How large a layer may be. */
  readonly layerBytes: number;
}

/**
 * GitHub keeps 10 GB a repository and throws away what was not asked for longest: what no layer knows of any longer is
 * gone soon. So less than half of that is what one layer and all that it builds upon may take.
 */
export const layerLimits: LayerLimits = { span: 16, known: 64, belowBytes: 3e9, layerBytes: 1.5e9 };

export interface LayerPlan<P> {
  /** What the new layer has to hold. Nothing: none is written. */
  readonly store: readonly P[];
  /** The layers that it builds upon, newest first. */
  readonly below: readonly LayerEntry[];
  /** Why it holds what was in other layers too. */
  readonly compacted: boolean;
}

/**
 * What a new layer holds, so that it and those below it have every path that is wanted.
 *
 * @param wanted the paths that a next run would have to build
 * @param known the layers that there are
 * @param users what each of those needs of it who will take from them, where it is for several
 */
export function planLayer<P extends Sized>(
  wanted: readonly P[],
  known: readonly LayerEntry[],
  limits: LayerLimits,
  users: readonly ReadonlySet<string>[] = [new Set(wanted.map(({ path }) => path))],
): LayerPlan<P> {
  const kept = withinLimits(known, limits);
  const missing = without(wanted, kept);
  if (missing.length === 0) return { store: [], below: kept, compacted: false };
  const spans = users.map((needed) => kept.filter(holdsOneOf(needed)).length);
  if (Math.max(...spans) < limits.span) return { store: missing, below: kept, compacted: false };
  const spanned = kept.filter(holdsOneOf(new Set(wanted.map(({ path }) => path))));
  const merged = toMerge(spanned, missing, limits);
  const others = kept.filter((layer) => !merged.has(layer));
  return { store: without(wanted, others), below: others, compacted: true };
}

/**
 * The layers whose paths the new one takes over: the smallest, as many as there is room for, so that what is large is not
 * sent again each time; but never so few that the next run would span too many.
 */
function toMerge(
  spanned: readonly LayerEntry[],
  missing: readonly Sized[],
  { span, layerBytes }: LayerLimits,
): ReadonlySet<LayerEntry> {
  // before they are compressed, which is the most that they can be
  let bytes = missing.reduce((sum, { narSize }) => sum + narSize, 0);
  const smallestFirst = spanned
    .map((layer) => ({ layer, size: bytesOf(layer) }))
    .sort((a, b) => a.size - b.size || a.layer.made - b.layer.made);
  const atLeast = spanned.length - span + 1;
  const merged = smallestFirst.filter(({ size }, index) => {
    bytes += size;
    return index < atLeast || bytes <= layerBytes;
  });
  return new Set(merged.map(({ layer }) => layer));
}

interface Sized {
  readonly path: string;
  /** Bytes. */
  readonly narSize: number;
}

/** The newest of them: those that a layer may build upon. */
export function withinLimits(known: readonly LayerEntry[], limits: LayerLimits): readonly LayerEntry[] {
  const newestFirst = [...known].sort((a, b) => b.made - a.made).slice(0, limits.known - 1);
  let bytes = 0;
  return newestFirst.filter((layer) => {
    bytes += bytesOf(layer);
    return bytes <= limits.belowBytes;
  });
}

function without<P extends Sized>(wanted: readonly P[], layers: readonly LayerEntry[]): readonly P[] {
  const there = new Set(layers.flatMap(({ paths }) => paths.map(({ path }) => path)));
  return wanted.filter(({ path }) => !there.has(path));
}

function holdsOneOf(paths: ReadonlySet<string>): (layer: LayerEntry) => boolean {
  return (layer) => layer.paths.some(({ path }) => paths.has(path));
}

/** Layers of several origins, each once. */
export function mergeLayers(...lists: readonly (readonly LayerEntry[])[]): readonly LayerEntry[] {
  return [...new Map(lists.flat().map((layer) => [layer.key, layer])).values()];
}

/** Of the NARs in it; its manifest is small against them. */
export function bytesOf({ paths }: LayerEntry): number {
  return paths.reduce((sum, { fileSize }) => sum + fileSize, 0);
}
