import { homedir } from 'node:os';
import type { Context } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { createStyle } from './format/text.ts';
import { resolveHome } from './home-layout.ts';
import { runProgram, tellFailure } from './run-program.ts';
import { version } from './version.ts';

const context = createContext(process.argv.slice(2));
// A bug must not look like success, wherever it is thrown.
process.on('uncaughtException', (error) => {
  process.exit(tellFailure(context, error));
});

process.exitCode = await runProgram(context, process.argv.slice(2));

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
