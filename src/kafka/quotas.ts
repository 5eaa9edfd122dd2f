/** Client quotas between the model's words and the library's. */
import {
  type ClientQuotaEntityType,
  ClientQuotaEntityTypes,
  type describeClientQuotasV1,
} from '@platformatic/kafka';
import type { ClientQuota, QuotaEntity } from '../model/kafka.ts';

const typeOf = {
  user: ClientQuotaEntityTypes.USER,
  clientId: ClientQuotaEntityTypes.CLIENT_ID,
  ip: ClientQuotaEntityTypes.IP,
} as const;
const fields = Object.keys(typeOf) as readonly (keyof QuotaEntity)[];

type WireEntity = { readonly entityType: ClientQuotaEntityType; readonly entityName: string | null };

/** On the wire the default of a sort is the one without a name. */
export function quotaEntities(entity: QuotaEntity): WireEntity[] {
  return fields.flatMap((field) => {
    const name = entity[field];
    return name === undefined ? [] : [{ entityType: typeOf[field], entityName: name }];
  });
}

export function clientQuota(entry: describeClientQuotasV1.DescribeClientQuotasResponseEntry): ClientQuota {
  const entity = Object.fromEntries(
    fields.flatMap((field) => {
      const part = entry.entity.find(({ entityType }) => entityType === typeOf[field]);
      return part === undefined ? [] : [[field, part.entityName ?? null]];
    }),
  );
  const limits = entry.values.map(({ key, value }): [string, number] => [key, value]);
  return { entity, limits: Object.fromEntries(limits.sort(([left], [right]) => (left < right ? -1 : 1))) };
}

/** `user ann, client id loader`. */
export function nameOfEntity(entity: QuotaEntity): string {
  const words = { user: 'user', clientId: 'client id', ip: 'address' } as const;
  return fields
    .flatMap((field) => {
      const name = entity[field];
      return name === undefined
        ? []
        : [name === null ? `any other ${words[field]}` : `${words[field]} ${name}`];
    })
    .join(', ');
}
