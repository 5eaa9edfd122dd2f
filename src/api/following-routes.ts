/** Routes of revisions and of the directory of specs. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { FollowBody, ReconcileBody, RollbackBody, SchedulerService } from '../model/api.ts';

const person = {
  author: { type: 'string', minLength: 1, maxLength: 256 },
  reason: { type: 'string', minLength: 1, maxLength: 500 },
} as const;

/** `FollowBody` */
export const followSchema = {
  type: 'object',
  required: ['author'],
  additionalProperties: false,
  properties: person,
} as const;

/** `RollbackBody` */
export const rollbackSchema = {
  type: 'object',
  required: ['author', 'revision'],
  additionalProperties: false,
  properties: { ...person, revision: { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } },
} as const;

/** `ReconcileBody` */
export const reconcileSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { clusterName: { type: 'string', minLength: 1, maxLength: 256 } },
} as const;

type Named = { readonly Params: { readonly name: string } };

export function addFollowingRoutes(
  app: FastifyInstance,
  service: SchedulerService,
  notFound: (reply: FastifyReply, message: string) => FastifyReply,
): void {
  const unknown = (reply: FastifyReply, name: string) => notFound(reply, `no cluster named ${name}`);
  const exists = async (name: string) => (await service.cluster(name)) !== undefined;

  app.get<Named>('/v1/clusters/:name/revisions', async ({ params: { name } }, reply) => {
    return (await service.revisions(name)) ?? unknown(reply, name);
  });
  for (const verb of ['suspend', 'resume'] as const) {
    app.post<Named & { readonly Body: FollowBody }>(
      `/v1/clusters/:name/${verb}`,
      { schema: { body: followSchema } },
      async ({ params: { name }, body }, reply) =>
        (await exists(name)) ? service[verb](name, body) : unknown(reply, name),
    );
  }
  app.post<Named & { readonly Body: RollbackBody }>(
    '/v1/clusters/:name/rollback',
    { schema: { body: rollbackSchema } },
    async ({ params: { name }, body }, reply) =>
      (await exists(name)) ? service.rollback(name, body) : unknown(reply, name),
  );
  app.post<{ readonly Body: ReconcileBody }>(
    '/v1/reconcile',
    { schema: { body: reconcileSchema } },
    async ({ body }, reply) =>
      body.clusterName === undefined || (await exists(body.clusterName))
        ? service.reconcile(body)
        : unknown(reply, body.clusterName),
  );
}
