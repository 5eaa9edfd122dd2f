/**
 * All routes: what the server serves, the OpenAPI document describes and docs/rest.md lists is this table, so that
 * none of them can have what another has not.
 */
import { type ClusterStatus, leftAlone } from '../model/status.ts';
import { brokerStatus, intentAnswer, logAnswer } from './answers/brokers.ts';
import { clusterStatus } from './answers/clusters.ts';
import { eventPage } from './answers/events.ts';
import { applyAnswer, followAnswer, reconcileAnswer, teardownAnswer } from './answers/orders.ts';
import { planAnswer } from './answers/plans.ts';
import { validateAnswer } from './answers/problems.ts';
import { revisionSummary, specRecord } from './answers/revisions.ts';
import { healthAnswer, readyAnswer, schedulerStatus } from './answers/scheduler.ts';
import { topicStatus } from './answers/topics.ts';
import { ApiRefusal } from './error-codes.ts';
import { list, opaque, text } from './json-schema.ts';
import { pageOf } from './paging.ts';
import { readiness } from './readiness.ts';
import * as requests from './requests.ts';
import { isSandboxPath, queries } from './requests.ts';
import { type Asked, type Call, type Route, route } from './route.ts';
import { webPage } from './web-page.ts';

const cluster = '/v1/clusters/:name';
const broker = `${cluster}/brokers/:id`;

