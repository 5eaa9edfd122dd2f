import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { hostname } from 'node:os';
import { TextDecoder } from 'node:util';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { SchedulerService } from '../model/api.ts';
import { type Clock, systemClock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { answerFor } from './error-answer.ts';
import { ApiRefusal, apiCodes, codeForStatus } from './error-codes.ts';
import { isLoopback, isWildcard, type ListenAddress, urlOf } from './listen-address.ts';
import { openApiDocument } from './openapi.ts';
import { clientOf, costOfWrite, createRateLimit, failureBucket, requestBucket } from './rate-limit.ts';
import { isClusterName } from './requests.ts';
import type { Asked, Call, MetricsSource, Route, Scope, SpecChecker } from './route.ts';
import { routes } from './routes.ts';
import { type Certificate, renewCertificate, type TlsFiles } from './tls.ts';
import { checkTokens, scopeOf, type Tokens } from './tokens.ts';
import { compileValidator } from './validate.ts';
import { createWatchHub, maxReaders, type WatchHub } from './watch.ts';

/** Largest request body; a directory of specs is far below it. */
export const bodyLimitBytes = 4 * 1024 * 1024;
const maxHeaderBytes = 16 * 1024;
/** Of all clients, and of one address. */
const maxConnections = 1024;
export const maxConnectionsOfOne = 256;
const watchPath = '/v1/watch';
/** A teardown waits for the master. */
const handlerTimeoutMs = 120_000;

export type ApiServerOptions = {
  readonly service: SchedulerService;
  readonly specs: SpecChecker;
  readonly tokens: Tokens;
  /** Port 0 takes any free one. */
  readonly listen: ListenAddress;
  /** Absent: plain HTTP. */
  readonly tls?: TlsFiles & Certificate;
  /** Of plain HTTP beyond loopback, where everybody on the way reads the tokens. */
  readonly allowPlainHttp?: boolean;
  readonly metrics?: MetricsSource;
  readonly version: string;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** After each answer that ends by itself; `route` is the pattern, undefined where there is none. */
  readonly observe?: (request: {
    readonly route: string | undefined;
    readonly method: string;
    readonly status: number;
    readonly durationMs: number;
  }) => void;
};

export type ApiServer = {
  /** `http://127.0.0.1:41234`, without a slash at the end; by this machine's name when it listens on every address. */
  readonly url: string;
  /** Of `/v1/watch`. */
  streams(): number;
  /** Ends open connections too; resolves when the port is free. */
  close(): Promise<void>;
};

/**
 * Serves `routes.ts` over a service. Rejects with `RangeError` when asked to listen beyond loopback without TLS, or with
 * a short token, and with Node's error when the port is taken.
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { listen, tls, logger, clock = systemClock } = options;
  if (!isLoopback(listen.host) && tls === undefined && options.allowPlainHttp !== true) {
    throw new RangeError(`beyond loopback (${listen.host}) the API wants TLS`);
  }
  checkTokens(options.tokens);
  const limits = {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: 10_000,
    connectionsCheckingInterval: 5_000,
  };
  const app: FastifyInstance = fastify({
    logger: false,
    ...(tls === undefined
      ? { http: limits }
      : {
          https: { ...limits, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2', handshakeTimeout: 10_000 },
        }),
    bodyLimit: bodyLimitBytes,
    // Of silence; longer than a handler may think, and than a request may take to arrive.
    connectionTimeout: handlerTimeoutMs + 30_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 10_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: (error: Error, _request: FastifyRequest, reply: FastifyReply) => refuse(reply, error),
    clientErrorHandler: answerBrokenRequest,
  } as object);
  const refuse = (reply: FastifyReply, error: unknown) => {
    const { status, body } = answerFor(error, (errorId) =>
      logger.error('api request failed', {
        errorId,
        route: reply.request.routeOptions.url,
        error: error instanceof Error ? error.stack : String(error),
      }),
    );
    return reply.status(status).send(body);
  };
  app.setValidatorCompiler(compileValidator as never);
  app.setErrorHandler((error, _request, reply) => refuse(reply, error));
  app.setNotFoundHandler((request, reply) => refuse(reply, noRoute(request, reply)));
  takeJsonOnly(app);
  app.addHook('onRequest', guard(options.tokens, isLoopback(listen.host), clock));
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url;
    // How long somebody watched is no time that an answer took.
    if (route === watchPath && reply.raw.statusCode === 200) return;
    const { method } = request;
    options.observe?.({ route, method, status: reply.statusCode, durationMs: reply.elapsedTime });
  });
  const hub = createWatchHub(options.service, clock);
  app.addHook('preClose', async () => hub.close());
  addRoutes(app, options, hub);
  limitConnections(app.server);
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) =>
    begun.set(request.socket, { request, response }),
  );
  app.server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const body = JSON.stringify(errorBody('KM_API_MALFORMED', 'an Expect header that nobody here fulfils'));
    response.writeHead(400, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    });
    response.end(body);
  });

  await app.listen({ host: listen.host, port: listen.port });
  const endRenewal =
    tls === undefined
      ? undefined
      : renewCertificate(app.server as unknown as TlsServer, tls, tls, { clock, logger });
  const { port } = app.server.address() as AddressInfo;
  const host = isWildcard(listen.host) ? hostname() : listen.host;
  return {
    url: urlOf({ host, port }, tls === undefined ? 'http' : 'https'),
    streams: () => hub.readers(),
    async close() {
      endRenewal?.();
      await app.close();
    },
  };
}

function addRoutes(app: FastifyInstance, options: ApiServerOptions, hub: WatchHub): void {
  let document: object | undefined;
  const asked: Asked = {
    service: options.service,
    specs: options.specs,
    version: options.version,
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    document: () => {
      document ??= openApiDocument(routes, options.version);
      return document;
    },
    watch: (request, reply, { cluster, after }) => {
      const lastId = request.headers['last-event-id'];
      const afterSeq = typeof lastId === 'string' && /^\d{1,15}$/.test(lastId) ? Number(lastId) : after;
      if (hub.readers() >= maxReaders) {
        reply.header('retry-after', 10);
        throw new ApiRefusal('KM_API_RATE', `there are ${maxReaders} streams already`);
      }
      reply.hijack();
      request.raw.socket.setTimeout(0);
      reply.raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'x-accel-buffering': 'no',
      });
      reply.raw.flushHeaders();
      hub.open(reply.raw, {
        ...(cluster === undefined ? {} : { clusterName: cluster }),
        ...(afterSeq === undefined ? {} : { afterSeq }),
      });
      return reply;
    },
  };
  for (const one of routes) {
    app.route({
      method: one.method,
      url: one.path,
      config: { scope: one.scope, isCostly: one.method !== 'GET' || one.isCostly === true },
      // A stream has no length to ask for, and lasts.
      ...(one.path === watchPath ? { exposeHeadRoute: false } : { handlerTimeout: handlerTimeoutMs }),
      schema: {
        ...(one.body === undefined ? {} : { body: one.body }),
        querystring: { type: 'object', properties: one.query ?? {}, additionalProperties: false },
      },
      handler: async (request, reply) => {
        const params = request.params as Call<never, never>['params'];
        // Whoever answers may look for it in a store, which takes such a name for a bug.
        if (params.name !== undefined && !isClusterName(params.name)) {
          throw new ApiRefusal('KM_API_NOT_FOUND', `no cluster has the name ${JSON.stringify(params.name)}`);
        }
        const query = request.query as never;
        const body = request.body as never;
        return one.handle({ asked, params, query, body, request, reply });
      },
    });
  }
}

/**
 * Who may ask, and how often. Before the body is read: who has no token makes us buffer nothing. Beyond loopback an
 * address that has guessed too often is not listened to, not even with a good token, or guessing would go on; on
 * loopback all users have one address, and none may shut out the others.
 */
function guard(tokens: Tokens, onLoopback: boolean, clock: Clock) {
  const requests = createRateLimit(requestBucket);
  const failures = createRateLimit(failureBucket);
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    // Of a connection that was reset meanwhile nobody can say whose it was.
    const client = clientOf((request.ip as string | undefined) ?? '');
    const nowMs = clock.nowMs();
    const { scope = 'read', isCostly = request.method !== 'GET' && request.method !== 'HEAD' } = request
      .routeOptions.config as { readonly scope?: Scope; readonly isCostly?: boolean };
    const given = scope === 'none' ? undefined : scopeOf(request.headers.authorization, tokens);
    // Who has no token uses up nothing of who has one, nor of probes: behind one address there may be many.
    const who = given ?? (scope === 'none' ? 'anybody' : 'nobody');
    const waitMs = requests.take(`${who} ${client}`, isCostly ? costOfWrite : 1, nowMs);
    if (waitMs !== undefined) throw tooMany(reply, waitMs, 'too many requests');
    if (scope !== 'none') {
      const blockedMs = onLoopback ? undefined : failures.look(client, nowMs);
      if (blockedMs !== undefined) throw tooMany(reply, blockedMs, 'too many wrong tokens');
      if (given === undefined) {
        const failedMs = failures.take(client, 1, nowMs);
        if (failedMs !== undefined) throw tooMany(reply, failedMs, 'too many wrong tokens');
        reply.header('www-authenticate', 'Bearer realm="kafka-mesos"');
        throw new ApiRefusal('KM_API_TOKEN', 'missing or wrong token');
      }
      if (scope === 'write' && given === 'read') {
        throw new ApiRefusal('KM_API_SCOPE', 'this token may only read');
      }
    }
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      throw new ApiRefusal('KM_API_MEDIA_TYPE', 'compressed bodies are not taken');
    }
  };
}

