/** What a client makes of answers and connections that failed: the model's errors. */
import type { ErrorAnswer } from '../model/api.ts';
import {
  ConflictError,
  InvariantError,
  type KafkaMesosError,
  NotLeaderError,
  ProtocolError,
  SpecError,
  UnavailableError,
  UnsafePlanError,
} from '../model/errors.ts';

export const startRemedy =
  'start one by `kafka-mesos local up` (all on this machine) or `kafka-mesos scheduler --master …`, or name a running one by --api';

export function late(error: Error, url: string, timeoutMs: number): UnavailableError {
  return new UnavailableError(
    'KM_UNAVAILABLE_SCHEDULER',
    `the scheduler at ${url} did not answer within ${timeoutMs / 1000} s`,
    {
      cause: error,
      outcome: 'unknown',
      remedy: 'look into its log (its journal, or scheduler.log in the home directory); then try again',
    },
  );
}

export function unreachable(error: Error, url: string): UnavailableError {
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ECONNREFUSED') {
    return new UnavailableError('KM_UNAVAILABLE_SCHEDULER', `no scheduler is running at ${url}`, {
      cause: error,
      remedy: startRemedy,
    });
  }
  if (code === 'ECONNRESET') return brokenOff(error, url);
  if (code === 'EPROTO') {
    return new UnavailableError('KM_UNAVAILABLE_SCHEDULER', `what listens at ${url} does not speak TLS`, {
      cause: error,
      remedy: 'check --api and KAFKA_MESOS_API: is it http:// instead of https://?',
    });
  }
  if (/^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY))/.test(code)) {
    return new UnavailableError(
      'KM_UNAVAILABLE_CERTIFICATE',
      `the certificate of ${url} is not trusted: ${error.message}`,
      {
        cause: error,
        remedy:
          'give its CA by --ca-file or KAFKA_MESOS_CA_FILE, and the name in the certificate by --api; nothing was sent',
      },
    );
  }
  return new UnavailableError(
    'KM_UNAVAILABLE_SCHEDULER',
    `the scheduler at ${url} cannot be reached: ${code || error.message}`,
    {
      cause: error,
      outcome: 'unknown',
      remedy: startRemedy,
    },
  );
}

export function brokenOff(error: Error, url: string): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_SCHEDULER', `the scheduler at ${url} broke off its answer`, {
    cause: error,
    outcome: 'unknown',
    remedy: 'try again; if it ended meanwhile, its log says why',
  });
}

export function readJson(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ProtocolError('KM_PROTOCOL_API', `what answers at ${url} is no kafka-mesos scheduler`, {
      cause: error,
      remedy: 'check --api and KAFKA_MESOS_API',
    });
  }
}

/** The model's error for an answer; undefined for "no such thing". */
export function errorFrom(status: number, body: unknown, url: string): KafkaMesosError | undefined {
  const error = (body as Partial<ErrorAnswer> | null)?.error;
  if (typeof error?.code !== 'string' || typeof error.message !== 'string') {
    return new ProtocolError('KM_PROTOCOL_API', `unexpected answer ${status} from ${url}`, {
      remedy: 'check --api and KAFKA_MESOS_API',
    });
  }
  const { code, message } = error;
  const options = error.remedy === undefined ? {} : { remedy: error.remedy };
  if (code.startsWith('KM_SPEC_'))
    return new SpecError(code, message, { ...options, problems: error.problems ?? [] });
  if (code.startsWith('KM_UNSAFE_')) return new UnsafePlanError(code, message, options);
  if (code === 'KM_CONFLICT_NOT_LEADER') return new NotLeaderError(message, error.leader, error.remedy ?? '');
  if (code.startsWith('KM_CONFLICT_')) return new ConflictError(code, message, options);
  if (code.startsWith('KM_UNAVAILABLE_')) return new UnavailableError(code, message, options);
  if (code.startsWith('KM_BUG_')) return new InvariantError(code, message, options);
  if (code === 'KM_API_NOT_FOUND') return undefined;
  if (code === 'KM_API_TOKEN') {
    return new UnavailableError('KM_UNAVAILABLE_TOKEN', `the scheduler at ${url} refuses this token`, {
      remedy:
        'use the home directory of that scheduler (KAFKA_MESOS_HOME), or give its token file by --token-file',
    });
  }
  if (code === 'KM_API_SCOPE') {
    return new UnavailableError('KM_UNAVAILABLE_SCOPE', 'this token may look and plan, and change nothing', {
      remedy: 'give the file of the token that may write by --token-file',
    });
  }
  if (code === 'KM_API_RATE') return new UnavailableError('KM_UNAVAILABLE_RATE', message, options);
  if (code === 'KM_API_TOO_LARGE') {
    return new SpecError('KM_SPEC_TOO_LARGE', 'the spec files are larger than 4 MiB together', {
      remedy: 'apply fewer files at a time',
    });
  }
  return new ProtocolError(code, message, options);
}
