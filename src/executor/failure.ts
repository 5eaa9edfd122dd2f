import { KafkaMesosError } from '../model/errors.ts';
import type { ReportCode } from '../model/launch.ts';

/** Why this broker cannot run; becomes the report of a TASK_FAILED. */
export class BrokerFailure extends KafkaMesosError {
  readonly reportCode: ReportCode;

  constructor(reportCode: ReportCode, message: string, options: { cause?: unknown; remedy?: string } = {}) {
    super(`KM_BROKER_${reportCode.toUpperCase().replaceAll('-', '_')}`, message, options);
    this.reportCode = reportCode;
  }
}

/** The stop that was asked for came before the work was done. Never shown: the stop is reported instead. */
export class Stopped extends Error {
  constructor() {
    super('stopped');
    this.name = 'Stopped';
  }
}

export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new Stopped();
}

/** The system error's code (`ENOENT`, `ECONNREFUSED`, …), looking through one level of `cause`. */
export function systemCode(error: unknown): string | undefined {
  for (const candidate of [error, (error as { cause?: unknown } | null)?.cause]) {
    const code = (candidate as { code?: unknown } | null | undefined)?.code;
    if (typeof code === 'string') return code;
  }
  return undefined;
}

export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`;
}

/**
 * What it said last that may tell why it ended: warnings and worse with what belongs to them, and words of the JVM,
 * which have no level. From what went well nobody learns anything.
 */
export function lastWords(lines: readonly string[], maxLength: number): string {
  let isTelling = true;
  const telling = lines.filter((line) => {
    // An indented line goes with the one before it: a stack trace, or a list of settings.
    if (!/^\s/.test(line)) isTelling = !/^\[[^\]]*\] (TRACE|DEBUG|INFO) /.test(line);
    return isTelling;
  });
  let room = maxLength;
  // Whole lines only, from the end.
  const kept = telling.slice(-15);
  const cut = kept.findLastIndex((line) => {
    room -= line.length + 1;
    return room < 0;
  });
  const text = kept.slice(cut + 1).join('\n');
  return text === '' ? '' : `; its last words:\n${text}`;
}
