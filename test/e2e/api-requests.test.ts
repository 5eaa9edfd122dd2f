/**
 * Requests that nobody should send, made from the served OpenAPI document: whatever comes, it is answered by an error
 * with a code of the table, or the connection ends; never by 500, and never by nothing.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { apiCodes, codeFamilies } from '../../src/api/error-codes.ts';
import { type ApiServer, startApiServer } from '../../src/api/server.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { readToken, readyService, specs, token } from '../api/fixtures.ts';

const seed = Number(process.env.API_SEED ?? 20_260_314);
const runs = Number(process.env.API_RUNS ?? 3_000);
/** A request that is not answered within it hangs. */
const boundMs = 20_000;

type Schema = Readonly<Record<string, unknown>>;
type Operation = {
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

/** Values of a schema, most of them. */
function anyOf(schema: Schema, document: Document, depth = 0): fc.Arbitrary<unknown> {
  const good = goodOf(schema, document, depth);
  return fc.oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: nonsense });
}

function goodOf(schema: Schema, document: Document, depth: number): fc.Arbitrary<unknown> {
  const reference = schema.$ref as string | undefined;
  if (reference !== undefined) {
    return anyOf(document.components.schemas[reference.split('/').at(-1) ?? ''] ?? {}, document, depth);
  }
  if (Array.isArray(schema.enum)) return fc.constantFrom(...(schema.enum as unknown[]));
  switch (schema.type) {
    case 'object': {
      const properties = (schema.properties ?? {}) as Readonly<Record<string, Schema>>;
      const known = fc.record(
        Object.fromEntries(
          Object.entries(properties).map(([key, value]) => [key, anyOf(value, document, depth + 1)]),
        ),
        { requiredKeys: (schema.required ?? []) as never[] },
      );
      const more = fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')),
        nonsense,
        {
          maxKeys: 2,
        },
      );
      return fc
        .tuple(known, fc.oneof({ weight: 8, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: more }))
        .map(([a, b]) => ({ ...(a as object), ...b }));
    }
    case 'array':
      return fc.array(anyOf((schema.items ?? {}) as Schema, document, depth + 1), {
        minLength: Number(schema.minItems ?? 0),
        maxLength: Math.max(Number(schema.minItems ?? 0), 3),
      });
    case 'integer':
    case 'number':
      return fc.integer({
        min: Number(schema.minimum ?? -5),
        max: Math.min(Number(schema.maximum ?? 1e9), 1e9),
      });
    case 'boolean':
      return fc.boolean();
    default:
      return fc.oneof(
        fc.constantFrom('demo', 'events-3', 'ann'),
        fc.string({ unit: 'binary', maxLength: 20 }),
      );
  }
}

const nonsense: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, -1, 0.5, 1e308, '', '\u0000', 'x'.repeat(5_000), [], {}, '../../etc/passwd'),
  fc.jsonValue({ maxDepth: 4 }),
  fc.nat(4_000).map((depth) => Array.from({ length: depth }).reduce((inner: unknown) => [inner], 1)),
);

const segment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('demo', '0') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      ...[
        '..',
        '%2e%2e',
        '%2e%2e%2f',
        '%00',
        '%zz',
        '%',
        '%ff%fe',
        'a%2fb',
        '',
        '.',
        '*',
        ':name',
        '😀',
        '%E2%82%AC',
      ],
      ...['x'.repeat(300), '-1', '00', '1e3', '__proto__', 'constructor', ';a=b', '#', 'demo%20'],
    ),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
);

const queryPair = (name: string): fc.Arbitrary<string> =>
  fc.oneof(
    fc.constantFrom(name, `${name}=`, `${name}=1`, `${name}=1&${name}=2`, `${name}[]=1`, `${name}[a]=1`),
    fc.constantFrom(
      `${name}=-1`,
      `${name}=99999999999999999999`,
      `${name}=1e3`,
      `${name}=%zz`,
      `${name}=%00`,
    ),
    fc.constantFrom(`${name}=${'9'.repeat(3_000)}`, `__proto__=1`, `unknown=1`, `&&&`, `=`, `${name}=%ff`),
    fc.string({ maxLength: 8 }).map((value) => `${name}=${encodeURIComponent(value)}`),
  );

