/**
 * Runs everything that must hold and ends with one line: `N passed, N failed[, N skipped]`.
 *
 *   node test/run.mjs [--fast | --e2e] [part of a file name …]
 *
 * The short test files of a room share a process, every other one has its own (`run-files.mjs`). uvu lets a few
 * mistakes pass in silence; here they are red: a file without `.run()`, one that ran no test or not to its end, a hook
 * that threw, an exit code without a failure, a skip that test/skips.json does not name.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
process.env.PATH = `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`;
const setup = new URL('setup.mjs', import.meta.url).href;
const args = process.argv.slice(2);
const onlyFast = args.includes('--fast');
const onlyE2e = args.includes('--e2e');
const patterns = args.filter((a) => !a.startsWith('--'));
const allowedSkips = JSON.parse(readFileSync(join(root, 'test/skips.json'), 'utf8'));

const files = readdirSync(join(root, 'test'), { recursive: true })
  .map(String)
  .filter((f) => /\.test\.tsx?$/.test(f))
  .map((f) => join('test', f))
  .filter((f) => patterns.length === 0 || patterns.some((p) => f.includes(p)))
  .sort();
// Half of a test's time is spent waiting for processes and timers of its own.
const lanes = Math.max(2, Math.min(6, 2 * availableParallelism()));
/** What needs Java and what Maven gets: real brokers, a real ZooKeeper. */
// crash-stub needs no Kafka, but starts and kills schedulers in more than thirty worlds: that takes minutes on two
// cores, and the fast part has one.
const isE2e = (file) => ['e2e', 'zookeeper'].some((room) => file.startsWith(join('test', room)));
/** Bounds on a takeover hold on a machine that does nothing else. */
const isAlone = (file) => file === join('test', 'e2e', 'failover.test.ts');
/**
 * Begun first, the longest first: else the last lane ends long after the others. A file has a process of its own, like
 * everything that needs Kafka. The other files of a room share one: to start it and load the room takes longer than most
 * of them.
 */
const longest = [
  'cli/local.test.ts',
  'sim',
  'cli/cli.test.ts',
  'plan',
  'spec',
  'executor/run-broker.test.ts',
  'local/server.test.ts',
  'local/processes.test.ts',
  'view/render-live.test.ts',
  'store/file-store.test.ts',
  'e2e/crash-removal.test.ts',
  'e2e/bring-up.test.ts',
  'e2e/crash-stub.test.ts',
  'e2e/relocation.test.ts',
  'e2e/two-clusters.test.ts',
  'e2e/intents.test.ts',
  'e2e/rolling.test.ts',
].map((path) => join('test', path));
/** The file, or the room that it shares a process with. */
const placeOf = (file) => (isE2e(file) || longest.includes(file) ? file : dirname(file));
const rank = (place) => (longest.includes(place) ? longest.indexOf(place) : longest.length);

const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];

function fail(what, output = '') {
  total.failed += 1;
  failures.push(what);
  process.stdout.write(`✗ ${what}\n${output === '' ? '' : `${output.trimEnd()}\n`}`);
}

function run(command, commandArgs, timeoutMs, more = {}) {
  return new Promise((resolve) => {
    // A group of its own, so that nothing a hung test started outlives it.
    const child = spawn(command, commandArgs, {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...more, FORCE_COLOR: '0', NO_COLOR: '1' },
    });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    const timer = setTimeout(() => {
      chunks.push(Buffer.from(`\nended after ${timeoutMs / 1000} s without an end\n`));
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended by itself just now.
      }
    }, timeoutMs);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8') });
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ code: 1, output: String(error) });
    });
  });
}

/**
 * As `run`, with a folder of its own for `test-folder.ts`. What runs in there by itself, as an embedded Mesos and its
 * brokers do, would outlive a file that hung or broke off, and take the machine from the others.
 */
