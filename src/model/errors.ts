import type { SpecProblem } from './api.ts';
import type { Leader } from './leadership.ts';

/**
 * The errors this project raises, by what the reconcile loop does about them.
 *
 * Adapters translate at their edge: no client library's error leaves its folder. "Not yet" is
 * never an error; it is a held reason (`held.ts`).
 */
export abstract class KafkaMesosError extends Error {
  readonly code: string;
  /** What the reader can do about it, as one sentence; shown under the message. */
  readonly remedy: string | undefined;

  constructor(code: string, message: string, options: { cause?: unknown; remedy?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.remedy = options.remedy;
    this.name = new.target.name;
  }
}

/** The desired state is wrong. `KM_SPEC_*`. The loop keeps the last good one and waits for an edit. */
export class SpecError extends KafkaMesosError {
  readonly problems: readonly SpecProblem[];

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; remedy?: string; problems?: readonly SpecProblem[] } = {},
  ) {
    super(code, message, options);
    this.problems = options.problems ?? [];
  }
}

/** Doing it could lose data. `KM_UNSAFE_*`. The loop holds and asks for the operator's consent. */
export class UnsafePlanError extends KafkaMesosError {}

/** What became of the call that failed: it never left, or nobody knows. */
export type CallOutcome = 'not-sent' | 'unknown';

/** A peer cannot be reached or asked. `KM_UNAVAILABLE_*`. The loop backs off and observes again. */
export class UnavailableError extends KafkaMesosError {
  readonly outcome: CallOutcome;

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; remedy?: string; outcome?: CallOutcome } = {},
  ) {
    super(code, message, options);
    this.outcome = options.outcome ?? 'not-sent';
  }
}

/** A version or the leadership was lost. `KM_CONFLICT_*`. The loop stops sending and observes again. */
export class ConflictError extends KafkaMesosError {}

/** This scheduler stands by: another one decides. Its answer names who, so that a client can ask there. */
export class NotLeaderError extends ConflictError {
  readonly leader: Leader | undefined;

  constructor(message: string, leader: Leader | undefined, remedy: string) {
    super('KM_CONFLICT_NOT_LEADER', message, { remedy });
    this.leader = leader;
  }
}

/** The peer does not speak as it should. `KM_PROTOCOL_*`. The connection is dropped and made anew. */
export class ProtocolError extends KafkaMesosError {}

/** A bug of ours. `KM_BUG_*`. The process ends non-zero and starts again from the store. */
export class InvariantError extends KafkaMesosError {}

/** Closes a switch over a union: adding a member without a case is then a type error. */
export function unreachable(value: never): never {
  throw new InvariantError('KM_BUG_UNREACHABLE', `unexpected value ${JSON.stringify(value)}`);
}
