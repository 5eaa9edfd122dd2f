/** What the planner decides, in Mesos' words. Pure. */
import type {
  FrameworkSettings,
  MesosCall,
  OfferOperation,
  Reservation,
  Resource,
  TaskSpec,
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
