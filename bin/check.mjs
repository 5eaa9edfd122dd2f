#!/usr/bin/env node
/**
 * `npm run check`: formatting and lint (Biome), types (tsc), layers (dependency-cruiser), unused code
 * (knip), hidden inputs in pure rooms. The gates of our own are also shown to bite: a planted violation in
 * a temporary file must be caught, else the gate itself counts as failed.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

// What only reads runs side by side; the violations are planted when nothing else looks.
const reading = {
  'format and lint': () => tool('biome', ['check', '--error-on-warnings', '.']),
  types: () => tool('tsc', ['-p', '.']),
  layers: cruise,
  'unused code': () => tool('knip', ['--no-progress']),
  'no hidden input in pure rooms': hiddenInputs,
};
const read = await Promise.all(Object.values(reading).map((gate) => gate()));
for (const [at, name] of Object.keys(reading).entries()) tell(name, read[at]);

const bitten = await planted(
  {
    'src/plan/planted.ts': "export { toCall } from '../mesos/to-wire.ts';\n",
    'src/plan/planted-socket.ts': "export { connect } from 'node:net';\n",
    'src/plan/planted-clock.ts': 'export const now = () => Date.now();\n',
  },
  async () => `${await cruise()}\n${hiddenInputs()}`,
);
for (const [what, said] of [
  ['layers bite: plan importing mesos', 'src/plan/planted.ts'],
  ['layers bite: a socket in a pure room', 'src/plan/planted-socket.ts'],
  ['hidden inputs bite: Date.now in plan', 'src/plan/planted-clock.ts:1'],
]) {
  tell(what, bitten.includes(said) ? undefined : `the planted violation in ${said} went through`);
}

process.stdout.write(`${passed} checks passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;

/** A gate says undefined when all is well, else what is wrong. */
function tell(name, wrong) {
  if (wrong === undefined) {
    passed += 1;
    process.stdout.write(`✓ ${name}\n`);
  } else {
    failed += 1;
    process.stdout.write(`✗ ${name}\n${wrong}\n`);
  }
}

function run(name, args) {
  return new Promise((resolve) => {
    const child = spawn(join(root, 'node_modules', '.bin', name), args, {
      cwd: root,
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1' },
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', (error) => resolve({ status: 1, stdout, stderr: String(error) }));
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

async function tool(name, args) {
  const { status, stdout, stderr } = await run(name, args);
  return status === 0 ? undefined : `${stdout}${stderr}`.trim();
}

async function cruise() {
  const result = await run('depcruise', [
    '--config',
    '.dependency-cruiser.cjs',
    'src',
    '--output-type',
    'json',
  ]);
  try {
    const { summary } = JSON.parse(result.stdout);
    if (summary.totalCruised === 0)
      return 'dependency-cruiser cruised no module: its TypeScript support is broken';
    const errors = summary.violations.filter((v) => v.rule.severity === 'error');
    return errors.length === 0
      ? undefined
      : errors.map((v) => `${v.rule.name}: ${v.from} → ${v.to}`).join('\n');
  } catch {
    return `dependency-cruiser did not run: ${result.stderr || result.stdout}`;
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

/** What is said while the files are there. */
async function planted(files, look) {
  const paths = Object.keys(files).map((path) => join(root, path));
  try {
    for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text, { flag: 'wx' });
    return await look();
  } finally {
    for (const path of paths) rmSync(path, { force: true });
  }
}