type Request = {
  readonly bytes: Buffer;
  readonly shown: string;
  readonly isCut: boolean;
  readonly mayBeTwo: boolean;
};

/** One request as it goes over the wire. */
function requestOf(document: Document): fc.Arbitrary<Request> {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  return fc.constantFrom(...operations).chain(({ path, method, operation }) => {
    const parts = path.split('/').map((part) => (part.startsWith('{') ? segment : fc.constant(part)));
    const names = (operation.parameters ?? []).filter((one) => one.in === 'query').map(({ name }) => name);
    const schema = operation.requestBody?.content['application/json']?.schema;
    return fc
      .record({
        method: mostly(
          method,
          'GET',
          'POST',
          'PUT',
          'PATCH',
          'DELETE',
          'OPTIONS',
          'TRACE',
          'BREW',
          'HEAD',
          'get',
        ),
        path: fc.tuple(...parts).map((all) => all.join('/')),
        tail: mostly('', '/', '//', '/..', '/%2e%2e/x', '?', '#x'),
        query: fc.oneof(
          { weight: 2, arbitrary: fc.constant('') },
          {
            weight: 1,
            arbitrary: fc
              .array(fc.constantFrom(...names, 'other').chain(queryPair), { maxLength: 3 })
              .map((all) => `?${all.join('&')}`),
          },
        ),
        authorization: fc.oneof(
          { weight: 12, arbitrary: fc.constant(`Bearer ${token}`) },
          {
            weight: 1,
            arbitrary: fc.constantFrom('', `Bearer ${readToken}`, 'Bearer x', 'Basic eDp5', '\t'),
          },
        ),
        headers: fc.subarray(
          [
            'Accept: text/plain',
            'Accept-Encoding: br',
            'Host: other',
            'Transfer-Encoding: gzip',
            'Content-Length: 5',
            'Expect: 100-continue',
            'Expect: something-else',
            'Upgrade: websocket\r\nConnection: Upgrade',
            'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c',
            'X-Forwarded-For: 10.0.0.1',
            'Last-Event-ID: -1',
            'If-None-Match: *',
            'Range: bytes=0-',
            'Cookie: a=b',
            `X-Large: ${'y'.repeat(20_000)}`,
            'Broken header',
            'X-Bad: \u0001',
          ],
          { minLength: 0, maxLength: 2 },
        ),
        manners: fc.nat(9),
        type: mostly(
          'application/json',
          'application/json; charset=utf-8',
          'application/json; charset=utf-16',
          'text/plain',
          'application/x-www-form-urlencoded',
          'multipart/form-data; boundary=x',
          '/',
          ';',
        ),
        encoding: mostly('', 'gzip', 'identity', 'deflate, gzip'),
        body: fc.oneof(
          {
            weight: 8,
            arbitrary: (schema === undefined ? nonsense : anyOf(schema, document)).map(toBytes),
          },
          {
            weight: 2,
            arbitrary: fc.constantFrom(
              ...['', '{', '[]]', '{"a":1,}', 'NaN', '\ufeff{}', '"\\ud800"', '{"files":1e999}'].map((s) =>
                Buffer.from(s),
              ),
              Buffer.from([0xff, 0xfe, 0x7b, 0x00]),
              Buffer.from('{"author":"\xff\xfe"}', 'latin1'),
              Buffer.from('['.repeat(200_000)),
              gzipSync('{}'),
            ),
          },
        ),
        sending: mostly('whole', 'chunked', 'cut', 'bad-chunks', 'too-long', 'too-short', 'huge'),
      })
      .map((made) => assemble(made, schema !== undefined));
  });
}

/** Node's parser takes a broken chunk after an Upgrade for one that is still to come; time ends that (see below). */
const isBroken = (sending: string) => sending === 'bad-chunks';

function mostly<T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 9, arbitrary: fc.constant(usual) },
    { weight: 2, arbitrary: fc.constantFrom(...others) },
  );
}

function toBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value) ?? '');
}

