import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { whoWasAsked } from './asked.ts';
import type { Context } from './context.ts';
import { describeFailure } from './errors.ts';
import { createProgram } from './program.ts';

/** One command from its arguments to its exit code. Never rejects: what failed is told on stderr. */
export async function runProgram(context: Context, args: readonly string[]): Promise<number> {
  try {
    return await createProgram(context).run(args);
  } catch (error) {
    return tellFailure(context, error);
  }
}

/** Tells people what went wrong; a bug gets an id, and its stack goes into the log. The exit code of it. */
export function tellFailure(context: Context, error: unknown): number {
  const { cliLog } = context.home;
  const bug = { id: crypto.randomUUID().slice(0, 8), logPath: cliLog };
  const failure = describeFailure(error, bug, whoWasAsked(context));
  if (failure.bug !== undefined) {
    const { id, stack } = failure.bug;
    const entry = { time: new Date().toISOString(), id, version: context.version, error: stack };
    try {
      mkdirSync(dirname(cliLog), { recursive: true, mode: 0o700 });
      appendFileSync(cliLog, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    } catch {
      // Without a log the stack is better shown than lost.
      context.io.err(`${stack}\n`);
    }
  }
  context.io.err(failure.text);
  return failure.exitCode;
}
