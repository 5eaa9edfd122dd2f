/** RESERVE, UNRESERVE, CREATE, DESTROY, GROW_VOLUME: what they take from an agent's total, and what they put there. */
import type { Operation, Resource } from '../../mesos/types.ts';
import { volumeFacts } from './containers.ts';
import type { Context } from './context.ts';
import { reachableProcess } from './executor-state.ts';
import { withoutReservation, withoutVolume } from './resources.ts';
import type { AgentRecord } from './state.ts';

export type Conversion = Extract<Operation, { type: 'RESERVE' | 'UNRESERVE' | 'CREATE' | 'DESTROY' }>;

type Change = (resource: Resource) => Resource;

/** The resources named, what they become, and what they are made of. */
export function conversionOf(
  operation: Conversion,
): readonly [readonly Resource[] | undefined, Change, Change] {
  const same: Change = (resource) => resource;
  switch (operation.type) {
    case 'RESERVE':
      return [operation.reserve.resources, same, withoutReservation];
    case 'UNRESERVE':
      return [operation.unreserve.resources, withoutReservation, same];
    case 'CREATE':
      return [operation.create.volumes, same, withoutVolume];
    case 'DESTROY':
      return [operation.destroy.volumes, withoutVolume, same];
  }
}

/** The operation as it was carried out: with its resources as the master completed them. */
export function withResources(operation: Conversion, resources: readonly Resource[]): Conversion {
  switch (operation.type) {
    case 'RESERVE':
      return { ...operation, reserve: { resources } };
    case 'UNRESERVE':
      return { ...operation, unreserve: { resources } };
    case 'CREATE':
      return { ...operation, create: { volumes: resources } };
    case 'DESTROY':
      return { ...operation, destroy: { volumes: resources } };
  }
}

export function grownVolume(volume: Resource, addition: Resource): Resource {
  const milli = (resource: Resource): number => Math.round((resource.scalar?.value ?? 0) * 1000);
  return { ...volume, scalar: { value: (milli(volume) + milli(addition)) / 1000 } };
}

/** Master and agent take the new total; the agent makes or deletes the volumes' directories. */
export function applyConversion(
  context: Context,
  agent: AgentRecord,
  type: Conversion['type'] | 'GROW_VOLUME',
  named: readonly Resource[],
  total: Resource[],
): void {
  agent.total = total;
  const process = reachableProcess(context.state, agent.id);
  if (process === undefined) return;
  process.total = total;
  if (type !== 'CREATE' && type !== 'DESTROY') return;
  const kind = type === 'CREATE' ? 'create-volume' : 'destroy-volume';
  for (const volume of named) {
    context.outputs.push({ kind, agentName: process.name, volume: volumeFacts(volume) });
  }
}
