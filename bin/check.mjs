#!/usr/bin/env node
/**
 * `npm run check`: formatting and lint (Biome), types (tsc), layers (dependency-cruiser), unused code
 * (knip), hidden inputs in pure rooms. The gates of our own are also shown to bite: a planted violation in
 * a temporary file must be caught, else the gate itself counts as failed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pureRooms = ['model', 'spec', 'plan', 'observe', 'execute', 'reconciler', 'local/model'];
const hiddenInput =
  /\b(?:Date\.now|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|randomUUID|getRandomValues)\b|\bnew Date\(\s*\)|\bprocess\.(?:env|argv|exit|pid|cwd|hrtime|std\w+|uptime|nextTick|on|once|kill)\b|\bfetch\(/;

// The tools run on the Node that npm installed here, whichever one started this.
process.env.PATH = `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`;

let passed = 0;
let failed = 0;

check('format and lint', () => tool('biome', ['check', '--error-on-warnings', '.']));
check('types', () => tool('tsc', ['-p', '.']));
check('layers', cruise);
check('layers bite: plan importing mesos', () =>
  planted(
    'src/plan/planted.ts',
    "export { toCall } from '../mesos/translate.ts';\n",
    () => cruise() !== undefined,
  ),
);
check('layers bite: a socket in a pure room', () =>
  planted(
    'src/plan/planted.ts',
    "export { connect } from 'node:net';\n",
    () => cruise()?.includes('src/plan/planted.ts') === true,
  ),
);
check('no hidden input in pure rooms', hiddenInputs);
check('hidden inputs bite: Date.now in plan', () =>
  planted(
    'src/plan/planted.ts',
    'export const now = () => Date.now();\n',
    () => hiddenInputs() !== undefined,
  ),
);
check('unused code', () => tool('knip', ['--no-progress']));

process.stdout.write(`${passed} checks passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;

/** A gate returns undefined when all is well, else what is wrong. */
function check(name, gate) {
  const wrong = gate();
  if (wrong === undefined) {
    passed += 1;
    process.stdout.write(`✓ ${name}\n`);
  } else {
    failed += 1;
    process.stdout.write(`✗ ${name}\n${wrong}\n`);
  }
}

function tool(name, args) {
  const result = spawnSync(join(root, 'node_modules', '.bin', name), args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
  });
  if (result.error !== undefined) return String(result.error);
  return result.status === 0 ? undefined : `${result.stdout}${result.stderr}`.trim();
}

function cruise() {
  const result = spawnSync(
    join(root, 'node_modules', '.bin', 'depcruise'),
    ['--config', '.dependency-cruiser.cjs', 'src', '--output-type', 'json'],
    { cwd: root, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  try {
    const { summary } = JSON.parse(result.stdout);
    if (summary.totalCruised === 0)
      return 'dependency-cruiser cruised no module: its TypeScript support is broken';
    const errors = summary.violations.filter((v) => v.rule.severity === 'error');
    return errors.length === 0
      ? undefined
      : errors.map((v) => `${v.rule.name}: ${v.from} → ${v.to}`).join('\n');
  } catch {
    return `dependency-cruiser did not run: ${result.stderr || result.stdout || result.error}`;
  }
}

function hiddenInputs() {
  const found = pureRooms.flatMap((room) =>
    readdirSync(join(root, 'src', room), { recursive: true })
      .map(String)
      .filter((f) => /\.tsx?$/.test(f))
      .flatMap((f) =>
        readFileSync(join(root, 'src', room, f), 'utf8')
          .split('\n')
          .flatMap((line, i) =>
            hiddenInput.test(line.replace(/\/\/.*|^\s*\*.*/, ''))
              ? [`src/${room}/${f}:${i + 1}: ${line.trim()}`]
              : [],
          ),
      ),
  );
  return found.length === 0 ? undefined : found.join('\n');
}

function planted(path, text, isCaught) {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { flag: 'wx' });
  try {
    return isCaught() ? undefined : `the planted violation in ${path} went through`;
  } finally {
    rmSync(file);
  }
}
