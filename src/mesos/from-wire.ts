/** What Mesos says, in the planner's words. Pure. */
import type {
  DiskSource,
  InverseOffer,
  MesosEvent,
  Offer,
  OperationUpdate,
  Reservation,
  Resource,
  TaskUpdate,
  Unavailability,
} from '../model/mesos.ts';
import type * as wire from './types.ts';

/** Undefined for events that the planner has no use for (heartbeats, messages). */
export function toEvent(event: wire.SchedulerEvent, role: string, nowMs: number): MesosEvent | undefined {
  switch (event.type) {
    case 'SUBSCRIBED':
      return { kind: 'subscribed', frameworkId: event.subscribed.framework_id.value };
    case 'OFFERS':
      return { kind: 'offers', offers: (event.offers.offers ?? []).map((o) => toOffer(o, role, nowMs)) };
    case 'RESCIND':
      return { kind: 'rescind', offerId: event.rescind.offer_id.value };
    case 'INVERSE_OFFERS':
      return {
        kind: 'inverse-offers',
        inverseOffers: (event.inverse_offers.inverse_offers ?? []).flatMap((o) => toInverseOffer(o, nowMs)),
      };
    case 'RESCIND_INVERSE_OFFER':
      return {
        kind: 'rescind-inverse-offer',
        inverseOfferId: event.rescind_inverse_offer.inverse_offer_id.value,
      };
    case 'UPDATE':
      return { kind: 'update', update: toUpdate(event.update.status) };
    case 'UPDATE_OPERATION_STATUS':
      return toOperationUpdate(event.update_operation_status.status);
    case 'FAILURE':
      return {
        kind: 'failure',
        ...(event.failure.agent_id === undefined ? {} : { agentId: event.failure.agent_id.value }),
        ...(event.failure.executor_id === undefined ? {} : { executorId: event.failure.executor_id.value }),
        ...(event.failure.status === undefined ? {} : { status: event.failure.status }),
      };
    case 'ERROR':
      return { kind: 'error', message: event.error.message };
    default:
      return undefined;
  }
}

function toOffer(offer: wire.Offer, role: string, nowMs: number): Offer {
  const fault = offer.domain?.fault_domain;
  const address = offer.url?.address;
  return {
    id: offer.id.value,
    agentId: offer.agent_id.value,
    hostname: offer.hostname,
    ...(address === undefined
      ? {}
      : {
          agentUrl: `${offer.url?.scheme ?? 'http'}://${address.ip ?? address.hostname ?? offer.hostname}:${address.port}${offer.url?.path ?? ''}`,
        }),
    role: offer.allocation_info?.role ?? role,
    attributes: toAttributes(offer.attributes),
    ...(fault === undefined ? {} : { domain: { region: fault.region.name, zone: fault.zone.name } }),
    resources: (offer.resources ?? []).flatMap(toResource),
    ...(offer.unavailability === undefined ? {} : { unavailability: toUnavailability(offer.unavailability) }),
    receivedAtMs: nowMs,
  };
}

function toUnavailability({ start, duration }: wire.Unavailability): Unavailability {
  return {
    startMs: Math.floor(start.nanoseconds / 1e6),
    ...(duration === undefined ? {} : { durationMs: Math.floor(duration.nanoseconds / 1e6) }),
  };
}

/** Without an agent (one for resources anywhere, which Mesos does not send) there is nothing to say. */
function toInverseOffer(offer: wire.InverseOffer, nowMs: number): readonly InverseOffer[] {
  return offer.agent_id === undefined
    ? []
    : [
        {
          id: offer.id.value,
          agentId: offer.agent_id.value,
          unavailability: toUnavailability(offer.unavailability),
          receivedAtMs: nowMs,
        },
      ];
}

/** Revocable, shared and provider resources are left out: nothing durable may stand on them. */
export function toResource(resource: wire.Resource): readonly Resource[] {
  if (
    resource.revocable !== undefined ||
    resource.shared !== undefined ||
    resource.provider_id !== undefined
  ) {
    return [];
  }
  const source = toSource(resource.disk?.source);
  if (source === undefined) {
    return [];
  }
  const { disk } = resource;
  return [
    {
      name: resource.name,
      ...(resource.scalar === undefined ? {} : { scalar: resource.scalar.value }),
      ...(resource.ranges === undefined ? {} : { ranges: resource.ranges.range ?? [] }),
      reservations: (resource.reservations ?? []).map(toReservation),
      ...(disk === undefined
        ? {}
        : {
            disk: {
              source,
              ...(disk.persistence === undefined
                ? {}
                : {
                    volume: {
                      persistenceId: disk.persistence.id,
                      ...(disk.persistence.principal === undefined
                        ? {}
                        : { principal: disk.persistence.principal }),
                      containerPath: disk.volume?.container_path ?? '',
                    },
                  }),
            },
          }),
    },
  ];
}

