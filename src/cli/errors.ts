import { InvariantError, KafkaMesosError, SpecError } from '../model/errors.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { printable } from './format/text.ts';

/** The command cannot do what it was asked, for a reason on this side of the API. `KM_CLI_*` */
export class CommandError extends KafkaMesosError {}

/** The command line is wrong; exit code 64. */
export class UsageError extends CommandError {
  constructor(message: string, remedy?: string) {
    super('KM_CLI_USAGE', message, remedy === undefined ? {} : { remedy });
  }
}

/** What a person sees of an error, and the exit code that goes with it. Never a stack. */
export type Failure = {
  readonly text: string;
  readonly exitCode: ExitCode;
  /** A bug of ours: its stack belongs into the log under `id`. */
  readonly bug?: { readonly id: string; readonly stack: string };
};

/**
 * `error: what`, `  code; whom it asked`, `  → remedy`. Mistakes in spec files were shown before, with their places.
 * `bug` says how a bug is named in both the text and the log; `asked` is the scheduler that was asked, if one was.
 */
export function describeFailure(
  error: unknown,
  bug: { readonly id: string; readonly logPath: string },
  asked?: string,
): Failure {
  if (error instanceof KafkaMesosError && !(error instanceof InvariantError)) {
    const lines = [`error: ${error.message}`];
    const facts = [
      ...(error instanceof UsageError || error instanceof SpecError ? [] : [error.code]),
      ...(asked === undefined || error instanceof SpecError || error.message.includes(asked)
        ? []
        : [`asked ${asked}`]),
    ];
    if (facts.length > 0) lines.push(`  ${facts.join('; ')}`);
    if (error.remedy !== undefined) lines.push(`  → ${error.remedy}`);
    return {
      text: `${lines.map(printable).join('\n')}\n`,
      exitCode: error instanceof UsageError ? exitCodes.usage : exitCodes.failed,
    };
  }
  const file = fileProblem(error);
  if (file !== undefined) return { text: file, exitCode: exitCodes.failed };
  // A bug that the scheduler reported has its own id in its message and its stack in the scheduler's log.
  if (error instanceof InvariantError && error.remedy !== undefined) {
    const text = `error: ${printable(error.message)}\n  ${error.code}\n  → ${printable(error.remedy)}\n`;
    return { text, exitCode: exitCodes.failed };
  }
  const code = error instanceof InvariantError ? error.code : 'KM_BUG_CLI';
  return {
    text: `error: kafka-mesos has a bug (${code}, ${bug.id})\n  → please report it with the entry ${bug.id} of ${bug.logPath}\n`,
    exitCode: exitCodes.failed,
    bug: { id: bug.id, stack: error instanceof Error ? (error.stack ?? error.message) : String(error) },
  };
}

/** Errors of the file system that no command foresaw are about the machine, not a bug. */
function fileProblem(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  const remedies: Readonly<Record<string, string>> = {
    EACCES: 'change its permissions, or choose another home directory by KAFKA_MESOS_HOME',
    EPERM: 'change its permissions, or choose another home directory by KAFKA_MESOS_HOME',
    EROFS: 'choose a home directory on a writable disk by KAFKA_MESOS_HOME',
    ENOSPC: 'the disk is full: make room, or choose another home directory by KAFKA_MESOS_HOME',
    EDQUOT: 'your quota is used up: make room, or choose another home directory by KAFKA_MESOS_HOME',
    EMFILE: 'raise the number of open files (ulimit -n)',
  };
  const remedy = remedies[error.code];
  return remedy === undefined ? undefined : `error: ${printable(error.message)}\n  → ${remedy}\n`;
}
