/** The planner's words to the wire's and back. Pure. */
import type {
  DiskSource,
  FrameworkSettings,
  InverseOffer,
  MesosCall,
  MesosEvent,
  Offer,
  OfferOperation,
  OperationUpdate,
  Reservation,
  Resource,
  TaskSpec,
  TaskUpdate,
  Unavailability,
} from '../model/mesos.ts';
import type * as wire from './types.ts';

/** What we can do and therefore promise. */
const capabilities: readonly wire.FrameworkCapability[] = [
  'MULTI_ROLE',
  'PARTITION_AWARE',
  'TASK_KILLING_STATE',
  'RESERVATION_REFINEMENT',
  'REGION_AWARE',
];

export function toSubscribe(settings: FrameworkSettings, frameworkId: string | undefined): wire.Subscribe {
  return {
    framework_info: {
      user: settings.user,
      name: settings.name,
      ...(frameworkId === undefined ? {} : { id: { value: frameworkId } }),
      failover_timeout: settings.failoverTimeoutMs / 1000,
      checkpoint: true,
      roles: [settings.role],
      ...(settings.principal === undefined ? {} : { principal: settings.principal }),
      ...(settings.webuiUrl === undefined ? {} : { webui_url: settings.webuiUrl }),
      capabilities: capabilities.map((type) => ({ type })),
    },
    // What a subscription does not name is not suppressed: an idle scheduler would be offered everything at
    // each one. Who waits for resources revives in its first pass.
    suppressed_roles: [settings.role],
  };
}

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

export function toCall(call: MesosCall, settings: FrameworkSettings): wire.SchedulerCallBody {
  switch (call.kind) {
    case 'accept':
      return {
        type: 'ACCEPT',
        accept: {
          offer_ids: call.offerIds.map((value) => ({ value })),
          operations: call.operations.map((o) => toOperation(o, settings)),
          filters: { refuse_seconds: call.refuseSeconds },
        },
      };
    case 'decline':
      return {
        type: 'DECLINE',
        decline: {
          offer_ids: call.offerIds.map((value) => ({ value })),
          filters: { refuse_seconds: call.refuseSeconds },
        },
      };
    case 'answer-inverse-offer': {
      const answer: wire.AnswerInverseOffers = {
        inverse_offer_ids: [{ value: call.inverseOfferId }],
        filters: { refuse_seconds: call.refuseSeconds },
      };
      return call.accept
        ? { type: 'ACCEPT_INVERSE_OFFERS', accept_inverse_offers: answer }
        : { type: 'DECLINE_INVERSE_OFFERS', decline_inverse_offers: answer };
    }
    case 'revive':
      return { type: 'REVIVE', revive: { roles: [settings.role] } };
    case 'suppress':
      return { type: 'SUPPRESS', suppress: { roles: [settings.role] } };
    case 'kill':
      return {
        type: 'KILL',
        kill: {
          task_id: { value: call.taskId },
          agent_id: { value: call.agentId },
          ...(call.graceMs === undefined
            ? {}
            : { kill_policy: { grace_period: { nanoseconds: call.graceMs * 1e6 } } }),
        },
      };
    case 'acknowledge':
      return {
        type: 'ACKNOWLEDGE',
        acknowledge: { agent_id: { value: call.agentId }, task_id: { value: call.taskId }, uuid: call.uuid },
      };
    case 'reconcile-tasks':
      return {
        type: 'RECONCILE',
        reconcile: {
          tasks: call.tasks.map((t) => ({
            task_id: { value: t.taskId },
            ...(t.agentId === undefined ? {} : { agent_id: { value: t.agentId } }),
          })),
        },
      };
    case 'acknowledge-operation':
      return {
        type: 'ACKNOWLEDGE_OPERATION_STATUS',
        acknowledge_operation_status: {
          agent_id: { value: call.agentId },
          operation_id: { value: call.operationId },
          uuid: call.uuid,
        },
      };
    case 'reconcile-operations':
      return { type: 'RECONCILE_OPERATIONS', reconcile_operations: { operations: [] } };
    case 'teardown':
      return { type: 'TEARDOWN' };
  }
}

function toOperation(operation: OfferOperation, settings: FrameworkSettings): wire.Operation {
  const wireResources = (resources: readonly Resource[]): readonly wire.Resource[] =>
    resources.map((r) => fromResource(r, settings.role));
  switch (operation.kind) {
    case 'reserve':
      return {
        type: 'RESERVE',
        ...operationId(operation),
        reserve: { resources: wireResources(operation.resources) },
      };
    case 'unreserve':
      return {
        type: 'UNRESERVE',
        ...operationId(operation),
        unreserve: { resources: wireResources(operation.resources) },
      };
    case 'create':
      return {
        type: 'CREATE',
        ...operationId(operation),
        create: { volumes: wireResources(operation.volumes) },
      };
    case 'grow':
      return {
        type: 'GROW_VOLUME',
        ...operationId(operation),
        grow_volume: {
          volume: fromResource(operation.volume, settings.role),
          addition: fromResource(operation.addition, settings.role),
        },
      };
    case 'destroy':
      return {
        type: 'DESTROY',
        ...operationId(operation),
        destroy: { volumes: wireResources(operation.volumes) },
      };
    case 'launch':
      return { type: 'LAUNCH', launch: { task_infos: [toTask(operation.task, settings)] } };
  }
}