export const routes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/health',
    scope: 'none',
    id: 'health',
    summary: 'Whether the process lives.',
    answer: healthAnswer,
    errors: [],
    handle: ({ asked }) => ({ ok: true, version: asked.version }),
  }),
  route({
    method: 'GET',
    path: '/v1/ready',
    scope: 'none',
    id: 'ready',
    summary: 'Whether it can do its work.',
    description:
      'It leads and is subscribed to Mesos, or it stands by and knows who leads. Otherwise 503 `KM_UNAVAILABLE_NOT_READY` says why not.',
    answer: readyAnswer,
    errors: [503],
    handle: ({ asked }) => readiness(asked.service),
  }),
  route({
    method: 'GET',
    path: '/v1/openapi.json',
    scope: 'none',
    id: 'openapi',
    summary: 'The OpenAPI document of this API.',
    answer: opaque<object>('An OpenAPI 3.1 document.'),
    errors: [],
    handle: ({ asked }) => asked.document(),
  }),
  route({
    method: 'GET',
    path: '/v1/schema',
    scope: 'read',
    id: 'schema',
    summary: 'The JSON Schema of a spec file.',
    answer: opaque<object>('A JSON Schema.'),
    errors: [],
    handle: ({ asked }) => asked.specs.schema(),
  }),
  route({
    method: 'GET',
    path: '/v1/scheduler',
    scope: 'read',
    id: 'scheduler',
    summary: 'Who leads, whether Mesos is reachable, and the directory of specs.',
    answer: schedulerStatus,
    errors: [503],
    handle: ({ asked }) => asked.service.scheduler(),
  }),
  route({
    method: 'GET',
    path: '/v1/clusters',
    scope: 'read',
    id: 'clusters',
    summary: 'All clusters, with brokers, topics, what is held, and why.',
    query: queries.clusters,
    answer: list(clusterStatus),
    isPaged: true,
    errors: [503],
    handle: async (call) => pageOf(call, await call.asked.service.clusters(), ({ name }) => name),
  }),
  route({
    method: 'GET',
    path: cluster,
    scope: 'read',
    id: 'cluster',
    summary: 'One cluster.',
    answer: clusterStatus,
    errors: [404, 503],
    handle: (call) => clusterOf(call),
  }),
  route({
    method: 'GET',
    path: `${cluster}/spec`,
    scope: 'read',
    id: 'spec',
    summary: 'The spec that is applied, resolved.',
    answer: specRecord,
    errors: [404, 503],
    handle: async ({ asked, params: { name = '' } }) =>
      (await asked.service.spec(name)) ?? notThere(`no cluster named ${name}`),
  }),
  route({
    method: 'GET',
    path: `${cluster}/brokers`,
    scope: 'read',
    id: 'brokers',
    summary: 'The brokers of a cluster.',
    query: queries.brokers,
    answer: list(brokerStatus),
    isPaged: true,
    errors: [404, 503],
    handle: async (call) => pageOf(call, (await clusterOf(call)).brokers, ({ id }) => id),
  }),
  route({
    method: 'GET',
    path: broker,
    scope: 'read',
    id: 'broker',
    summary: 'One broker: where it is, what it waits for and until when, how it last ended.',
    answer: brokerStatus,
    errors: [404, 503],
    handle: async (call) => {
      const { id = '', name = '' } = call.params;
      const found = (await clusterOf(call)).brokers.find((one) => String(one.id) === id);
      return found ?? notThere(`cluster ${name} has no broker ${id}`);
    },
  }),
  route({
    method: 'GET',
    path: `${cluster}/topics`,
    scope: 'read',
    id: 'topics',
    summary: 'The topics of a cluster that its spec declares.',
    query: queries.topics,
    answer: list(topicStatus),
    isPaged: true,
    errors: [404, 503],
    handle: async (call) => pageOf(call, (await clusterOf(call)).topics, ({ name }) => name),
  }),
  route({
    method: 'GET',
    path: `${cluster}/revisions`,
    scope: 'read',
    id: 'revisions',
    summary: 'The last revisions of its spec, newest first.',
    query: queries.revisions,
    answer: list(revisionSummary),
    isPaged: true,
    errors: [404, 409, 503],
    handle: async (call) => {
      const { name = '' } = call.params;
      const found = (await call.asked.service.revisions(name)) ?? notThere(`no cluster named ${name}`);
      return pageOf(call, found, ({ revision }) => revision, 'descending');
    },
  }),
  route({
    method: 'GET',
    path: '/v1/events',
    scope: 'read',
    id: 'events',
    summary: 'What happened, and who wanted it.',
    query: queries.events,
    answer: eventPage,
    errors: [409, 503],
    handle: ({ asked, query: { cluster: clusterName, after, limit = 100 } }) =>
      asked.service.events({
        limit,
        ...(clusterName === undefined ? {} : { clusterName }),
        ...(after === undefined ? {} : { afterSeq: after }),
      }),
  }),
  route({
    method: 'GET',
    path: '/v1/watch',
    scope: 'read',
    id: 'watch',
    isCostly: true,
    summary: 'What changes, as server-sent events.',
    description: `First everything as it is, then \`synced\`, then what changes, at most four times a second.
The data of each event is JSON: \`scheduler\` (SchedulerStatus), \`cluster\` (ClusterStatus, when it is another one),
\`removed\` (\`{"name"}\`), \`event\` (PagedEvent, with its \`seq\` as the id, so that \`Last-Event-ID\` goes on after it),
\`unavailable\` (ErrorAnswer: the state is not known just now), \`synced\` (\`{}\`). A comment comes every 15 seconds.
Who reads slowly gets the latest state only; a connection that takes nothing for 30 seconds is closed.`,
    query: queries.watch,
    answer: text(),
    answerType: 'text/event-stream',
    errors: [],
    handle: ({ asked, request, reply, query }) => asked.watch(request, reply, query),
  }),
  route({
    method: 'GET',
    path: `${broker}/logs`,
    scope: 'read',
    id: 'logs',
    isCostly: true,
    summary: "The end of a file in the broker's sandbox on its agent.",
    query: queries.logs,
    answer: logAnswer,
    errors: [404, 409, 502, 503],
    handle: async (call) => {
      const { file = 'kafka-server.log', bytes = 65_536 } = call.query;
      if (!isSandboxPath(file)) {
        throw new ApiRefusal(
          'KM_API_MALFORMED',
          'file must be a path below the sandbox, such as kafka-server.log or stderr',
        );
      }
      return call.asked.service.readLog({ ...(await brokerOf(call)), file, bytes });
    },
  }),
  route({
    method: 'POST',
    path: '/v1/validate',
    scope: 'read',
    id: 'validate',
    summary: 'Checks spec files and names every mistake; asks nobody, changes nothing.',
    body: requests.specRequest,
    answer: validateAnswer,
    errors: [],
    handle: ({ asked, body }) => asked.specs.validate(body),
  }),
  route({
    method: 'POST',
    path: '/v1/plan',
    scope: 'read',
    id: 'plan',
    summary: 'What applying would do, and why; changes nothing.',
    body: requests.specRequest,
    answer: planAnswer,
    errors: [409, 422, 503],
    handle: ({ asked, body }) => asked.service.plan(body),
  }),
  route({
    method: 'POST',
    path: '/v1/apply',
    scope: 'write',
    id: 'apply',
    summary: 'Stores spec files as the wanted state; the scheduler makes it so.',
    body: requests.applyRequest,
    answer: applyAnswer,
    errors: [409, 422, 503],
    handle: ({ asked, body }) => asked.service.apply(body),
  }),
  route({
    method: 'POST',
    path: `${broker}/intent`,
    scope: 'write',
    id: 'setIntent',
    summary: 'Asks something of one broker: stop, pause, restart or replace it.',
    body: requests.intentBody,
    answer: intentAnswer,
    errors: [404, 409, 422, 503],
    handle: async (call) => call.asked.service.setIntent({ ...(await brokerOf(call)), intent: call.body }),
  }),
  route({
    method: 'DELETE',
    path: `${broker}/intent`,
    scope: 'write',
    id: 'clearIntent',
    summary: 'Takes back what was asked of a broker; one that backs off is tried at once.',
    query: queries.clearIntent,
    answer: intentAnswer,
    errors: [404, 409, 422, 503],
    handle: async (call) =>
      call.asked.service.setIntent({ ...(await brokerOf(call, leftAlone)), ...call.query }),
  }),
  ...(['suspend', 'resume'] as const).map((id) =>
    route({
      method: 'POST',
      path: `${cluster}/${id}`,
      scope: 'write',
      id,
      summary:
        id === 'suspend'
          ? 'Takes nothing more from the file that owns the cluster.'
          : 'Follows the file that owns the cluster again.',
      body: requests.followBody,
      answer: followAnswer,
      errors: [404, 409, 422, 503],
      handle: async (call) => {
        const { service } = call.asked;
        const { name = '' } = call.params;
        // One that was removed beside its file can be resumed: it is formed anew.
        if (id === 'resume')
          return (await service.resume(name, call.body)) ?? notThere(`no cluster named ${name}`);
        await clusterOf(call);
        return service.suspend(name, call.body);
      },
    }),
  ),
  route({
    method: 'POST',
    path: `${cluster}/rollback`,
    scope: 'write',
    id: 'rollback',
    summary: 'Applies an earlier revision as a new one, and suspends following.',
    body: requests.rollbackBody,
    answer: followAnswer,
    errors: [404, 409, 422, 503],
    handle: async (call) => {
      const { name } = await clusterOf(call);
      return call.asked.service.rollback(name, call.body);
    },
  }),
  route({
    method: 'POST',
    path: '/v1/reconcile',
    scope: 'write',
    id: 'reconcile',
    summary: 'Reads the directory of specs and asks Kafka now, then passes.',
    body: requests.reconcileBody,
    answer: reconcileAnswer,
    errors: [404, 409, 422, 503],
    handle: async ({ asked, body }) => {
      const { clusterName: name } = body;
      if (name !== undefined) await clusterOf({ asked, params: { name } });
      return asked.service.reconcile(body);
    },
  }),
  route({
    method: 'POST',
    path: '/v1/teardown',
    scope: 'write',
    id: 'teardown',
    summary: 'Destroys all clusters with their data and ends the framework; ask again until it is done.',
    body: requests.teardownRequest,
    answer: teardownAnswer,
    errors: [409, 422, 502, 503],
    handle: ({ asked, body }) => asked.service.teardown(body),
  }),
  route({
    method: 'GET',
    path: '/metrics',
    scope: 'read',
    id: 'metrics',
    isCostly: true,
    summary: 'Metrics for Prometheus.',
    answer: text(),
    answerType: 'text/plain',
    errors: [404],
    handle: async ({ asked: { metrics }, reply }) => {
      if (metrics === undefined) return notThere('this scheduler has no metrics');
      return reply.type(metrics.contentType).send(await metrics.render());
    },
  }),
  route({
    method: 'GET',
    path: '/',
    scope: 'none',
    id: 'page',
    summary: 'A page for people: clusters, brokers, what is held and why; it asks for a token.',
    answer: text(),
    answerType: 'text/html',
    errors: [],
    handle: ({ reply }) => {
      const { html, policy } = webPage();
      return reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(html);
    },
  }),
];

function notThere(message: string): never {
  throw new ApiRefusal('KM_API_NOT_FOUND', message);
}

type OfCluster = Pick<Call<unknown, unknown>, 'params'> & { readonly asked: Asked };

async function clusterOf({ asked, params: { name = '' } }: OfCluster): Promise<ClusterStatus> {
  return (await asked.service.cluster(name)) ?? notThere(`no cluster named ${name}`);
}

async function brokerOf(
  call: OfCluster,
  others: (cluster: ClusterStatus) => readonly number[] = () => [],
): Promise<{ readonly clusterName: string; readonly brokerId: number }> {
  const found = await clusterOf(call);
  const known = [...found.brokers.map((one) => one.id), ...others(found)];
  const brokerId = known.find((one) => String(one) === call.params.id);
  if (brokerId === undefined) return notThere(`cluster ${found.name} has no broker ${call.params.id}`);
  return { clusterName: found.name, brokerId };
}
