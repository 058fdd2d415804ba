// Between tsc and ncc: turns every shell script and Nix expression under src/ into a module beside the compiled
// code, so that `import script from './facts.sh'` finds its text in the bundle.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

for (const entry of readdirSync('src', { recursive: true })) {
  if (!/\.(sh|nix)$/.test(entry)) continue;
  const target = join('lib', `${entry}.js`);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, `export default ${JSON.stringify(readFileSync(join('src', entry), 'utf8'))};\n`);
}
