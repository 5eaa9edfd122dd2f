/** The document, the routes and what is answered say the same. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterStatus as clusterSchema } from '../../src/api/answers/clusters.ts';
import { apiCodes, codeFamilies } from '../../src/api/error-codes.ts';
import { openApiDocument, openApiPath } from '../../src/api/openapi.ts';
import { clusterNamePattern } from '../../src/api/requests.ts';
import { routes } from '../../src/api/routes.ts';
import { startApiServer } from '../../src/api/server.ts';
import { clusterSchema as specSchema } from '../../src/spec/schema.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { anyStatus } from '../view/arbitrary-status.ts';
import { bodyOf, readyService, specs, token } from './fixtures.ts';

type Operation = {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: object; readonly responses: object };
};

const document = openApiDocument(routes, '1.2.3') as Document;
const ajv = new Ajv2020({ strict: false });
ajv.addSchema({ $id: 'https://api.invalid/v1', ...document });
const refers = (schema: object) =>
  JSON.parse(
    JSON.stringify(schema).replaceAll('"#/components', '"https://api.invalid/v1#/components'),
  ) as object;

test('every route is in the document and every path of it is served; what is answered is as it says', async () => {
  const { service } = readyService();
  const metrics = { contentType: 'text/plain; version=0.0.4', render: async () => 'up 1\n' };
  const server = await startApiServer({
    service,
    specs,
    metrics,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1.2.3',
    logger: silentLogger,
  });
  try {
    assert.equal(await (await fetch(`${server.url}/v1/openapi.json`)).json(), document);
    const inDocument = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.equal(inDocument.sort(), routes.map((one) => `${one.method} ${openApiPath(one.path)}`).sort());
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        const ended = new AbortController();
        const real = path.replace('{name}', 'demo').replace('{id}', '0');
        const body = bodyOf(method, real);
        const response = await fetch(`${server.url}${real}`, {
          method: method.toUpperCase(),
          headers: {
            authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: ended.signal,
        });
        const at = `${method} ${path}`;
        assert.is(response.status, 200, at);
        const [type = '', content] = Object.entries(operation.responses[200]?.content ?? {})[0] ?? [];
        assert.match(response.headers.get('content-type') ?? '', type, at);
        if (type === 'application/json') {
          const answer = await response.json();
          const check = ajv.compile(refers(content?.schema ?? {}));
          assert.ok(check(answer), `${at}: ${ajv.errorsText(check.errors)}`);
        }
        ended.abort();
      }
    }
  } finally {
    await server.close();
  }
});

test('any status of a cluster is as the document says', () => {
  const check = ajv.compile(refers({ $ref: '#/components/schemas/ClusterStatus' }));
  fc.assert(
    fc.property(anyStatus, (status) => {
      assert.ok(check(JSON.parse(JSON.stringify(status))), ajv.errorsText(check.errors));
    }),
    { numRuns: 50 },
  );
  assert.not.ok(check({ name: 'demo' }));
  assert.is(clusterSchema.title, 'ClusterStatus');
});

test('a cluster has the name that its spec may give it', () => {
  assert.is(clusterNamePattern, specSchema.$defs.name?.pattern);
});

test('every reference leads somewhere, operations have names of their own, codes have one status', () => {
  const text = JSON.stringify(document);
  for (const [, kind = '', name = ''] of text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)) {
    const found = (document.components as unknown as Record<string, Record<string, unknown>>)[kind]?.[name];
    assert.ok(found, `${kind}/${name}`);
  }
  assert.is(new Set(routes.map(({ id }) => id)).size, routes.length);
  for (const code of Object.keys(apiCodes)) {
    assert.not.ok(
      codeFamilies.some(([begin]) => code.startsWith(begin)),
      code,
    );
  }
});

test('the document is an OpenAPI 3.1 one by the official schema, which notices what is not', async () => {
  const errorsOf = async (changed: { readonly [key: string]: unknown }) =>
    (await new Validator().validate(changed)).errors;
  assert.equal(await errorsOf(document), undefined);
  const health = document.paths['/v1/health'];
  assert.ok(
    await errorsOf({ ...document, paths: { '/v1/health': { get: { ...health?.get, responses: 1 } } } }),
  );
  assert.ok(await errorsOf({ ...document, unknown: 1 }));
});

test('every schema in the document is JSON Schema 2020-12, without a word that it does not have', () => {
  const strict = new Ajv2020({ strict: true, allErrors: true });
  const local = (schema: unknown) =>
    JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', '"all#/$defs/')) as object;
  strict.addSchema({ $id: 'all', $defs: local(document.components.schemas) });
  const names = Object.keys(document.components.schemas).map((name) => ({ $ref: `all#/$defs/${name}` }));
  const found = [...names, ...schemasIn(document.paths), ...schemasIn(document.components.responses)];
  assert.ok(found.length > routes.length);
  for (const schema of found.map(local)) {
    const check = strict.compile(schema);
    if ('default' in schema) assert.ok(check(schema.default), JSON.stringify(schema));
  }
  assert.throws(() => strict.compile({ type: 'string', maxLenght: 1 }), /strict mode/);
});

/** What stands below `schema`, in parameters, headers and bodies. */
function schemasIn(part: unknown): readonly object[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([key, value]) => (key === 'schema' ? [value] : schemasIn(value)));
}

test.run();
