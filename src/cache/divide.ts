/** A path that a layer is to hold. */
export interface Divisible {
  readonly path: string;
  /** Bytes. */
  readonly narSize: number;
  /** Names without their folder. */
  readonly references: readonly string[];
}

export interface DivideLimits {
  /** What belongs to single users is one layer up to so many bytes, before they are compressed. */
  readonly undividedBytes: number;
  /** In how many layers it is at most. */
  readonly parts: number;
}

/**
 * With 30 hosts of 40 MB each, compressed, and three weeks of commits that change all of them, a job downloads 1.8 times
 * what it needs (5 to 7 times undivided). With more and smaller layers a cache of 10 GB soon knows too many.
 */
export const divideLimits: DivideLimits = { undividedBytes: 1e8, parts: 12 };

/**
 * Divides what one build for many users has to save: a layer is downloaded as a whole, so that in one layer each of them
 * would get what all others need. What several of them need comes last, since what was saved last is what all look at first.
 *
 * @param closures what each of them needs
 */
export function divide<P extends Divisible>(
  paths: readonly P[],
  closures: readonly ReadonlySet<string>[],
  { undividedBytes, parts } = divideLimits,
): readonly (readonly P[])[] {
  const usersOf = (path: string) => closures.filter((closure) => closure.has(path)).length;
  const shared = paths.filter(({ path }) => usersOf(path) > 1);
  const rest = sizeOf(paths) - sizeOf(shared);
  if (rest <= undividedBytes) return [paths];
  const single = paths.filter(({ path }) => usersOf(path) === 1);
  const target = Math.max(undividedBytes, sizeOf(single) / parts);
  const groups: P[][] = [];
  let full = true;
  for (const closure of closures) {
    const own = single.filter(({ path }) => closure.has(path));
    if (full) groups.push([]);
    const group = groups.at(-1) ?? [];
    group.push(...own);
    full = sizeOf(group) >= target;
  }
  // what only builds need, such as a compiler, is nobody's
  const tools = paths.filter(({ path }) => usersOf(path) === 0);
  return [tools, ...groups, shared].filter((part) => part.length > 0);
}

/**
 * What each user needs of these paths.
 *
 * @param users the outputs that each of them wants
 */
export function closuresOf(
  paths: readonly Divisible[],
  users: readonly (readonly string[])[],
): readonly ReadonlySet<string>[] {
  const byName = new Map(paths.map((each) => [nameOf(each.path), each]));
  return users.map((wanted) => {
    const closure = new Set<string>();
    const pending = wanted.map(nameOf);
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const found = byName.get(name);
      if (found === undefined || closure.has(found.path)) continue;
      closure.add(found.path);
      pending.push(...found.references);
    }
    return closure;
  });
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function sizeOf(paths: readonly Divisible[]): number {
  return paths.reduce((sum, { narSize }) => sum + narSize, 0);
}