function tooMany(reply: FastifyReply, waitMs: number, message: string): ApiRefusal {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  reply.header('retry-after', seconds);
  return new ApiRefusal('KM_API_RATE', message, { remedy: `ask again in ${seconds} s` });
}

/** The default parser takes bytes that are no UTF-8 for other characters. */
function takeJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(body as Buffer);
    } catch {
      done(new ApiRefusal('KM_API_MALFORMED', 'the body is not UTF-8'));
      return;
    }
    parse(request, text, done);
  });
}

/** 405 where the path is there, by another method. */
function noRoute(request: FastifyRequest, reply: FastifyReply): ApiRefusal {
  const path = request.url.split('?', 1)[0]?.slice(0, 200) ?? '';
  const methods = routes.filter((one) => matches(one, path)).map(({ method }) => method);
  if (methods.length === 0) {
    return new ApiRefusal('KM_API_NOT_FOUND', `no route ${request.method} ${path}`);
  }
  reply.header('allow', methods.join(', '));
  return new ApiRefusal('KM_API_METHOD', `${path} has no ${request.method}`);
}

function matches({ path }: Route, asked: string): boolean {
  return new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`).test(asked);
}

/** A few clients cannot hold all connections. */
function limitConnections(server: Server): void {
  server.maxConnections = maxConnections;
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const client = clientOf(socket.remoteAddress ?? '');
    const count = (open.get(client) ?? 0) + 1;
    open.set(client, count);
    socket.once('close', () => {
      const left = (open.get(client) ?? 1) - 1;
      if (left === 0) open.delete(client);
      else open.set(client, left);
    });
    if (count > maxConnectionsOfOne) socket.destroy();
  });
}

/** By connection, the last request that has begun. */
const begun = new WeakMap<object, { readonly request: IncomingMessage; readonly response: ServerResponse }>();

/** What Node's parser refuses: before there is a request, or in its body. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const last = begun.get(socket);
  if (last !== undefined && !last.request.complete && last.response.headersSent) {
    // It was refused before its body had come; a second answer would be taken for that to the next request.
    socket.destroySoon();
    return;
  }
  const status =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  const code = codeForStatus(status);
  const body = JSON.stringify(errorBody(code, apiCodes[code][1]));
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${status} ${status === 408 ? 'Request Timeout' : 'Bad Request'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

function errorBody(code: string, message: string) {
  return { error: { code, message } };
}
