import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Imports a shell script or a Nix expression as its text, as scripts/embed.mjs does for the bundle. */
const textFiles = {
  name: 'text-files',
  enforce: 'pre' as const,
  load(id: string) {
    return /\.(sh|nix)$/.test(id) ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))};` : undefined;
  },
};

/** Takes away where these packages' sources would be: they are not in them, and each missing one is a warning. */
const withoutMaps = {
  name: 'without-maps',
  enforce: 'pre' as const,
  load(id: string) {
    return /\/@actions\/workflow-parser\/.*\.js$/.test(id)
      ? readFileSync(id, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '')
      : undefined;
  },
};

/** One kind of tests: a folder below __tests__ and how long one test of it may take, in seconds. */
function project(name: string, seconds: number, include = `__tests__/${name}/**/*.test.ts`) {
  return {
    plugins: [textFiles, withoutMaps],
    test: {
      name,
      include: [include],
      // imports JSON in a way that Node does not take
      server: { deps: { inline: ['@actions/workflow-parser'] } },
      testTimeout: seconds * 1000,
      hookTimeout: seconds * 1000,
      // a shared machine can stall a real server or guest for longer than any limit; the report names what was retried
      retry: name === 'unit' || process.env.CI === undefined ? 0 : 1,
      // the virtual machine and the benchmarks want the two cores for themselves
      fileParallelism: name === 'unit',
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      project('unit', 20),
      project('loopback', 60),
      project('bundle', 60),
      project('e2e', 1200),
      project('e2e-all', 1800),
      project('bench', 1800, 'bench/**/*.bench.ts'),
      project('pictures', 120, 'scripts/pictures/*.test.ts'),
    ],
  },
});
