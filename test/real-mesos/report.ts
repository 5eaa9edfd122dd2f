/** The steps of a run, told as they happen to somebody who sees nothing else. */
import { KafkaMesosError } from '../../src/model/errors.ts';

export type Report = {
  say(line: string): void;
  /**
   * Runs one step and says how it went; what `work` gives is said beside it. Whether it passed: once one of a
   * `chapter` has failed its other steps are skipped, for they build on it.
   */
  step(name: string, work: () => Promise<string | undefined>): Promise<boolean>;
  skip(name: string, why: string): void;
  chapter(title: string): void;
  /** From here on steps run again, though one has failed: cleaning up. */
  resume(): void;
  failed(): number;
  /** `N passed, N failed, N skipped`. */
  summary(): string;
};

export function createReport(write: (text: string) => void, nowMs: () => number = Date.now): Report {
  const count = { passed: 0, failed: 0, skipped: 0 };
  let broken: string | undefined;
  const say = (line: string): void => write(`${line}\n`);
  const skip = (name: string, why: string): void => {
    count.skipped += 1;
    say(`- ${name}: skipped, ${why}`);
  };
  return {
    say,
    skip,
    async step(name, work) {
      if (broken !== undefined) {
        skip(name, `for "${broken}" failed`);
        return false;
      }
      const startedMs = nowMs();
      const took = () => `${((nowMs() - startedMs) / 1_000).toFixed(1)} s`;
      try {
        const detail = await work();
        count.passed += 1;
        say(`✓ ${name} (${detail === undefined ? '' : `${detail}; `}${took()})`);
        return true;
      } catch (error) {
        count.failed += 1;
        broken = name;
        say(`✗ ${name} (${took()})\n${indent(explain(error))}`);
        return false;
      }
    },
    chapter(title) {
      broken = undefined;
      say(`\n${title}`);
    },
    resume() {
      broken = undefined;
    },
    failed: () => count.failed,
    summary: () => `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`,
  };
}

/** A failure of ours has its place and remedy; anything else is a mistake in the test, and its stack the place. */
function explain(error: unknown): string {
  if (error instanceof Failure) return error.message;
  if (error instanceof KafkaMesosError) {
    return `${error.code}: ${error.message}${error.remedy === undefined ? '' : `\n→ ${error.remedy}`}`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** A step's finding: the message says what was seen, what was expected, and what to do about it. */
export class Failure extends Error {}

export function expect(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Failure(message);
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}

/** Looks again every `everyMs` until there is something; `late` says what was last seen. */
export async function until<Value>(
  what: string,
  waitMs: number,
  look: () => Value | undefined | false | Promise<Value | undefined | false>,
  late: () => string = () => '',
  everyMs = 250,
): Promise<Value> {
  const deadlineMs = Date.now() + waitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (interrupted !== undefined)
      throw new Failure(`interrupted by ${interrupted} while waiting for: ${what}`);
    if (Date.now() > deadlineMs) {
      const seen = late();
      throw new Failure(
        `not within ${waitMs / 1_000} s: ${what}${seen === '' ? '' : `\n${seen}`}\n→ if it is only slow, raise MESOS_WAIT_SECONDS`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

let interrupted: string | undefined;

/** Ctrl-C ends what is being waited for, so that the run goes on to clean up; again, to end at once. */
export function heedInterrupts(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupted !== undefined) process.exit(130);
      interrupted = signal;
    });
  }
}

/** For cleaning up, which waits too. */
export function forgetInterrupt(): void {
  interrupted = undefined;
}
