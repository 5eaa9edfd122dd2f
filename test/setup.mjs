/**
 * What each test process loads first: `node --import ./test/setup.mjs FILE`. Node takes the types out of .ts files
 * itself; this adds JSX, for the few .tsx files of the view, and keeps compiled code, because most of a short
 * test's time is spent on loading.
 */
import { readFileSync } from 'node:fs';
import { createRequire, enableCompileCache, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

// Not by the environment: it would also keep code of programs that a test builds under a new name each time.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url)));

// React as in our builds; its development half takes three times as long.
process.env.NODE_ENV ??= 'production';

const require = createRequire(import.meta.url);

registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith('.tsx')) return nextLoad(url, context);
    process.setSourceMapsEnabled(true);
    const path = fileURLToPath(url);
    // Loaded only where it is needed: that takes longer than many a test.
    const { code } = require('esbuild').transformSync(readFileSync(path, 'utf8'), {
      loader: 'tsx',
      jsx: 'automatic',
      format: 'esm',
      target: 'node24',
      sourcefile: path,
      sourcemap: 'inline',
    });
    return { format: 'module', source: code, shortCircuit: true };
  },
});
