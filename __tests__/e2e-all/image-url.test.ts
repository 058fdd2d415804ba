// Kexec images by URL, for machines with this tool or that. The guest's network leads to the test's own servers only.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActionResult } from '../../testbed/action.mts';
import { ensureImages } from '../../testbed/build.mts';
import { Machine } from '../../testbed/machine.mts';
import { kexecImage } from '../../testbed/paths.mts';
import { runScenario } from '../e2e/support';

const served = mkdtempSync(join(tmpdir(), 'images-'));
const inGuest = 'http://10.0.2.100';

beforeAll(async () => {
  await ensureImages();
  symlinkSync(kexecImage, join(served, 'image.tar.gz'));
  execFileSync('sh', ['-c', `gzip -dc '${kexecImage}' | zstd -q -3 -o '${served}/image.tar.zst'`]);
});
afterAll(() => rmSync(served, { recursive: true }));

/** Takes a machine over that lacks some of its tools; with another image than the right one it does not. */
async function takeOver(
  name: string,
  image: string,
  without: readonly string[],
  sha256: string,
): Promise<ActionResult> {
  const machine = await Machine.start({ name, snapshot: 'target', guestHttp: served });
  try {
    for (const tool of without) expect((await machine.ssh(`rm /usr/bin/${tool}`)).code).toBe(0);
    const inputs = { kexec: image, phases: 'kexec' };
    const other = { ...inputs, 'kexec-sha256': '0'.repeat(64) };
    const refused = await runScenario({ name, machine, inputs: other });
    expect(refused.code).toBe(1);
    expect(refused.log).toContain(`has the SHA-256 ${sha256}, but kexec-sha256 says 0000`);
    expect(refused.outputs['target-state']).toBe('untouched');
    const result = await runScenario({ name, machine, inputs: { ...inputs, 'kexec-sha256': sha256 } });
    expect(result.code, result.log).toBe(0);
    expect(result.outputs).toMatchObject({ outcome: 'prepared', 'target-state': 'installer' });
    return result;
  } finally {
    await machine.stop();
  }
}

describe('a kexec image by URL, held to its SHA-256,', () => {
  it.each([
    ['gzip', 'wget', 'image.tar.gz', 'curl'],
    ['zstd', 'curl', 'image.tar.zst', 'wget'],
  ])('compressed by %s is fetched by a machine that has only %s', async (_, tool, file, lacks) => {
    const result = await takeOver(
      `url-${tool}`,
      `${inGuest}/${file}?its=end&says=nothing`,
      [lacks],
      sha256(join(served, file)),
    );
    expect(result.log).toContain(`the target fetches the kexec image ${inGuest}/${file}`);
    expect(result.log).not.toContain('fetching it here');
  });

  it('is fetched by the runner for a machine that has neither', async () => {
    const server = createServer((_, response) => createReadStream(kexecImage).pipe(response));
    try {
      const port = await listening(server);
      const url = `http://127.0.0.1:${port}/image`;
      const result = await takeOver('url-neither', url, ['curl', 'wget'], sha256(kexecImage));
      expect(result.log).toContain(
        'it cannot (neither curl nor wget here); fetching it here and sending it on',
      );
    } finally {
      server.close();
    }
  });
});

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
