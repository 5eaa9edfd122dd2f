import { createHash, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type {
  ApplyRequest,
  ErrorAnswer,
  HealthAnswer,
  IntentBody,
  SchedulerService,
  SpecRequest,
} from '../model/api.ts';
import { type ClusterStatus, leftAlone } from '../model/status.ts';
import type { TeardownRequest } from '../model/teardown.ts';
import type { Logger } from '../sys/logger.ts';
import { answerFor } from './error-answer.ts';
import { addFollowingRoutes } from './following-routes.ts';
import type { ListenAddress } from './listen-address.ts';
import { isLoopback, urlOf } from './listen-address.ts';
import { applySchema, intentSchema, logQuery, specSchema, teardownSchema } from './requests.ts';

/** Largest request body; a directory of specs is far below it. */
export const bodyLimitBytes = 4 * 1024 * 1024;

export type ApiServerOptions = {
  readonly service: SchedulerService;
  /** Every route but health wants it as `Authorization: Bearer <token>`. At least 16 characters. */
  readonly token: string;
  /** Loopback only; port 0 takes any free one. */
  readonly listen: ListenAddress;
  readonly version: string;
  readonly logger: Logger;
  /** What `GET /metrics` answers; absent: there is no such route. */
  readonly metrics?: { readonly contentType: string; render(): Promise<string> };
  /** After each answer; `route` is the pattern, undefined where there is none. */
  readonly observe?: (request: {
    readonly route: string | undefined;
    readonly method: string;
    readonly status: number;
    readonly durationMs: number;
  }) => void;
};

export type ApiServer = {
  /** `http://127.0.0.1:41234`, without a slash at the end. */
  readonly url: string;
  /** Ends open connections too; resolves when the port is free. */
  close(): Promise<void>;
};

/**
 * Serves the routes of `model/api.ts` over a service. Rejects with `RangeError` when asked to listen
 * beyond loopback or with a short token, and with Node's error when the port is taken.
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  if (!isLoopback(options.listen.host)) {
    throw new RangeError(`the API listens on loopback only, not on ${options.listen.host}`);
  }
  if (options.token.length < 16) throw new RangeError('the API token is shorter than 16 characters');

  const app = fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
    connectionTimeout: 30_000,
    requestTimeout: 30_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 256 },
    // Fastify's defaults drop unknown properties and turn "1" into 1: a request is taken as it is or refused.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false } },
  });
  app.removeContentTypeParser('text/plain');
  app.setErrorHandler((error, request, reply) => {
    const { status, body } = answerFor(error, (id) =>
      options.logger.error('api request failed', {
        errorId: id,
        route: request.routeOptions.url,
        error: error instanceof Error ? error.stack : String(error),
      }),
    );
    return reply.status(status).send(body);
  });
  // Before the body is read: who has no token makes us buffer nothing.
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url === '/v1/health') return;
    if (!bearerMatches(request.headers.authorization, options.token)) {
      await reply
        .status(401)
        .header('www-authenticate', 'Bearer realm="kafka-mesos"')
        .send(errorBody('KM_API_TOKEN', 'missing or wrong token'));
    }
  });
  app.addHook('onResponse', async (request, reply) => {
    options.observe?.({
      route: request.routeOptions.url,
      method: request.method,
      status: reply.statusCode,
      durationMs: reply.elapsedTime,
    });
  });
  app.setNotFoundHandler((request, reply) =>
    notFound(reply, `no route ${request.method} ${pathOf(request)}`),
  );
  addRoutes(app, options);
  addFollowingRoutes(app, options.service, notFound);

  await app.listen({ host: options.listen.host, port: options.listen.port });
  const address = app.server.address() as AddressInfo;
  return { url: urlOf({ host: options.listen.host, port: address.port }), close: () => app.close() };
}

function addRoutes(app: FastifyInstance, { service, version, metrics }: ApiServerOptions): void {
  if (metrics !== undefined) {
    app.get('/metrics', async (_request, reply) =>
      reply.header('content-type', metrics.contentType).send(await metrics.render()),
    );
  }
  app.get('/v1/health', async (): Promise<HealthAnswer> => ({ ok: true, version }));
  app.get('/v1/scheduler', async () => service.scheduler());
  app.get('/v1/clusters', async () => service.clusters());
  app.get<{ Params: { name: string } }>('/v1/clusters/:name', async (request, reply) => {
    const cluster = await service.cluster(request.params.name);
    return cluster ?? notFound(reply, `no cluster named ${request.params.name}`);
  });
  app.get<{ Params: { name: string } }>('/v1/clusters/:name/spec', async (request, reply) => {
    const spec = await service.spec(request.params.name);
    return spec ?? notFound(reply, `no cluster named ${request.params.name}`);
  });
  const intentPath = '/v1/clusters/:name/brokers/:id/intent';
  app.post<{ Params: { name: string; id: string }; Body: IntentBody }>(
    intentPath,
    { schema: { body: intentSchema } },
    async (request, reply) => {
      const found = await brokerOf(service, request.params);
      return typeof found === 'string'
        ? notFound(reply, found)
        : service.setIntent({ ...found, intent: request.body });
    },
  );
  app.delete<{ Params: { name: string; id: string } }>(intentPath, async (request, reply) => {
    const found = await brokerOf(service, request.params, leftAlone);
    return typeof found === 'string' ? notFound(reply, found) : service.setIntent(found);
  });
  app.get<{ Params: { name: string; id: string } }>(
    '/v1/clusters/:name/brokers/:id/logs',
    async (request, reply) => {
      const query = logQuery(request.query);
      if (typeof query === 'string') return reply.status(400).send(errorBody('KM_API_MALFORMED', query));
      const found = await brokerOf(service, request.params);
      return typeof found === 'string' ? notFound(reply, found) : service.readLog({ ...found, ...query });
    },
  );
  app.post<{ Body: SpecRequest }>('/v1/plan', { schema: { body: specSchema } }, async (request) =>
    service.plan(request.body),
  );
  app.post<{ Body: ApplyRequest }>('/v1/apply', { schema: { body: applySchema } }, async (request) =>
    service.apply(request.body),
  );
  app.post<{ Body: TeardownRequest }>('/v1/teardown', { schema: { body: teardownSchema } }, async (request) =>
    service.teardown(request.body),
  );
}

/** The broker a path names, or what is not there. */
async function brokerOf(
  service: SchedulerService,
  { name, id }: { readonly name: string; readonly id: string },
  others: (cluster: ClusterStatus) => readonly number[] = () => [],
): Promise<{ readonly clusterName: string; readonly brokerId: number } | string> {
  const cluster = await service.cluster(name);
  if (cluster === undefined) return `no cluster named ${name}`;
  const known = [...cluster.brokers.map((broker) => broker.id), ...others(cluster)];
  const brokerId = known.find((one) => String(one) === id);
  return brokerId === undefined ? `cluster ${name} has no broker ${id}` : { clusterName: name, brokerId };
}

/** In a time that depends on neither the length nor the first different character. */
function bearerMatches(header: string | undefined, token: string): boolean {
  const given = header?.startsWith('Bearer ') ? header.slice('Bearer '.length) : '';
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0]?.slice(0, 200) ?? '';
}

function notFound(reply: FastifyReply, message: string): FastifyReply {
  return reply.status(404).send(errorBody('KM_API_NOT_FOUND', message));
}

function errorBody(code: string, message: string): ErrorAnswer {
  return { error: { code, message } };
}
