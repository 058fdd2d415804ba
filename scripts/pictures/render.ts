// GitHub's Markdown as a page that looks as on GitHub.

/** What is used of the package marked. */
interface Marked {
  readonly Marked: new (extension: { renderer: Renderer }) => { parse(markdown: string): string };
}
/** Each is given a token of marked; false asks for what marked makes of it. */
interface Renderer {
  html(token: { text: string }): string;
  code(token: { text: string; lang?: string }): string | false;
}

export const packages = new URL('node_modules/', import.meta.url);

/** Tags that GitHub leaves in a summary, without attributes. Those that our summaries use: another one is a mistake. */
const allowed = new Set(['details', 'summary', 'code', 'br', 'sub']);

const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** @throws Error for what GitHub would take away, or show as something else */
function checkedHtml(html: string): string {
  for (const [tag] of html.matchAll(/<[^>]*>?/g)) {
    const [, name = ''] = /^<\/?([a-z]+)(?: open)?>$/.exec(tag) ?? [];
    if (!allowed.has(name)) throw new Error(`GitHub does not show this as it stands in the summary: ${tag}`);
  }
  return html;
}

/** @throws Error see checkedHtml */
export async function renderMarkdown(markdown: string): Promise<string> {
  // not by its name: the packages are no part of the repository's own
  const marked: Marked = await import(new URL('marked/lib/marked.esm.js', packages).href);
  return new marked.Marked({
    renderer: {
      html: ({ text }) => checkedHtml(text),
      code: ({ text, lang }) =>
        lang === 'mermaid' ? `<div class="mermaid">${escaped(text)}</div>\n` : false,
    },
  }).parse(markdown);
}

/**
 * The whole page. Once it is drawn, the attribute data-drawn of its root says how high it is in CSS pixels, or what mermaid
 * has refused.
 */
export async function renderPage(markdown: string, width: number): Promise<string> {
  const file = (path: string) => new URL(path, packages).href;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Job summary</title>
<link rel="stylesheet" href="${file('github-markdown-css/github-markdown-light.css')}">
<style>
  body { margin: 0; background: #fff; width: ${width}px; }
  article { box-sizing: border-box; padding: 24px; }
  .mermaid svg { display: block; margin: auto; }
</style>
<article class="markdown-body">
${await renderMarkdown(markdown)}</article>
<script src="${file('mermaid/dist/mermaid.min.js')}"></script>
<script>
  mermaid.initialize({ startOnLoad: false });
  const drawn = (text) => { document.documentElement.dataset.drawn = text; };
  document.fonts.ready
    .then(() => mermaid.run())
    .then(() => drawn(Math.ceil(document.querySelector('article').getBoundingClientRect().height)),
      (error) => drawn(error.message ?? error));
</script>
</html>
`;
}
