/** What the metadata of an LVM volume group says, as far as it matters here. IDs are without dashes. */
export interface LvmMetadata {
  readonly name: string;
  readonly id: string;
  readonly physicalVolumes: readonly string[];
  readonly volumes: readonly LogicalVolume[];
}

export interface LogicalVolume {
  readonly name: string;
  readonly id: string;
  readonly bytes: number;
  /** IDs of the physical volumes on which it lies. */
  readonly on: readonly string[];
  /** Whether users see it: parts of a mirror or a thin pool are hidden. */
  readonly visible: boolean;
}

type Value = string | number | readonly Value[] | Section;
interface Section {
  readonly [name: string]: Value | undefined;
}

const sectorBytes = 512;

/**
 * Reads LVM's text format (lvm.conf(5) has its grammar): `name { key = value … }`, comments from # to the line's end.
 *
 * @returns undefined for anything that is not the metadata of a volume group
 */
export function parseLvmMetadata(text: string): LvmMetadata | undefined {
  const top = new Reader(text.replaceAll('\t', '\n')).section();
  const [name, group] = Object.entries(top).find(([, value]) => isSection(value)) ?? [];
  if (name === undefined || !isSection(group)) return undefined;
  const id = idOf(group);
  if (id === '') return undefined;
  const ids = new Map(sections(group.physical_volumes).map(([key, volume]) => [key, idOf(volume)]));
  const extent = numberOf(group.extent_size) * sectorBytes;
  const volumes = sections(group.logical_volumes);
  const placesOf = (volume: Section, seen: ReadonlySet<string>): string[] =>
    words(segmentsOf(volume)).flatMap((word) => {
      const physical = ids.get(word);
      if (physical !== undefined) return [physical];
      // a volume may be made of others, never of itself
      const other = seen.has(word) ? undefined : volumes.find(([key]) => key === word)?.[1];
      return other === undefined ? [] : placesOf(other, new Set([...seen, word]));
    });
  return {
    name,
    id,
    physicalVolumes: [...ids.values()],
    volumes: volumes.map(([key, volume]) => ({
      name: key,
      id: idOf(volume),
      bytes: segmentsOf(volume).reduce((sum, segment) => sum + numberOf(segment.extent_count), 0) * extent,
      on: [...new Set(placesOf(volume, new Set([key])))].toSorted(),
      visible: words([volume.status ?? '']).includes('VISIBLE'),
    })),
  };
}

function segmentsOf(volume: Section): Section[] {
  return Object.values(volume).filter(isSection);
}

/** All words in values, however deep: names of volumes stand in many places. */
function words(values: readonly Value[]): string[] {
  return values.flatMap((value): string[] => {
    if (typeof value === 'string') return [value];
    if (typeof value === 'number') return [];
    return words(isSection(value) ? Object.values(value).filter((inner) => inner !== undefined) : value);
  });
}

function idOf(section: Section): string {
  return typeof section.id === 'string' ? section.id.replaceAll('-', '') : '';
}

function numberOf(value: Value | undefined): number {
  return typeof value === 'number' ? value : 0;
}

function sections(value: Value | undefined): [string, Section][] {
  if (!isSection(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, Section] => isSection(entry[1]));
}

function isSection(value: Value | undefined): value is Section {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Deeper than this no metadata is: a damaged one must not exhaust the stack. */
const deepest = 20;

/** Goes over the tokens once; what it does not understand it leaves out. */
class Reader {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens =
      text.match(/#[^\n]*|"(?:[^"\\]|\\.)*"|[{}[\]=,]|[^\s{}[\]=,"#]+/g)?.filter(isNoComment) ?? [];
  }

  section(depth = 0): Section {
    // without a prototype: a volume may be called constructor
    const section: Record<string, Value> = Object.create(null);
    for (let name = this.#next(); name !== undefined && name !== '}'; name = this.#next()) {
      const token = this.#tokens[this.#at];
      if (token === '{' && depth < deepest) {
        this.#at++;
        section[name] = this.section(depth + 1);
      } else if (token === '=') {
        this.#at++;
        section[name] = this.#value();
      }
    }
    return section;
  }

  #next(): string | undefined {
    return this.#tokens[this.#at++];
  }

  #value(): Value {
    const token = this.#next() ?? '';
    return token === '[' ? this.#list() : scalar(token);
  }

  #list(): Value[] {
    const list: Value[] = [];
    for (let token = this.#next(); token !== undefined && token !== ']'; token = this.#next())
      if (token !== ',') list.push(scalar(token));
    return list;
  }
}

function isNoComment(token: string): boolean {
  return !token.startsWith('#');
}

function scalar(token: string): string | number {
  if (token.startsWith('"')) return token.slice(1, -1).replace(/\\(.)/g, '$1');
  return Number.isNaN(Number(token)) ? token : Number(token);
}