function operationId({ id }: { readonly id?: string }): { readonly id?: wire.OperationId } {
  return id === undefined ? {} : { id: { value: id } };
}

/** Undefined for one that has no id, which is none of ours. */
function toOperationUpdate(status: wire.OperationStatus): MesosEvent | undefined {
  if (status.operation_id === undefined) {
    return undefined;
  }
  return {
    kind: 'operation',
    update: {
      operationId: status.operation_id.value,
      state: operationStates[status.state],
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
  OPERATION_DROPPED: 'refused',
  OPERATION_GONE_BY_OPERATOR: 'refused',
  OPERATION_PENDING: 'pending',
  OPERATION_RECOVERING: 'pending',
  OPERATION_UNREACHABLE: 'pending',
  OPERATION_UNKNOWN: 'unknown',
  OPERATION_UNSUPPORTED: 'unknown',
};

function toTask(task: TaskSpec, settings: FrameworkSettings): wire.TaskInfo {
  const { executor } = task;
  return {
    name: task.name,
    task_id: { value: task.taskId },
    agent_id: { value: task.agentId },
    resources: task.resources.map((r) => fromResource(r, settings.role)),
    executor: {
      type: 'CUSTOM',
      executor_id: { value: executor.executorId },
      name: task.name,
      resources: executor.resources.map((r) => fromResource(r, settings.role)),
      shutdown_grace_period: { nanoseconds: executor.shutdownGraceMs * 1e6 },
      command: {
        shell: true,
        value: executor.command,
        uris: executor.uris.map((uri) => ({
          value: uri.uri,
          executable: uri.executable,
          extract: uri.extract,
          // Of a file on the agent's own disk a copy gains nothing, and its URI may come to name another file.
          cache: !uri.uri.startsWith('file:'),
          ...(uri.outputFile === undefined ? {} : { output_file: uri.outputFile }),
        })),
        ...(executor.user === undefined ? {} : { user: executor.user }),
        environment: {
          variables: Object.entries(executor.environment).map(([name, value]) => ({
            name,
            type: 'VALUE' as const,
            value,
          })),
        },
      },
    },
    data: Buffer.from(task.data, 'utf8').toString('base64'),
    labels: toLabels(task.labels),
    kill_policy: { grace_period: { nanoseconds: task.killGraceMs * 1e6 } },
    ...(task.discovery === undefined
      ? {}
      : {
          discovery: {
            visibility: 'EXTERNAL',
            name: task.discovery.name,
            ports: {
              ports: task.discovery.ports.map((p) => ({
                number: p.number,
                name: p.name.toLowerCase(),
                protocol: 'tcp',
              })),
            },
          },
        }),
  };
}

function fromResource(resource: Resource, role: string): wire.Resource {
  const { disk } = resource;
  const source = disk === undefined || disk.source.kind === 'root' ? undefined : disk.source;
  return {
    name: resource.name,
    type: resource.ranges === undefined ? 'SCALAR' : 'RANGES',
    ...(resource.scalar === undefined ? {} : { scalar: { value: resource.scalar } }),
    ...(resource.ranges === undefined ? {} : { ranges: { range: resource.ranges } }),
    ...(resource.reservations.length === 0
      ? {}
      : { reservations: resource.reservations.map(fromReservation) }),
    allocation_info: { role },
    ...(disk === undefined
      ? {}
      : {
          disk: {
            ...(source === undefined
              ? {}
              : {
                  source:
                    source.kind === 'path'
                      ? { type: 'PATH' as const, path: { root: source.root } }
                      : { type: 'MOUNT' as const, mount: { root: source.root } },
                }),
            ...(disk.volume === undefined
              ? {}
              : {
                  persistence: {
                    id: disk.volume.persistenceId,
                    ...(disk.volume.principal === undefined ? {} : { principal: disk.volume.principal }),
                  },
                  volume: { mode: 'RW' as const, container_path: disk.volume.containerPath },
                }),
          },
        }),
  };
}

function fromReservation(reservation: Reservation): wire.ReservationInfo {
  return {
    type: reservation.kind === 'static' ? 'STATIC' : 'DYNAMIC',
    role: reservation.role,
    ...(reservation.principal === undefined ? {} : { principal: reservation.principal }),
    ...(Object.keys(reservation.labels).length === 0 ? {} : { labels: toLabels(reservation.labels) }),
  };
}

function toLabels(labels: Readonly<Record<string, string>>): wire.Labels {
  return { labels: Object.entries(labels).map(([key, value]) => ({ key, value })) };
}
