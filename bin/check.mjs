#!/usr/bin/env node
/**
 * `npm run check`: formatting and lint (Biome), types (tsc), layers (dependency-cruiser), unused code
 * (knip), hidden inputs in pure rooms. The gates of our own look at a copy in which violations are planted:
 * each of these must be caught, else the gate itself counts as failed, and anything else they catch is real.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
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

/** What is planted, and by which gate it has to be caught. */
const planted = {
  'src/plan/planted.ts': [
    'layers',
    'plan importing mesos',
    "export { toCall } from '../mesos/to-wire.ts';\n",
  ],
  'src/plan/planted-socket.ts': [
    'layers',
    'a socket in a pure room',
    "export { connect } from 'node:net';\n",
  ],
  'src/cli/planted-test.ts': ['layers', 'src importing test', "export * from '../../test/correctness.ts';\n"],
  'src/plan/planted-clock.ts': [
    'hidden inputs',
    'Date.now in plan',
    'export const now = () => Date.now();\n',
  ],
};

const copy = copyWithPlanted();
try {
  const [format, types, unused, layers] = await Promise.all([
    tool('biome', ['check', '--error-on-warnings', '.']),
    // Collecting garbage takes it a quarter of its time, and it needs half a gigabyte either way.
    tool('../typescript-native/bin/tsc', ['-p', '.'], { GOGC: '400' }),
    tool('knip', ['--no-progress']),
    cruise(),
  ]);
  tell('format and lint', format);
  tell('types', types);
  tell('unused code', unused);
  tellPlanted('layers', layers);
  tellPlanted('hidden inputs', hiddenInputs());
} finally {
  rmSync(copy, { recursive: true, force: true });
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

/** `found` is one line a violation, each beginning with its file. */
function tellPlanted(gate, found) {
  const real = found.filter((line) => !Object.keys(planted).some((file) => line.includes(file)));
  tell(gate, real.length === 0 ? undefined : real.join('\n'));
  for (const [file, [by, what]] of Object.entries(planted)) {
    if (by !== gate) continue;
    const caught = found.some((line) => line.includes(file));
    tell(`${gate} bite: ${what}`, caught ? undefined : `the planted violation in ${file} went through`);
  }
}

function run(name, args, { cwd = root, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(join(root, 'node_modules', '.bin', name), args, {
      cwd,
      env: { ...process.env, ...env, FORCE_COLOR: '0', NO_COLOR: '1' },
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

async function tool(name, args, env) {
  const { status, stdout, stderr } = await run(name, args, { env });
  return status === 0 ? undefined : `${stdout}${stderr}`.trim();
}

async function cruise() {
  const result = await run(
    'depcruise',
    ['--config', '.dependency-cruiser.cjs', 'src', '--output-type', 'json'],
    { cwd: copy },
  );
  try {
    const { summary } = JSON.parse(result.stdout);
    if (summary.totalCruised === 0)
      return ['dependency-cruiser cruised no module: its TypeScript support is broken'];
    return summary.violations
      .filter((v) => v.rule.severity === 'error')
      .map((v) => `${v.rule.name}: ${v.from} → ${v.to}`);
  } catch {
    return [`dependency-cruiser did not run: ${result.stderr || result.stdout}`];
  }
}

function hiddenInputs() {
  return pureRooms.flatMap((room) =>
    readdirSync(join(copy, 'src', room), { recursive: true })
      .map(String)
      .filter((f) => /\.tsx?$/.test(f))
      .flatMap((f) =>
        readFileSync(join(copy, 'src', room, f), 'utf8')
          .split('\n')
          .flatMap((line, i) =>
            hiddenInput.test(line.replace(/\/\/.*|^\s*\*.*/, ''))
              ? [`src/${room}/${f}:${i + 1}: ${line.trim()}`]
              : [],
          ),
      ),
  );
}

/** A copy and not the sources themselves: others read those meanwhile. */
function copyWithPlanted() {
  const folder = mkdtempSync(join(tmpdir(), 'km-check-'));
  for (const name of ['src', 'test', 'schema', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, [, , text]] of Object.entries(planted)) {
    writeFileSync(join(folder, path), text, { flag: 'wx' });
  }
  return folder;
}
