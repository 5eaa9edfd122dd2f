import { randomBytes } from 'node:crypto';
import type { ErrorAnswer } from '../model/api.ts';
import {
  ConflictError,
  InvariantError,
  KafkaMesosError,
  NotLeaderError,
  ProtocolError,
  SpecError,
  UnavailableError,
  UnsafePlanError,
} from '../model/errors.ts';

/**
 * Status and body for an error that a route threw. What is not one of the model's errors, or is a
 * bug, is answered by a short id only; `logBug` gets the same id and writes down the rest.
 */
export function answerFor(
  error: unknown,
  logBug: (id: string) => void,
): { readonly status: number; readonly body: ErrorAnswer } {
  if (error instanceof KafkaMesosError && !(error instanceof InvariantError)) {
    return { status: statusFor(error), body: { error: describe(error) } };
  }
  const refused = refusalOfFastify(error);
  if (refused !== undefined) return refused;
  const id = randomBytes(4).toString('hex');
  logBug(id);
  const code = error instanceof InvariantError ? error.code : 'KM_BUG_API';
  return {
    status: 500,
    body: {
      error: {
        code,
        message: `the scheduler failed on this request (error ${id})`,
        remedy: `look for ${id} in the scheduler's log`,
      },
    },
  };
}

function describe(error: KafkaMesosError): ErrorAnswer['error'] {
  return {
    code: error.code,
    message: error.message,
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    ...(error instanceof SpecError && error.problems.length > 0 ? { problems: error.problems } : {}),
    ...(error instanceof NotLeaderError && error.leader !== undefined ? { leader: error.leader } : {}),
  };
}

function statusFor(error: KafkaMesosError): number {
  if (error instanceof SpecError) return 422;
  if (error instanceof ConflictError || error instanceof UnsafePlanError) return 409;
  if (error instanceof UnavailableError) return 503;
  if (error instanceof ProtocolError) return 502;
  return 500;
}

/** Bodies and URLs that fastify itself refuses: too large, no JSON, not of the schema. */
function refusalOfFastify(error: unknown): { status: number; body: ErrorAnswer } | undefined {
  if (!(error instanceof Error)) return undefined;
  const { statusCode, validation } = error as Error & { statusCode?: unknown; validation?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return undefined;
  const code = statusCode === 413 ? 'KM_API_TOO_LARGE' : 'KM_API_MALFORMED';
  const message =
    validation === undefined ? error.message : `the request is not as expected: ${error.message}`;
  return { status: statusCode, body: { error: { code, message } } };
}
