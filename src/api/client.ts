import type {
  ApplyAnswer,
  ApplyRequest,
  ClusterStatus,
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
import { ProtocolError, type UnavailableError } from '../model/errors.ts';
import type { SpecRecord } from '../model/records.ts';
import type { RevisionSummary } from '../model/source.ts';
import type { TeardownAnswer, TeardownRequest } from '../model/teardown.ts';
import { brokenOff, errorFrom, late, readJson, unreachable } from './client-errors.ts';
import { openWatch, type WatchMessage, type WatchQuery } from './watch-client.ts';

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
  /**
   * What changes, as it is told; resolves once it is connected. The stream goes on until `signal`, and then ends in an
   * `AbortError`; when it breaks off before, as it does when the scheduler ends, in `UnavailableError`.
   */
  watch(query: WatchQuery, signal: AbortSignal): Promise<AsyncIterable<readonly WatchMessage[]>>;
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
    watch: (query, signal) => openWatch(options, query, signal),
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