function assemble(
  made: {
    readonly method: string;
    readonly path: string;
    readonly tail: string;
    readonly query: string;
    readonly authorization: string;
    readonly headers: readonly string[];
    readonly manners: number;
    readonly type: string;
    readonly encoding: string;
    readonly body: Buffer;
    readonly sending: string;
  },
  wantsBody: boolean,
): Request {
  const { sending } = made;
  const url = `${made.path}${made.tail}${made.query}`;
  // Half of the odd headers are left out, or few requests would get further than them.
  const odd =
    made.manners < 6 ? [] : made.headers.filter((one) => !/Upgrade/.test(one) || !isBroken(sending));
  const hasBody = wantsBody || made.manners === 9;
  const body = hasBody ? made.body : Buffer.alloc(0);
  const length =
    sending === 'too-long'
      ? body.length + 100
      : sending === 'too-short'
        ? body.length >> 1
        : sending === 'huge'
          ? 2 ** 40
          : body.length;
  const isChunked = sending === 'chunked' || sending === 'bad-chunks';
  const head = [
    `${made.method} ${url} HTTP/1.1`,
    'Host: x',
    ...(made.authorization === '' ? [] : [`Authorization: ${made.authorization}`]),
    ...(hasBody ? [`Content-Type: ${made.type}`] : []),
    ...(hasBody && made.encoding !== '' ? [`Content-Encoding: ${made.encoding}`] : []),
    ...(!hasBody ? [] : isChunked ? ['Transfer-Encoding: chunked'] : [`Content-Length: ${length}`]),
    ...odd,
  ].join('\r\n');
  const chunk = Buffer.concat([
    Buffer.from(`${sending === 'bad-chunks' ? 'zz' : body.length.toString(16)}\r\n`),
    body,
    Buffer.from('\r\n0\r\n\r\n'),
  ]);
  const sent = !hasBody ? Buffer.alloc(0) : isChunked ? chunk : body;
  const isCut = sending === 'cut' || sending === 'too-long' || sending === 'huge';
  const whole = sending === 'cut' ? sent.subarray(0, sent.length >> 1) : sent;
  return {
    bytes: Buffer.concat([Buffer.from(`${head}\r\n\r\n`), whole]),
    shown: `${head}\n\n[${sending}] ${body.toString('latin1').slice(0, 300)}`,
    isCut,
    mayBeTwo: sending === 'too-short' || sending === 'bad-chunks' || odd.length > 0,
  };
}

/** All that comes back; what was cut off ends its side, as a client that goes away does. */
async function send(server: ApiServer, request: Request): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  let text = '';
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    socket.destroy();
  }, boundMs);
  socket.on('error', () => {});
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part;
    // What is whole, or goes on for ever, is enough.
    if (isWhole(text, isHead(request))) socket.destroy();
  });
  socket.on('end', () => socket.destroy());
  await once(socket, 'connect');
  socket.write(request.bytes);
  if (request.isCut) socket.end();
  await once(socket, 'close');
  clearTimeout(timer);
  assert.not.ok(isLate, `no answer within ${boundMs} ms to\n${request.shown}\n${text.slice(0, 300)}`);
  return text;
}

const isHead = ({ bytes }: Request) => bytes.toString('latin1', 0, 5) === 'HEAD ';

function isWhole(text: string, hasNoBody: boolean): boolean {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return false;
  const length = /^content-length: (\d+)/im.exec(text.slice(0, head))?.[1];
  if (/^HTTP\/1.1 100/.test(text)) return isWhole(text.slice(head + 4), hasNoBody);
  if (hasNoBody) return true;
  if (/text\/event-stream/.test(text.slice(0, head))) return true;
  return length !== undefined && text.length >= head + 4 + Number(length);
}

const codes = new Set<string>(Object.keys(apiCodes));
const seen = new Map<string, number>();

