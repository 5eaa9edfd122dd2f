#!/usr/bin/env node
/**
 * Builds `dist/` with esbuild: the command line in lazily loaded chunks (`main.js`), so that
 * `--help` loads neither fastify nor react; the end of the demo (`demo.js`); and the executor as the
 * one file that agents fetch.
 *
 * No package is imported at the top: `bootstrap.mjs` asks `isStale` before anything is installed.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cloneLock, withLock } from './lock.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const defaultDist = join(root, 'dist');

// Bundled CommonJS packages call `require` for Node's own modules, which ES modules do not have.
const requireShim =
  "import { createRequire as kmCreateRequire } from 'node:module'; const require = kmCreateRequire(import.meta.url);";

/**
 * `@platformatic/kafka` exports everything from one file and does not say that loading has no effect; its clients, which
 * nobody here uses, compile forty JSON schemas then, longer than all else that a scheduler does to start.
 */
const leaveOutUnused = {
  name: 'leave out what is unused of @platformatic/kafka',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^@platformatic\/kafka$|^\./ }, async ({ path, pluginData, ...from }) => {
      const inside = /[\\/]@platformatic[\\/]kafka[\\/]/.test(from.importer);
      if (pluginData === leaveOutUnused || (path.startsWith('.') && !inside)) return undefined;
      return { ...(await resolve(path, { ...from, pluginData: leaveOutUnused })), sideEffects: false };
    });
  },
};

/** Whether `dist` is missing or was built from other sources than those on disk. */
export function isStale(dist = defaultDist) {
  return readManifest(dist)?.sources !== digestOfSources();
}

/** Builds into `dist`; resolves to the paths written. Rejects with esbuild's messages as the text. */
export async function build(dist = defaultDist) {
  const esbuild = await import('esbuild');
  const sources = digestOfSources();
  const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const common = {
    absWorkingDir: root,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
    define: {
      'process.env.NODE_ENV': '"production"',
      KAFKA_MESOS_VERSION: JSON.stringify(packageJson.version),
    },
    loader: { '.proto': 'text' },
    banner: { js: requireShim },
    plugins: [leaveOutUnused],
    // Asked for by ink in development only.
    external: ['react-devtools-core'],
  };
  const results = [
    await esbuild.build({
      ...common,
      entryPoints: { main: 'src/cli/main.ts', demo: 'src/cli/demo.ts' },
      outdir: dist,
      splitting: true,
      chunkNames: 'chunk-[name]-[hash]',
    }),
    await esbuild.build({
      ...common,
      entryPoints: { 'kafka-mesos-executor': 'src/executor/main.ts' },
      outdir: dist,
      outExtension: { '.js': '.mjs' },
    }),
  ];
  mkdirSync(dist, { recursive: true });
  const outputs = results.flatMap((result) => result.outputFiles);
  // The entries come last: whoever starts meanwhile gets the old whole or the new whole.
  outputs.sort((a, b) => Number(isEntry(a.path)) - Number(isEntry(b.path)));
  for (const output of outputs) writeAtomically(output.path, output.contents);
  const previous = readManifest(dist)?.files ?? [];
  const files = outputs.map((output) => basename(output.path));
  writeAtomically(join(dist, 'manifest.json'), `${JSON.stringify({ sources, files, previous }, null, 2)}\n`);
  // A scheduler that runs in the background may still load chunks of the build before this one.
  const kept = new Set([...files, ...previous]);
  for (const name of readdirSync(dist)) {
    if (name.endsWith('.js') && !kept.has(name)) rmSync(join(dist, name), { force: true });
  }
  return outputs.map((output) => output.path);
}

function isEntry(path) {
  return !basename(path).startsWith('chunk-') && path.endsWith('.js');
}

function readManifest(dist) {
  try {
    return JSON.parse(readFileSync(join(dist, 'manifest.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

function writeAtomically(path, content) {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** By content, not by time: a fresh clone and a switched branch have times that say nothing. */
function digestOfSources() {
  const hash = createHash('sha256');
  const add = (path) =>
    hash
      .update(`${relative(root, path)}\0`)
      .update(readFileSync(path))
      .update('\0');
  for (const name of ['package.json', 'package-lock.json', 'bin/build.mjs']) add(join(root, name));
  for (const folder of ['src', 'schema']) {
    const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    for (const path of paths.sort()) add(path);
  }
  return hash.digest('hex');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    // Of two at once the slower would delete the chunks of the faster.
    await withLock(
      cloneLock,
      async () => {
        const started = Date.now();
        await build();
        process.stderr.write(`Built dist/ in ${((Date.now() - started) / 1000).toFixed(1)} s.\n`);
      },
      (pid) => process.stderr.write(`Waiting for process ${pid}, which installs or builds here …\n`),
    );
  } catch (error) {
    const missing = error?.code === 'ERR_MODULE_NOT_FOUND';
    process.stderr.write(
      missing
        ? 'error: esbuild is not installed\n  → run `npm ci`, or `node bin/bootstrap.mjs`, which does both\n'
        : `error: the build failed\n${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = 1;
  }
}
