/** What a route is; `routes.ts` has all of them. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { SchedulerService, SpecRequest, ValidateAnswer } from '../model/api.ts';
import type { Schema, ValueOf } from './json-schema.ts';

/** What the routes ask. */
export type Asked = {
  readonly service: SchedulerService;
  readonly specs: SpecChecker;
  readonly version: string;
  readonly metrics?: MetricsSource;
  /** Answers a request by a stream that goes on; says so when there are too many. */
  readonly watch: (request: FastifyRequest, reply: FastifyReply, query: WatchQuery) => void;
  readonly document: () => object;
};

/** What can be said of spec files by anybody, a standby too. */
export type SpecChecker = {
  validate(request: SpecRequest): ValidateAnswer | Promise<ValidateAnswer>;
  /** JSON Schema of a spec file. */
  schema(): object;
};

/** In the format of Prometheus. */
export type MetricsSource = { readonly contentType: string; render(): Promise<string> };

export type WatchQuery = { readonly cluster?: string; readonly after?: number };

/** `none`: without a token. `read`: either token. `write`: the token that may write. */
export type Scope = 'none' | 'read' | 'write';

export type Call<B, Q> = {
  readonly asked: Asked;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: B;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
};

export type Route = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With `:name` for what a request names. */
  readonly path: string;
  readonly scope: Scope;
  readonly id: string;
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  /** By name; all optional. */
  readonly query?: Readonly<Record<string, Schema>>;
  readonly body?: Schema;
  readonly answer: Schema;
  /** JSON unless said. */
  readonly answerType?: string;
  /** Answers only a page of a list, and names the next by the header `Link`. */
  readonly isPaged?: true;
  /** Asks others, or is made from everything: counts as much as a write. */
  readonly isCostly?: true;
  /** Beside those that every route has. */
  readonly errors: readonly (403 | 404 | 409 | 422 | 502 | 503)[];
  /** The answer, or the reply where it was given already. */
  readonly handle: (call: Call<never, never>) => unknown;
};

type QueryOf<Q> =
  Q extends Readonly<Record<string, Schema>>
    ? { readonly [K in keyof Q]?: ValueOf<Q[K]> }
    : Record<never, never>;

/** A route whose handler gets what its schemas say. */
export function route<
  const B extends Schema | undefined = undefined,
  const Q extends Readonly<Record<string, Schema>> | undefined = undefined,
>(
  one: Omit<Route, 'handle' | 'body' | 'query'> & {
    readonly body?: B;
    readonly query?: Q;
    readonly handle: (call: Call<ValueOf<B>, QueryOf<Q>>) => unknown;
  },
): Route {
  return one as unknown as Route;
}
