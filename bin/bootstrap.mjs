#!/usr/bin/env node
/**
 * Makes a clone ready to run: installs the packages when they are missing or older than
 * `package-lock.json`, and builds `dist/` when the sources changed. Does nothing when all is there.
 *
 * Runs on Node 20 with nothing installed; every npm script that needs packages begins with it. With arguments
 * it then runs the Node that was installed with them: `node bin/bootstrap.mjs test/run.mjs --fast`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, isStale } from './build.mjs';
import { cloneLock, withLock } from './lock.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

process.exitCode = await bootstrap();
if (process.exitCode === 0 && process.argv.length > 2) {
  process.exitCode = runOnNodeOfClone(process.argv.slice(2));
}

/**
 * A shell that looked up `node` before the packages were there goes on with that one, so what comes after the
 * installation is started from here.
 */
function runOnNodeOfClone(args) {
  const bin = join(root, 'node_modules', '.bin');
  const { status, error } = spawnSync(join(bin, 'node'), args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
  return error ? fail(error.message, 'delete node_modules and run this again') : (status ?? 1);
}

async function bootstrap() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) {
    return fail(
      `Node ${process.versions.node} is too old: npm needs Node 20 or later here`,
      'install a current Node from https://nodejs.org or your package manager',
    );
  }
  if (!packagesAreStale() && !isStale()) return 0;
  // npm ci begins by deleting what another one has just installed.
  return await withLock(cloneLock, makeReady, (pid) =>
    say(`Waiting for process ${pid}, which installs or builds here … \n`),
  );
}

async function makeReady() {
  if (packagesAreStale()) {
    const code = installPackages();
    if (code !== 0) return code;
  }
  if (isStale()) {
    const started = Date.now();
    say('Building … ');
    try {
      await build();
    } catch (error) {
      say('failed.\n');
      return fail(
        `the build failed\n${error instanceof Error ? error.message : String(error)}`,
        'in an unchanged clone: delete node_modules and run this again',
      );
    }
    say(`done in ${seconds(started)}.\n`);
  }
  return 0;
}

/** npm writes `node_modules/.package-lock.json` last, so a broken installation lacks it. */
function packagesAreStale() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) return true;
  return statSync(installed).mtimeMs < statSync(join(root, 'package-lock.json')).mtimeMs;
}

function installPackages() {
  const npm = findNpm();
  if (npm === undefined) {
    return fail(
      'npm was not found',
      'install npm (it comes with Node: https://nodejs.org), then run this again',
    );
  }
  const started = Date.now();
  say('Installing packages (npm ci, a minute or so the first time) … ');
  const result = runNpm(npm, ['ci']);
  if (result.status !== 0) {
    say('failed.\n');
    // What matters comes first; after it npm prints its usage.
    const said = `${result.stderr ?? ''}`.trim().split('\n').slice(0, 12).join('\n');
    return fail(
      `npm could not install the packages${result.error ? `: ${result.error.message}` : ''}\n${said}`,
      'check that the npm registry can be reached (`npm ping`; behind a proxy or a mirror see `npm config`), then run this again',
    );
  }
  say(`done in ${seconds(started)}.\n`);
  return 0;
}

function runNpm(npm, args) {
  return spawnSync(
    npm.command,
    [...npm.args, ...args, '--no-audit', '--no-fund', '--no-progress', '--loglevel=error'],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
}

/** The npm that runs us, else the one on PATH. */
function findNpm() {
  const candidates = [];
  const own = process.env.npm_execpath;
  if (own?.endsWith('.js') && existsSync(own)) candidates.push({ command: process.execPath, args: [own] });
  candidates.push({ command: 'npm', args: [] });
  return candidates.find(({ command, args }) => {
    const result = spawnSync(command, [...args, '--version'], { cwd: root, stdio: 'ignore' });
    return result.status === 0;
  });
}

function seconds(startedMs) {
  return `${((Date.now() - startedMs) / 1000).toFixed(1)} s`;
}

function say(text) {
  process.stderr.write(text);
}

function fail(message, remedy) {
  process.stderr.write(`error: ${message}\n  → ${remedy}\n`);
  return 1;
}
