// A whole result, in which everything that others wrote is one text, and the shape of what is made of it.
import { expect } from 'vitest';
import type { Content, DiskPlan } from '../../src/plan/disks/fates';
import type { PublishedPlan } from '../../src/plan/plan';
import { type Failure, Progress, type Result } from '../../src/report/result';
import { FakeClock } from './support';

/** A result in which everything that others wrote is `text`. */
export function resultWith(text: string, lines = 2): Result {
  const content: Content = {
    device: text,
    kind: text,
    bytes: 1e9,
    type: text,
    label: text,
    uuid: text,
    partitionLabel: text,
    memberOf: [text, text],
    lost: true,
    because: text,
    contains: [],
  };
  const disk: DiskPlan = {
    device: text,
    fate: 'wiped',
    named: [text],
    bytes: 1e9,
    model: text,
    serial: text,
    wwn: text,
    byId: text,
    contents: [{ ...content, contains: [content] }],
  };
  // enough to break a line or a table with; the digest is made of all of it
  const some = text.slice(0, 1000);
  const plan: PublishedPlan = {
    work: {
      build: { derivations: 60, names: [text] },
      fetch: { paths: 2, downloadBytes: null, unpackedBytes: null },
      closure: { paths: 3, bytes: 4, fetchable: { paths: 1, bytes: 2 } },
    },
    action: 'install',
    reason: text,
    phases: ['preflight'],
    authorizeKey: false,
    kexec: null,
    mayWipe: null,
    newSystem: {
      diskKeys: [some],
      extraFiles: { files: 1, bytes: 2, digest: some },
      secretFiles: [{ path: some, mode: some, owner: some }],
      chown: [{ path: some, owner: some }],
      copyHostKeys: true,
      installBootloader: true,
      noCheck: some,
    },
    hooks: [{ when: some, where: 'target', path: some, sha256: some }],
    terms: {
      installer: { host: some, port: 22, user: some, hostKeys: [some] },
      afterwards: { host: some, port: null, user: some, hostKeys: [some] },
      verify: 'off',
      allowLockout: true,
    },
    offline: {
      configuration: text,
      system: text,
      hostName: text,
      toplevel: text,
      diskoScript: null,
      vmTest: null,
      diskoMode: 'disko',
      buildOn: 'local',
      hardwareConfig: null,
      provisional: false,
      disks: [{ device: text, destroy: true }],
      installId: text,
    },
    online: {
      target: text,
      hostKeys: [text],
      machineId: text,
      architecture: text,
      runsNixos: false,
      isInstaller: false,
      currentSystem: text,
      installId: text,
      disksKnown: true,
      disks: [disk, { ...disk, fate: 'untouched' }],
      bindings: [{ path: text, disks: [], part: text }],
      observed: {
        distribution: text,
        kernel: text,
        memoryKiB: 1,
        uefi: true,
        addresses: [text],
        uses: { [text]: [text, 'swap'] },
      },
    },
  };
  const clock = new FakeClock();
  const progress = new Progress(clock);
  progress.begin('disko');
  clock.advance(1234);
  progress.end('failure');
  progress.copied.push({ what: 'system', sentPaths: 3, sentBytes: 4, substituted: 1, built: 0 });
  Object.assign(progress, { target: text, systemPath: text, plan, hostKeyLines: [text] });
  const failure: Failure = {
    kind: 'nix',
    phase: 'disko',
    message: text,
    known: 'disk-in-use',
    hint: text,
    resume: text,
    lastLines: Array.from({ length: lines }, () => text),
  };
  return progress.result('failed', failure);
}

/** The shape of Markdown without its words: fenced blocks as one, table rows by their cells, the rest by its kind. */
export function shapeOf(markdown: string): string[] {
  const shape: string[] = [];
  let fence: string | undefined;
  // what CommonMark takes for line ends
  for (const line of markdown.split(/\r\n|\r|\n/)) {
    const [marks] = /^`{3,}/.exec(line) ?? [];
    if (fence !== undefined) {
      if (marks !== undefined && marks.length >= fence.length && /^`+\s*$/.test(line)) fence = undefined;
    } else if (marks !== undefined) {
      fence = marks;
      shape.push('block');
    } else if (line.startsWith('|')) {
      shape.push(`row of ${line.replace(/\\[|\\]/g, '').split('|').length}`);
    } else if (line.trim() !== '') {
      const tags = (line.match(/<\/?[a-z]+/gi) ?? []).join(' ');
      shape.push(`${/^#+ |^<|^\*\*/.exec(line)?.[0] ?? 'text'} ${tags}`);
    }
  }
  expect(fence, 'a block that is not closed').toBeUndefined();
  return shape;
}
