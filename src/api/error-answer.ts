import { randomBytes } from 'node:crypto';
import type { ErrorAnswer } from '../model/api.ts';
import { InvariantError, KafkaMesosError, NotLeaderError, SpecError } from '../model/errors.ts';
import { apiCodes, codeForStatus, statusOf } from './error-codes.ts';

export type Refused = { readonly status: number; readonly body: ErrorAnswer };

/**
 * Status and body for an error that a route threw. What is not one of the model's errors, or is a
 * bug, is answered by a short id only; `logBug` gets the same id and writes down the rest.
 */
export function answerFor(error: unknown, logBug: (id: string) => void): Refused {
  if (error instanceof KafkaMesosError && !(error instanceof InvariantError)) {
    return { status: statusOf(error), body: { error: describe(error) } };
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

/** Bodies and URLs that fastify itself refuses: too large, no JSON, not of the schema; and answers that take too long. */
function refusalOfFastify(error: unknown): Refused | undefined {
  if (!(error instanceof Error)) return undefined;
  const { statusCode, code: kind, validation } = error as Error & Record<string, unknown>;
  if (kind === 'FST_ERR_HANDLER_TIMEOUT') {
    return {
      status: 503,
      body: {
        error: {
          code: 'KM_UNAVAILABLE_TIMEOUT',
          message: 'the scheduler did not come to an answer in time; whether it was done is not known',
          remedy: 'look at the status before you ask again',
        },
      },
    };
  }
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return undefined;
  const code = codeForStatus(statusCode);
  const message =
    validation === undefined ? error.message : `the request is not as expected: ${error.message}`;
  return { status: apiCodes[code][0], body: { error: { code, message } } };
}
