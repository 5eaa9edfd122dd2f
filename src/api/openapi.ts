/** The OpenAPI document, made from the routes. */
import { errorAnswer } from './answers/errors.ts';
import { apiCodes, codeFamilies } from './error-codes.ts';
import type { Schema } from './json-schema.ts';
import { clusterNamePattern } from './requests.ts';
import type { Route } from './route.ts';

/** Names for what stands in a path. */
const pathParameters: Readonly<Record<string, Schema>> = {
  name: { type: 'string', pattern: clusterNamePattern, description: 'Of the cluster.' },
  id: { type: 'string', pattern: '^(0|[1-9][0-9]{0,9})$', description: 'Of the broker.' },
};

/** Made for each call; the caller keeps it. */
export function openApiDocument(routes: readonly Route[], version: string): object {
  const schemas: Record<string, object> = {};
  const refer = (schema: Schema): object => {
    const { title, ...rest } = schema;
    const plain = {
      ...rest,
      ...(rest.properties === undefined
        ? {}
        : {
            properties: Object.fromEntries(
              Object.entries(rest.properties).map(([key, value]) => [key, refer(value)]),
            ),
          }),
      ...(rest.items === undefined ? {} : { items: refer(rest.items) }),
      ...(rest.anyOf === undefined ? {} : { anyOf: rest.anyOf.map(refer) }),
      ...(typeof rest.additionalProperties === 'object'
        ? { additionalProperties: refer(rest.additionalProperties) }
        : {}),
    };
    if (title === undefined) return plain;
    schemas[title] ??= plain;
    // What it means at this place stands beside the reference.
    const description =
      (schemas[title] as Schema).description === schema.description ? undefined : schema.description;
    return { $ref: `#/components/schemas/${title}`, ...(description === undefined ? {} : { description }) };
  };
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = openApiPath(route.path);
    const methods = paths[path] ?? {};
    methods[route.method.toLowerCase()] = operation(route, refer);
    paths[path] = methods;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'kafka-mesos',
      version,
      description: 'The scheduler of kafka-mesos. Every error is an ErrorAnswer with a stable code.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      responses: Object.fromEntries(
        errorStatuses.map((status) => [
          `Error${status}`,
          {
            description: meaningOf(status),
            ...(status === 429 || status === 503 ? { headers: retryAfter } : {}),
            content: { 'application/json': { schema: refer(errorAnswer) } },
          },
        ]),
      ),
      schemas: Object.fromEntries(Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}

/** `/v1/clusters/:name` as `/v1/clusters/{name}`. */
export function openApiPath(path: string): string {
  return path.replace(/:(\w+)/g, '{$1}');
}

function operation(route: Route, refer: (schema: Schema) => object): object {
  const parameters = [
    ...[...route.path.matchAll(/:(\w+)/g)].map(([, name = '']) =>
      parameter(name, 'path', pathParameters[name] ?? {}),
    ),
    ...Object.entries(route.query ?? {}).map(([name, schema]) => parameter(name, 'query', schema)),
  ];
  const statuses = [
    400,
    ...(route.scope === 'none' ? [] : [401]),
    ...(route.scope === 'write' ? [403] : []),
    ...route.errors,
    ...(route.body === undefined ? [] : [413, 415]),
    429,
    500,
  ];
  return {
    operationId: route.id,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    'x-scope': route.scope,
    ...(route.scope === 'none' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: refer(route.body) } } } }),
    responses: {
      200: {
        description: 'Done.',
        ...(route.isPaged === true ? { headers: nextPage } : {}),
        content: { [route.answerType ?? 'application/json']: { schema: refer(route.answer) } },
      },
      ...Object.fromEntries(
        [...new Set(statuses)]
          .sort((a, b) => a - b)
          .map((status) => [status, { $ref: `#/components/responses/Error${status}` }]),
      ),
    },
  };
}

function parameter(name: string, place: 'path' | 'query', { description, ...schema }: Schema): object {
  return {
    name,
    in: place,
    ...(place === 'path' ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
    schema,
  };
}

const seconds = { type: 'integer', minimum: 0 };
const retryAfter = { 'Retry-After': { description: 'Seconds until it is worth while.', schema: seconds } };
const nextPage = {
  Link: {
    description: '`<…>; rel="next"`: where the next page is; absent: there is none.',
    schema: { type: 'string' },
  },
};

const errorStatuses = [
  ...new Set(
    [
      ...Object.values(apiCodes),
      ...codeFamilies.map(([, status, meaning]) => [status, meaning] as const),
    ].map(([status]) => status),
  ),
].sort((a, b) => a - b);

function meaningOf(status: number): string {
  return [
    ...Object.entries(apiCodes).flatMap(([code, [of, meaning]]) =>
      of === status ? [`\`${code}\`: ${meaning}.`] : [],
    ),
    ...codeFamilies.flatMap(([begin, of, meaning]) => (of === status ? [`\`${begin}*\`: ${meaning}.`] : [])),
  ].join(' ');
}
