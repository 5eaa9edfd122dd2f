import { appendFileSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import type { Context } from './context.ts';
import { describeFailure } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import { createStyle } from './format/text.ts';
import { resolveHome } from './home-layout.ts';
import { createProgram } from './program.ts';
import { version } from './version.ts';

const context = createContext(process.argv.slice(2));
// A bug must not look like success, wherever it is thrown.
process.on('uncaughtException', (error) => {
  fail(error);
  process.exit();
});

try {
  process.exitCode = await createProgram(context).run(process.argv.slice(2));
} catch (error) {
  fail(error);
}

function createContext(args: readonly string[]): Context {
  const { env } = process;
  const stdout = watched(process.stdout);
  const noColor = Boolean(env.NO_COLOR) || args.includes('--no-color') || env.TERM === 'dumb';
  const interactive = stdout.isTTY === true && env.TERM !== 'dumb';
  return {
    env: noColor ? { ...env, NO_COLOR: '1' } : env,
    home: resolveHome(env, homedir()),
    io: {
      out: (text) => void stdout.write(text),
      err: (text) => void watched(process.stderr).write(text),
      // Opening a stream takes a millisecond each; most commands need one of the three.
      get stdin() {
        return process.stdin;
      },
      stdout,
      interactive,
      width: interactive ? (stdout.columns ?? 80) : Infinity,
      style: createStyle(interactive && !noColor),
      get errorStyle() {
        return createStyle(process.stderr.isTTY === true && !noColor);
      },
    },
    self: { command: process.execPath, args: [...process.execArgv, process.argv[1] ?? ''] },
    version,
    nowMs: () => Date.now(),
  };
}

/** What the reader of our output does is its affair: `status | head -1` is no error. */
function watched(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  if (stream.listenerCount('error') > 0) return stream;
  return stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCodes.brokenPipe);
    throw error;
  });
}

function fail(error: unknown): void {
  const failure = describeFailure(error, {
    id: crypto.randomUUID().slice(0, 8),
    logPath: context.home.cliLog,
  });
  process.exitCode = failure.exitCode;
  if (failure.bug !== undefined) {
    try {
      mkdirSync(dirname(context.home.cliLog), { recursive: true, mode: 0o700 });
      const entry = { time: new Date().toISOString(), id: failure.bug.id, version, error: failure.bug.stack };
      appendFileSync(context.home.cliLog, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    } catch {
      // Without a log the stack is better shown than lost.
      context.io.err(`${failure.bug.stack}\n`);
    }
  }
  context.io.err(failure.text);
}