/** Undefined for raw and block devices, which we cannot use. */
function toSource(source: wire.DiskSource | undefined): DiskSource | undefined {
  switch (source?.type) {
    case undefined:
      return { kind: 'root' };
    case 'PATH':
      return { kind: 'path', root: source.path?.root ?? '' };
    case 'MOUNT':
      return { kind: 'mount', root: source.mount?.root ?? '' };
    default:
      return undefined;
  }
}

function toReservation(info: wire.ReservationInfo): Reservation {
  return {
    kind: info.type === 'STATIC' ? 'static' : 'dynamic',
    role: info.role ?? '*',
    ...(info.principal === undefined ? {} : { principal: info.principal }),
    labels: fromLabels(info.labels),
  };
}

export function toAttributes(
  attributes: readonly wire.Attribute[] | undefined,
): Readonly<Record<string, string>> {
  return Object.fromEntries((attributes ?? []).map((a) => [a.name, attributeText(a)]));
}

export function fromLabels(labels: wire.Labels | undefined): Readonly<Record<string, string>> {
  return Object.fromEntries((labels?.labels ?? []).map((l) => [l.key, l.value ?? '']));
}

function attributeText(attribute: wire.Attribute): string {
  switch (attribute.type) {
    case 'TEXT':
      return attribute.text?.value ?? '';
    case 'SCALAR':
      return String(attribute.scalar?.value ?? '');
    case 'RANGES':
      return (attribute.ranges?.range ?? []).map((r) => `${r.begin}-${r.end}`).join(',');
    case 'SET':
      return (attribute.set?.item ?? []).join(',');
  }
}

function toUpdate(status: wire.TaskStatus): TaskUpdate {
  return {
    taskId: status.task_id.value,
    state: status.state,
    ...(status.agent_id === undefined ? {} : { agentId: status.agent_id.value }),
    ...(status.source === undefined
      ? {}
      : {
          source: ({ SOURCE_MASTER: 'master', SOURCE_AGENT: 'agent', SOURCE_EXECUTOR: 'executor' } as const)[
            status.source
          ],
        }),
    ...(status.reason === undefined ? {} : { reason: status.reason.replace(/^REASON_/, '') }),
    ...(status.message === undefined ? {} : { message: status.message }),
    ...(status.data === undefined ? {} : { data: Buffer.from(status.data, 'base64').toString('utf8') }),
    ...(status.uuid === undefined ? {} : { uuid: status.uuid }),
    ...(status.timestamp === undefined ? {} : { timestampMs: status.timestamp * 1000 }),
    ...(status.healthy === undefined ? {} : { healthy: status.healthy }),
    ...(status.unreachable_time === undefined
      ? {}
      : { unreachableSinceMs: status.unreachable_time.nanoseconds / 1e6 }),
  };
}

/** Undefined for one that has no id, which is none of ours. */
function toOperationUpdate(status: wire.OperationStatus): MesosEvent | undefined {
  if (status.operation_id === undefined) {
    return undefined;
  }
  // The offers were rescinded meanwhile: nothing is said against the operation itself (`Master::accept`).
  const isLate =
    status.state === 'OPERATION_ERROR' && status.message?.includes('with invalid offers') === true;
  return {
    kind: 'operation',
    update: {
      operationId: status.operation_id.value,
      state: isLate ? 'dropped' : operationStates[status.state],
      ...(status.message === undefined ? {} : { message: status.message }),
      ...(status.agent_id === undefined ? {} : { agentId: status.agent_id.value }),
      ...(status.uuid === undefined ? {} : { uuid: status.uuid.value }),
    },
  };
}

const operationStates: Readonly<Record<wire.OperationState, OperationUpdate['state']>> = {
  OPERATION_FINISHED: 'finished',
  OPERATION_ERROR: 'refused',
  OPERATION_FAILED: 'refused',
  OPERATION_DROPPED: 'dropped',
  OPERATION_GONE_BY_OPERATOR: 'refused',
  OPERATION_PENDING: 'pending',
  OPERATION_RECOVERING: 'pending',
  OPERATION_UNREACHABLE: 'pending',
  OPERATION_UNKNOWN: 'unknown',
  OPERATION_UNSUPPORTED: 'unknown',
};
