import type {
  ApplyAnswer,
  ApplyRequest,
  ClusterStatus,
  ErrorAnswer,
  EventPage,
  EventQuery,
  FollowAnswer,
  FollowBody,
  HealthAnswer,
  IntentAnswer,
  IntentRequest,
  LogAnswer,
  LogRequest,
  PlanAnswer,
  ReconcileAnswer,
  ReconcileBody,
  RollbackBody,
  SchedulerStatus,
  SpecRequest,
} from '../model/api.ts';
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
import type { SpecRecord } from '../model/records.ts';
import type { RevisionSummary } from '../model/source.ts';
import type { TeardownAnswer, TeardownRequest } from '../model/teardown.ts';

/**
 * The scheduler's API from the other side. Every method rejects with an error of `model/errors.ts`;
 * what is not there (a cluster, a broker) is `undefined`.
 */
export type ApiClient = {
  health(): Promise<HealthAnswer>;
  scheduler(): Promise<SchedulerStatus>;
  clusters(): Promise<readonly ClusterStatus[]>;
  cluster(name: string): Promise<ClusterStatus | undefined>;
  spec(name: string): Promise<SpecRecord | undefined>;
  plan(request: SpecRequest): Promise<PlanAnswer>;
  apply(request: ApplyRequest): Promise<ApplyAnswer>;
  setIntent(request: IntentRequest): Promise<IntentAnswer | undefined>;
  teardown(request: TeardownRequest): Promise<TeardownAnswer>;
  events(query: EventQuery): Promise<EventPage>;
  readLog(request: LogRequest): Promise<LogAnswer | undefined>;
  /** Newest first. */
  revisions(clusterName: string): Promise<readonly RevisionSummary[] | undefined>;
  suspend(clusterName: string, request: FollowBody): Promise<FollowAnswer | undefined>;
  resume(clusterName: string, request: FollowBody): Promise<FollowAnswer | undefined>;
  rollback(clusterName: string, request: RollbackBody): Promise<FollowAnswer | undefined>;
  reconcile(request: ReconcileBody): Promise<ReconcileAnswer | undefined>;
};

export type ApiClientOptions = {
  readonly url: string;
  readonly token: string;
  /** PEM of who vouches for the scheduler's certificate; absent: whom Node trusts. */
  readonly ca?: string;
  /** How long one answer may take; 10 s unless said. */
  readonly timeoutMs?: number;
};

export const startRemedy =
  'start one by `kafka-mesos local up` (all on this machine) or `kafka-mesos scheduler --master …`, or name a running one by --api';

export function createApiClient(options: ApiClientOptions): ApiClient {
  const ask = async <T>(
    path: string,
    body?: unknown,
    method = body === undefined ? 'GET' : 'POST',
  ): Promise<T | undefined> => {
    const { status, text } = await send(options, method, path, body);
    const answer = readJson(text, options.url);
    if (status >= 200 && status < 300) return answer as T;
    const error = errorFrom(status, answer, options.url);
    if (error === undefined) return undefined;
    throw error;
  };
  const demand = async <T>(path: string, body?: unknown): Promise<T> => {
    const answer = await ask<T>(path, body);
    if (answer !== undefined) return answer;
    throw new ProtocolError('KM_PROTOCOL_API', `the scheduler at ${options.url} has no route ${path}`, {
      remedy: 'the scheduler is of another version than this command: restart it',
    });
  };
  const cluster = (name: string) => `/v1/clusters/${encodeURIComponent(name)}`;
  return {
    health: () => demand('/v1/health'),
    scheduler: () => demand('/v1/scheduler'),
    clusters: () => demand('/v1/clusters'),
    cluster: (name) => ask(cluster(name)),
    spec: (name) => ask(`${cluster(name)}/spec`),
    plan: (request) => demand('/v1/plan', request),
    apply: (request) => demand('/v1/apply', request),
    setIntent({ clusterName, brokerId, intent, author }) {
      const path = `${cluster(clusterName)}/brokers/${brokerId}/intent`;
      if (intent !== undefined) return ask(path, intent);
      return ask(
        author === undefined ? path : `${path}?${new URLSearchParams({ author })}`,
        undefined,
        'DELETE',
      );
    },
    teardown: (request) => demand('/v1/teardown', request),
    events: ({ clusterName, afterSeq, limit }) =>
      demand(
        `/v1/events?${new URLSearchParams({
          limit: String(limit),
          ...(clusterName === undefined ? {} : { cluster: clusterName }),
          ...(afterSeq === undefined ? {} : { after: String(afterSeq) }),
        })}`,
      ),
    revisions: (name) => ask(`${cluster(name)}/revisions`),
    suspend: (name, request) => ask(`${cluster(name)}/suspend`, request),
    resume: (name, request) => ask(`${cluster(name)}/resume`, request),
    rollback: (name, request) => ask(`${cluster(name)}/rollback`, request),
    reconcile: (request) => ask('/v1/reconcile', request),
    readLog: ({ clusterName, brokerId, file, bytes }) =>
      ask(
        `${cluster(clusterName)}/brokers/${brokerId}/logs?${new URLSearchParams({ file, bytes: String(bytes) })}`,
      ),
  };
}

type Answer = { readonly status: number; readonly text: string };

function send(
  { url, token, ca, timeoutMs = 10_000 }: ApiClientOptions,
  method: string,
  path: string,
  body: unknown,
): Promise<Answer> {
  // Every command asks, and few do more: `fetch`, or an `import` of node:http, would first load undici (50 ms).
  const { request } = process.getBuiltinModule(url.startsWith('https:') ? 'node:https' : 'node:http');
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const failWith = (kind: (error: Error, url: string) => UnavailableError) => (error: Error) =>
      reject(signal.aborted ? late(error, url, timeoutMs) : kind(error, url));
    const outgoing = request(
      `${url}${path}`,
      {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        // A kept connection may be closed just when it is used again, and whether a write got through is then unknown.
        agent: false,
        ...(ca === undefined ? {} : { ca }),
        signal,
      },
      (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (chunk: string) => {
          text += chunk;
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
        incoming.on('error', failWith(brokenOff));
      },
    );
    outgoing.on('error', failWith(unreachable));
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function late(error: Error, url: string, timeoutMs: number): UnavailableError {
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

function unreachable(error: Error, url: string): UnavailableError {
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

function brokenOff(error: Error, url: string): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_SCHEDULER', `the scheduler at ${url} broke off its answer`, {
    cause: error,
    outcome: 'unknown',
    remedy: 'try again; if it ended meanwhile, its log says why',
  });
}

function readJson(text: string, url: string): unknown {
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
function errorFrom(status: number, body: unknown, url: string): KafkaMesosError | undefined {
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
