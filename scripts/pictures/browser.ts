// Debian’s chromium, without a window.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Far more than the drawing of a page takes. */
const longestMs = 120_000;

function chromium(args: readonly string[]): string {
  const profile = mkdtempSync(join(tmpdir(), 'chromium-'));
  // root's has no sandbox; all that it opens was made here
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  try {
    return execFileSync(
      'chromium',
      ['--headless', ...asRoot, `--user-data-dir=${profile}`, '--hide-scrollbars', ...args],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: longestMs,
        maxBuffer: 64 * 1024 * 1024,
      },
    );
  } finally {
    rmSync(profile, { recursive: true, force: true });
  }
}

/**
 * Makes a PNG of a page that says when it is drawn, see renderPage.
 *
 * @throws Error where something on it could not be drawn
 */
export function takePicture(page: string, png: string, width: number): void {
  const url = pathToFileURL(page).href;
  const wait = ['--allow-file-access-from-files', '--virtual-time-budget=20000'];
  const dom = chromium([...wait, `--window-size=${width},1000`, '--dump-dom', url]);
  const drawn = /<html[^>]* data-drawn="([^"]*)"/.exec(dom)?.[1] ?? 'it was never drawn';
  if (!/^\d+$/.test(drawn)) throw new Error(`${page}: ${drawn}`);
  const size = [`--window-size=${width},${drawn}`, '--force-device-scale-factor=2'];
  chromium([...wait, ...size, `--screenshot=${png}`, url]);
  // a third of the size, and no difference that one sees
  execFileSync('pngquant', ['--force', '--strip', '--speed', '1', '--output', png, png]);
}
