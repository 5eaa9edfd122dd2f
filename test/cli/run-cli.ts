import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type ApiServer, startApiServer } from '../../src/api/server.ts';
import type { Context } from '../../src/cli/context.ts';
import { plainStyle } from '../../src/cli/format/text.ts';
import { ensureToken, publishApi } from '../../src/cli/home.ts';
import { type Home, resolveHome } from '../../src/cli/home-layout.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import type { SchedulerService } from '../../src/model/api.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { fakeService, specs } from '../api/fixtures.ts';

export type CliRun = {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type RunOptions = {
  readonly home: Home;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends SIGINT once stdout and stderr so far satisfy it. */
  readonly interruptWhen?: (text: string) => boolean;
};

const bin = fileURLToPath(new URL('../../bin/', import.meta.url));
let built: Promise<string> | undefined;

/**
 * The launcher of a build of the sources as they are now: `dist`, or where that is older, as when this was not
 * started by `npm test`, one of its own, deleted at the end.
 */
export function builtCli(): Promise<string> {
  built ??= (async () => {
    // Plain JavaScript without types, which runs before anything is installed.
    const script: string = join(bin, 'build.mjs');
    const { build, isStale } = await import(script);
    if (!isStale()) return join(bin, 'kafka-mesos');
    const root = mkdtempSync(join(tmpdir(), 'km-build-'));
    process.once('exit', () => rmSync(root, { recursive: true, force: true }));
    mkdirSync(join(root, 'bin'));
    for (const name of ['kafka-mesos', 'package.json']) cpSync(join(bin, name), join(root, 'bin', name));
    await build(join(root, 'dist'));
    return join(root, 'bin', 'kafka-mesos');
  })();
  return built;
}

/** The command line as a process of its own, with no terminal and nothing of our environment. */
export async function runCli(args: readonly string[], options: RunOptions): Promise<CliRun> {
  const child = spawn(process.execPath, [await builtCli(), ...args], {
    env: {
      PATH: process.env.PATH,
      HOME: options.home.directory,
      KAFKA_MESOS_HOME: options.home.directory,
      TZ: 'UTC',
      ...options.env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  let interrupted = false;
  const heard = () => {
    if (interrupted || options.interruptWhen?.(stdout + stderr) !== true) return;
    interrupted = true;
    child.kill('SIGINT');
  };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    heard();
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
    heard();
  });
  child.stdin.on('error', () => {});
  child.stdin.end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

/**
 * The same in this process, which takes a tenth of the time: for what is not about the process, once another
 * test has seen the command in one.
 */
export async function runHere(
  args: readonly string[],
  { home, stdin = '' }: Pick<RunOptions, 'home' | 'stdin'>,
): Promise<CliRun> {
  let stdout = '';
  let stderr = '';
  const base = testContext();
  const io: Context['io'] = {
    ...base.io,
    out: (text) => {
      stdout += text;
    },
    err: (text) => {
      stderr += text;
    },
    stdin: Readable.from([Buffer.from(stdin)]) as NodeJS.ReadStream,
  };
  const exitCode = await runProgram(testContext({ home, io }), args);
  return { exitCode, stdout, stderr };
}

/** For commands that run in this process: no terminal, output thrown away, a home that does not exist. */
export function testContext(change: Partial<Context> = {}): Context {
  return {
    env: {},
    home: resolveHome({ KAFKA_MESOS_HOME: '/nonexistent/kafka-mesos' }, '/nowhere'),
    io: {
      out: () => {},
      err: () => {},
      stdin: process.stdin,
      stdout: process.stdout,
      interactive: false,
      width: Infinity,
      style: plainStyle,
      errorStyle: plainStyle,
    },
    self: { command: process.execPath, args: ['--version'] },
    version: '0.0.0',
    nowMs: () => Date.now(),
    ...change,
  };
}

/** An empty home that is deleted afterwards. */
export async function withHome(use: (home: Home) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'km-home-'));
  try {
    await use(resolveHome({ KAFKA_MESOS_HOME: directory }, '/nowhere'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** As if there were always something new, so that who follows looks again and again. */
function everyMoment(listener: () => void): () => void {
  const timer = setInterval(listener, 20);
  return () => clearInterval(timer);
}

/** The API over a service of the test's. */
export function serveFake(service: SchedulerService, token: string, port = 0): Promise<ApiServer> {
  return startApiServer({
    service,
    specs,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port },
    version: '0.0.0',
    logger: silentLogger,
  });
}

/** A home whose scheduler is this process, with a service of the test's. */
export async function withScheduler(
  change: Partial<SchedulerService>,
  use: (home: Home, asked: ReturnType<typeof fakeService>['asked'], server: ApiServer) => Promise<void>,
): Promise<void> {
  await withHome(async (home) => {
    const { service, asked } = fakeService({ onChange: everyMoment, ...change });
    const server = await serveFake(service, await ensureToken(home));
    try {
      await publishApi(home, server.url);
      await use(home, asked, server);
    } finally {
      await server.close();
    }
  });
}