function check(text: string, request: Request): void {
  const answer = text.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '');
  if (answer === '') {
    // Only what was never a whole request may be left without an answer.
    seen.set('closed', (seen.get('closed') ?? 0) + 1);
    assert.ok(request.isCut, `closed without an answer:\n${request.shown}`);
    return;
  }
  const status = Number(/^HTTP\/1.1 (\d{3})/.exec(answer)?.[1]);
  const at = `\n${request.shown}\n→ ${text.slice(0, 400)}`;
  assert.ok(status >= 200 && status < 500, `status ${status}${at}`);
  const head = answer.slice(0, answer.indexOf('\r\n\r\n'));
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
  const body = answer.slice(head.length + 4, head.length + 4 + length);
  // What a length said too little of is another request, and a broken one.
  if (request.mayBeTwo) assert.not.ok(/HTTP\/1.1 5/.test(answer), at);
  else if (!isHead(request))
    assert.is(answer.slice(head.length + 4 + length).match(/HTTP\/1.1 /), null, `a second answer${at}`);
  if (status < 400) {
    seen.set('2xx', (seen.get('2xx') ?? 0) + 1);
    return;
  }
  if (isHead(request)) return;
  const error = readError(body);
  if (error === undefined) throw new Error(`no JSON with an error${at}`);
  seen.set(error.code, (seen.get(error.code) ?? 0) + 1);
  const isKnown = codes.has(error.code) || codeFamilies.some(([begin]) => error.code.startsWith(begin));
  assert.ok(isKnown, `code ${error.code}${at}`);
  if (codes.has(error.code)) {
    assert.is(status, apiCodes[error.code as keyof typeof apiCodes][0], at);
  }
}

function readError(body: string): { readonly code: string } | undefined {
  try {
    return (JSON.parse(Buffer.from(body, 'latin1').toString()) as { error?: { code: string } }).error;
  } catch {
    return undefined;
  }
}

test('whatever is asked, the answer is one of the table, and comes', async () => {
  const logged: unknown[] = [];
  let nowMs = 0;
  const log = (_: string, fields?: unknown) => void logged.push(fields);
  const server = await startApiServer({
    service: readyService().service,
    specs,
    metrics: { contentType: 'text/plain', render: async () => 'up 1\n' },
    tokens: { write: token, read: readToken },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1',
    logger: { debug: () => {}, info: () => {}, warn: log, error: log },
    // Nobody is held up, and streams do not begin.
    clock: { nowMs: () => (nowMs += 60_000), setTimer: () => ({ cancel: () => {} }) },
  });
  try {
    const document = (await (await fetch(`${server.url}/v1/openapi.json`)).json()) as Document;
    await fc.assert(
      fc.asyncProperty(requestOf(document), async (request) => check(await send(server, request), request)),
      {
        seed,
        numRuns: runs,
        interruptAfterTimeLimit: 240_000,
        markInterruptAsFailure: true,
        includeErrorInReport: true,
        endOnFailure: true,
      },
    );
    assert.equal(logged, []);
    // It has gone into every corner.
    for (const code of [...Object.keys(apiCodes), '2xx']) {
      if (['KM_API_RATE', 'KM_API_TIMEOUT'].includes(code)) continue;
      assert.ok((seen.get(code) ?? 0) > 0, `never ${code}: ${JSON.stringify([...seen])}`);
    }
  } finally {
    await server.close();
  }
});

test('what never arrives whole is ended by time, and answered where there is somebody to answer', async () => {
  const server = await startApiServer({
    service: readyService().service,
    specs,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1',
    logger: silentLogger,
  });
  const start = 'POST /v1/validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
  const authorization = `Authorization: Bearer ${token}\r\n`;
  const answers = await Promise.all(
    [
      start,
      `${start}${authorization}Content-Length: 1000\r\n\r\n{`,
      `${start}${authorization}Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    ].map(async (text) => {
      const { hostname, port } = new URL(server.url);
      const socket = connect({ host: hostname, port: Number(port) });
      let answer = '';
      socket.on('error', () => {});
      socket.setEncoding('latin1').on('data', (part: string) => {
        answer += part;
      });
      socket.write(text);
      await once(socket, 'close');
      return /"code":"(\w+)"/.exec(answer)?.[1];
    }),
  );
  assert.equal(answers, ['KM_API_TIMEOUT', 'KM_API_TIMEOUT', 'KM_API_TIMEOUT']);
  await server.close();
});

test.run();
