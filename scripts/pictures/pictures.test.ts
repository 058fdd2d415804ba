// `npm run pictures`: pictures of job summaries for docs/, of results that real runs have left (record.mts), in the words
// of today. Fails where mermaid refuses a diagram, and where a summary holds what GitHub does not show.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { matrixHost } from '../../__tests__/support/results';
import { planDigest } from '../../src/plan/plan';
import { gatherResults } from '../../src/report/fleet-results';
import { Progress, type Result } from '../../src/report/result';
import { summarise } from '../../src/report/summary';
import { takePicture } from './browser';
import { renderMarkdown, renderPage } from './render';

const results = fileURLToPath(new URL('results', import.meta.url));
const pictures = fileURLToPath(new URL('../../docs/pictures', import.meta.url));
/** CSS pixels: about what GitHub gives a summary. */
const width = 900;

/** Names in it were changed when it was recorded; the digest is of the plan as it is now. */
function readResult(file: string): Result {
  const result: Result = JSON.parse(readFileSync(file, 'utf8'));
  return { ...result, planDigest: result.plan === null ? null : planDigest(result.plan) };
}

/** What a run with fleet-results makes of the results in a folder. */
function gathered(folder: string): Result {
  const listed = readdirSync(folder).map((name) => readResult(join(folder, name)));
  const copy = mkdtempSync(join(tmpdir(), 'pictures-'));
  try {
    for (const result of listed) writeFileSync(join(copy, `${result.host}.json`), JSON.stringify(result));
    const progress = new Progress();
    progress.fleet = gatherResults(copy, {
      include: listed.map(({ host }) => matrixHost(host)),
    });
    return progress.result('gathered');
  } finally {
    rmSync(copy, { recursive: true });
  }
}

test.each(readdirSync(results))('%s becomes a picture', async (entry) => {
  const path = join(results, entry);
  const markdown = summarise(entry.endsWith('.json') ? readResult(path) : gathered(path));
  mkdirSync(pictures, { recursive: true });
  const picture = join(pictures, basename(entry, '.json'));
  writeFileSync(`${picture}.html`, await renderPage(markdown, width));
  takePicture(`${picture}.html`, `${picture}.png`, width);
});

test('a diagram that mermaid does not take is no picture', async () => {
  const page = join(pictures, 'refused-by-mermaid.html');
  writeFileSync(page, await renderPage('```mermaid\ngantt\n  dateFormat X\n  a : b, c, d, e\n```', width));
  expect(() => takePicture(page, join(pictures, 'refused-by-mermaid.png'), width)).toThrow();
  rmSync(page);
});

test.each(['<b>', 'a <img src="x">', '<details onclick="x">', '<!-- x -->', '<script>x</script>'])(
  'what GitHub does not show as it is, is no picture: %s',
  async (text) => expect(renderMarkdown(text)).rejects.toThrow('GitHub does not show this'),
);