async function runInFolder(command, commandArgs, timeoutMs) {
  const folder = mkdtempSync(join(tmpdir(), 'km-test-'));
  const result = await run(command, commandArgs, timeoutMs, { KAFKA_MESOS_TEST_FOLDER: folder });
  // One may start another while we look.
  for (let round = 0; result.code !== 0 && round < 5; round += 1) {
    for (const pid of processesOf(folder)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself just now.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  return result;
}

/** Processes whose command line or environment names the folder, where there is a /proc. */
function processesOf(folder) {
  const names = (pid, file) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  };
  return existsSync('/proc')
    ? readdirSync('/proc').filter(
        (pid) => /^\d+$/.test(pid) && (names(pid, 'cmdline') || names(pid, 'environ')),
      )
    : [];
}

/** One after another in one process. */
async function runFiles(files) {
  const runnable = files.filter((file) => /\.run\(\)/.test(readFileSync(join(root, file), 'utf8')));
  for (const file of files) {
    if (!runnable.includes(file)) fail(`${file}: it never calls .run(), so it asserts nothing`);
  }
  if (runnable.length === 0) return;
  const isLong = runnable.some(isE2e);
  const { code, output } = await (isLong ? runInFolder : run)(
    process.execPath,
    // Room for what lives shortly: the simulation spent a sixth of its time on collecting it.
    ['--max-semi-space-size=64', '--import', setup, 'test/run-files.mjs', ...runnable],
    isLong ? 900_000 : 300_000,
  );
  const printed = new Map(
    output.split(/^▶ /m).map((part) => {
      const end = part.indexOf('\n');
      return [part.slice(0, end), part.slice(end + 1)];
    }),
  );
  const failedBefore = total.failed;
  for (const file of runnable) judge(file, printed.get(file), code);
  if (code !== 0 && total.failed === failedBefore) {
    fail(`${runnable.join(', ')}: exit code ${code} without a failed test`, output);
  }
}

/** `output` is what the file printed, undefined when its process ended before it; `code` is that of the process. */
function judge(file, output, code) {
  if (output === undefined) {
    fail(`${file}: it did not run, because its process ended with ${code} in a file before it`);
    return;
  }
  const sum = (word) =>
    [...output.matchAll(new RegExp(`^\\s*${word}:\\s+(\\d+)`, 'gm'))].reduce((n, m) => n + Number(m[1]), 0);
  const counts = { total: sum('Total'), passed: sum('Passed'), skipped: sum('Skipped') };
  const durationMs = /^■ (\d+)$/m.exec(output)?.[1];
  total.passed += counts.passed;
  total.skipped += counts.skipped;
  if (counts.passed < counts.total) {
    const missing = counts.total - counts.passed;
    total.failed += missing - 1;
    fail(`${file}: ${missing} of ${counts.total} failed`, output);
  } else if (durationMs === undefined) {
    fail(`${file}: its process ended with ${code} before it was done`, output);
  } else if (counts.total === 0 && counts.skipped === 0) {
    fail(`${file}: it ran no test`, output);
  } else {
    const seconds = (Number(durationMs) / 1000).toFixed(1);
    process.stdout.write(
      `✓ ${file} (${counts.passed}${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}, ${seconds} s)\n`,
    );
  }
  const allowed = allowedSkips[relative('test', file)];
  if (counts.skipped > 0 && allowed === undefined) {
    fail(`${file}: ${counts.skipped} skipped, which test/skips.json does not name`);
  } else if (counts.skipped > 0) {
    process.stdout.write(`  skipped: ${allowed}\n`);
  }
}

async function runChecks() {
  const { code, output } = await run(process.execPath, ['bin/check.mjs', '--counted'], 300_000);
  const checks = output.match(/^(\d+) checks passed, (\d+) failed$/m);
  if (checks === null) {
    fail('checks: they did not run', output);
    return;
  }
  total.passed += Number(checks[1]);
  process.stdout.write(`${output.trimEnd()}\n`);
  for (let i = 0; i < Number(checks[2]); i += 1) fail(`check ${i + 1}`);
  if (code !== 0 && Number(checks[2]) === 0) fail('checks: exit code without a failed check');
}

async function runAll(jobs, lanes) {
  const queue = [...jobs];
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job();
    }),
  );
}

const jobsOf = (chosen) =>
  Object.entries(Object.groupBy(files.filter(chosen), placeOf))
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(
      ([, together]) =>
        () =>
          runFiles(together),
    );

const startedMs = Date.now();
if (!onlyE2e) {
  const checks = patterns.length === 0 ? [runChecks] : [];
  await runAll([...checks, ...jobsOf((file) => !isE2e(file))], lanes);
}
const fastMs = Date.now() - startedMs;
if (!onlyFast) {
  await runAll(jobsOf(isAlone), 1);
  await runAll(
    jobsOf((file) => isE2e(file) && !isAlone(file)),
    // They wait for Kafka half of the time.
    availableParallelism() + 1,
  );
}
if (total.passed + total.failed + total.skipped === 0) {
  fail('no test matched');
}
process.stdout.write(
  `\n${(fastMs / 1000).toFixed(0)} s without Kafka, ${((Date.now() - startedMs) / 1000).toFixed(0)} s in all\n`,
);
for (const failure of failures) {
  process.stdout.write(`failed: ${failure}\n`);
}
process.stdout.write(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}\n`,
);
process.exitCode = total.failed > 0 ? 1 : 0;
