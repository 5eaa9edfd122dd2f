/** `docs/rest.md`, from the OpenAPI document and the table of error codes. */

import { apiCodes, codeFamilies } from '../src/api/error-codes.ts';
import { openApiDocument } from '../src/api/openapi.ts';
import { costOfWrite, failureBucket, requestBucket } from '../src/api/rate-limit.ts';
import { routes } from '../src/api/routes.ts';
import { maxReaders } from '../src/api/watch.ts';
import { maxBrokersTogether, maxWaiting } from '../src/cli/read-spec.ts';

type Node = {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Node;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
};
type Operation = {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly 'x-scope': string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly description?: string;
    readonly schema: Node;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Node }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Node }>> }>
  >;
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Node>> };
};

export function restPage(): string {
  const document = openApiDocument(routes, '') as Document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  const table = operations.map(
    ({ name, operation: one }) =>
      `| \`${name}\` | ${one['x-scope']} | ${bodyOf(one)} | ${answerOf(one)} | ${one.summary} |`,
  );
  const details = operations.flatMap(({ name, operation: one }) => {
    const query = (one.parameters ?? []).filter((parameter) => parameter.in === 'query');
    if (query.length === 0 && one.description === undefined) return [];
    return [
      `### \`${name}\`\n`,
      ...(one.description === undefined ? [] : [`${one.description}\n`]),
      ...(query.length === 0
        ? []
        : [
            '| Parameter | Type | Default | |\n|---|---|---|---|',
            ...query.map(
              ({ name: parameter, description = '', schema }) =>
                `| \`${parameter}\` | ${typeOf(schema)} | ${schema.default === undefined ? '' : `\`${schema.default}\``} | ${description} |`,
            ),
            '',
          ]),
    ];
  });
  const schemas = Object.entries(document.components.schemas).map(([name, schema]) => {
    const rows = (schema.anyOf ?? [schema]).map(fieldsOf);
    return [
      `### ${name}\n`,
      ...(schema.description === undefined ? [] : [`${schema.description}\n`]),
      rows.join('\n\nor\n\n'),
      '',
    ].join('\n');
  });
  return [
    head,
    '## Routes\n',
    '| Route | Token | Body | Answer | |\n|---|---|---|---|---|',
    ...table,
    '',
    ...details,
    errors,
    '## Schemas\n',
    'Fields with * are always there. A client ignores fields that it does not know; the scheduler refuses those of a body.\n',
    ...schemas,
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

function bodyOf({ requestBody }: Operation): string {
  const schema = requestBody?.content['application/json']?.schema;
  return schema === undefined ? '' : typeOf(schema);
}

function answerOf({ responses }: Operation): string {
  const [type = '', content] = Object.entries(responses[200]?.content ?? {})[0] ?? [];
  return type === 'application/json' ? typeOf(content?.schema ?? {}) : `\`${type}\``;
}

function fieldsOf({ properties = {}, required = [] }: Node): string {
  const rows = Object.entries(properties).map(
    ([name, field]) =>
      `| \`${name}\`${required.includes(name) ? ' *' : ''} | ${typeOf(field)} | ${field.description ?? ''} |`,
  );
  return ['| Field | Type | |', '|---|---|---|', ...rows].join('\n');
}

function typeOf(schema: Node): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? '';
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(', ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}`;
  if (typeof schema.additionalProperties === 'object') return `map of ${typeOf(schema.additionalProperties)}`;
  if (schema.properties !== undefined) {
    const fields = Object.entries(schema.properties).map(([name, field]) =>
      schema.required?.includes(name) ? `\`${name}\` * ${typeOf(field)}` : `\`${name}\` ${typeOf(field)}`,
    );
    return `{ ${fields.join('; ')} }`;
  }
  const { minimum, maximum } = schema;
  const range =
    minimum === undefined || maximum === undefined || maximum > 2 ** 40 ? '' : ` ${minimum} to ${maximum}`;
  return `${schema.type ?? 'any'}${range}`;
}

const perSecond = (refillMs: number) => 1000 / refillMs;

const head = `# REST API

Made by \`schema/generate.ts\` from the routes that are served. \`GET /v1/openapi.json\` is the same for programs
(OpenAPI 3.1); \`GET /\` is a page for people, which Mesos' web UI links to (\`--web-url\`, see below).

\`\`\`
curl -H "Authorization: Bearer $(cat /etc/kafka-mesos/read-token)" --cacert ca.pem \\
    https://kafka-1.example.org:7090/v1/clusters
\`\`\`

**Tokens.** \`--token-file\` may do everything; without it the scheduler makes one in its home. \`--read-token-file\` names
a second one, which may look, validate and plan. Of the routes below those with *none* want no token. Who does it is what
the body says as \`author\`: a token is no person.

**Where it listens.** On loopback, unless \`--listen\` says otherwise. Beyond loopback it wants a token file and TLS
(\`--tls-cert-file\`, \`--tls-key-file\`; 1.2 or later), or \`--allow-plain-http\` where something else encrypts. A
certificate that changes on disk is shown within a minute. Commands reach it by \`--api https://…\`, \`--token-file\` and
\`--ca-file\`. With a standby as \`--api\` they go on to the leader where that is on this machine or answers over TLS.

**From Mesos.** The framework's \`webui_url\` is \`--web-url\`, else the API's own address where it listens beyond
loopback or the master is on loopback too, else there is none: a loopback address would lead each reader to a program of
their own machine.

**Health** is \`/v1/health\`: the process answers. **Readiness** is \`/v1/ready\`: it leads and is subscribed to Mesos, or
stands by and knows who leads.

**Limits.** 4 MiB of body, JSON in UTF-8 and not compressed; spec files of ${maxBrokersTogether} brokers together, and ${maxWaiting} requests with
spec files at a time; 16 KiB of headers; 30 s for a request to arrive; 1024
connections, 256 of one address; ${maxReaders} streams. One address may ask ${requestBucket.tokens} times at once and ${perSecond(requestBucket.refillMs)} times a second on, POST, DELETE,
streams, logs and metrics counting for ${costOfWrite}; ${failureBucket.tokens} wrong tokens at once and one every ${failureBucket.refillMs / 1000} s. Beyond loopback an address that guessed more is not
listened to until then, whatever token it brings. IPv6 addresses count by their /64. Behind a proxy all clients are one
address: \`X-Forwarded-For\` is not believed.

**Pages.** Lists take \`limit\` (1 to 1000) and \`after\`, the name, id or number of the last item that was seen, which
stays good when items come and go. The header \`Link\` with \`rel="next"\` names the next page; without it there is none.
Query parameters that a route does not have are refused.

**Live.** \`/v1/watch\` is a stream of server-sent events.
`;

const errors = `## Errors

\`\`\`json
{ "error": { "code": "KM_API_TOKEN", "message": "missing or wrong token" } }
\`\`\`

Codes are stable, messages are for people. Those with \`remedy\` say what to do.

| Code | Status | Meaning |
|---|---|---|
${Object.entries(apiCodes)
  .map(([code, [status, meaning]]) => `| \`${code}\` | ${status} | ${meaning} |`)
  .join('\n')}
${codeFamilies.map(([begin, status, meaning]) => `| \`${begin}…\` | ${status} | ${meaning} |`).join('\n')}
`;
