/** The task that starts a broker: what the agent fetches and runs, and what the executor is told. */
import { formatAddress } from '../model/address.ts';
import { type Desired, type DesiredBroker, executorResources } from '../model/desired.ts';
import {
  type Artifact,
  type BrokerLaunch,
  commandExits,
  executorProtocolVersion,
  type LaunchListener,
  type NodeRuntime,
  type StorageMode,
} from '../model/launch.ts';
import type { MesosCall, TaskSpec } from '../model/mesos.ts';
import type { ArtifactCatalog, ObservedMesos } from '../model/observed.ts';
import type { BrokerRecord, ClusterRecord, Placement } from '../model/records.ts';
import { taskIdOf } from '../model/task-id.ts';
import { taskLabels } from '../model/task-labels.ts';
import { type AgentOffers, controllerListenerName, type Fit } from './fit.ts';
import { growthAfterStart } from './growth.ts';
import { publicDynamic, publicSettings, settingsOf } from './settings.ts';

/** Beyond the broker's own grace, so that the executor reports its end before Mesos ends the executor. */
const killMarginMs = 15_000;

export type LaunchInput = {
  readonly nowMs: number;
  readonly frameworkName: string;
  readonly desired: Desired;
  readonly revision: number;
  readonly broker: DesiredBroker;
  readonly record: BrokerRecord;
  readonly cluster: ClusterRecord;
  readonly agent: AgentOffers;
  readonly fit: Extract<Fit, { fits: true }>;
  readonly kafka: Artifact;
  readonly artifacts: ArtifactCatalog;
  readonly conversions: ObservedMesos['conversions'];
  /** It starts only if its replicas are there. */
  readonly finds?: true;
};

export type AcceptCall = Extract<MesosCall, { kind: 'accept' }>;

/** The record to persist and the ACCEPT to send after it. */
export function buildLaunch(input: LaunchInput): {
  readonly record: BrokerRecord;
  readonly call: AcceptCall;
} {
  const { desired, broker, cluster, fit } = input;
  const voter = cluster.voters.find((v) => v.nodeId === broker.id);
  const placement: Placement =
    voter === undefined ? fit.placement : { ...fit.placement, directoryId: voter.directoryId };
  const launches = input.record.launches + 1;
  const taskId = taskIdOf({
    cluster: desired.name,
    broker: broker.id,
    launches,
    launchedAtMs: input.nowMs,
  });
  const mode = modeOf(input, voter !== undefined);
  const launch = brokerLaunch(input, placement, mode);
  const { path: _inPlace, ...fetched } = fit.node;
  // A task user of its own may not reach what lies in the scheduler's folders.
  const node: NodeRuntime = broker.user === undefined ? fit.node : fetched;
  const startedWith = settingsOf(desired, broker, input.kafka.sha512);
  const task: TaskSpec = {
    name: `${desired.name}-${broker.id}`,
    taskId,
    agentId: input.agent.agentId,
    resources: fit.taskResources,
    executor: {
      executorId: taskId,
      resources: fit.executorResources,
      command: executorCommand(input.artifacts.executor, node),
      uris: [
        { ...input.artifacts.executor, outputFile: bundleName, executable: false, extract: false },
        ...(node.path === undefined
          ? [{ ...fetched, outputFile: runtimeName, executable: true, extract: false }]
          : []),
      ],
      ...(broker.user === undefined ? {} : { user: broker.user }),
      environment: {},
      shutdownGraceMs: broker.stopGraceMs + killMarginMs,
    },
    data: JSON.stringify(launch),
    labels: taskLabels({
      framework: input.frameworkName,
      cluster: desired.name,
      broker: broker.id,
      incarnation: placement.incarnation,
      clusterId: cluster.clusterId,
      voters: cluster.voters,
      placement,
      launches,
      settings: publicSettings(startedWith),
      ...(input.record.dynamicConfig === undefined
        ? {}
        : { dynamicConfig: publicDynamic(input.record.dynamicConfig) }),
    }),
    killGraceMs: broker.stopGraceMs,
    discovery: {
      name: `${desired.name}-${broker.id}`,
      ports: Object.entries(placement.ports).map(([name, number]) => ({ name, number })),
    },
  };
  const {
    retryAtMs: _due,
    stickyUntilMs: _over,
    wantedSinceMs: _wanted,
    growth: _tried,
    ...kept
  } = input.record;
  const growth = growthAfterStart(input.record, broker, placement, input.revision, input);
  const superseded =
    input.record.task === undefined
      ? input.record.superseded
      : [
          ...input.record.superseded,
          { taskId: input.record.task.taskId, agentId: input.record.task.agentId },
        ];
  return {
    record: {
      ...kept,
      placement,
      launches,
      ...(growth === undefined ? {} : { growth }),
      ...(input.record.task?.seen === false ? { unstarted: (input.record.unstarted ?? 0) + 1 } : {}),
      superseded,
      task: {
        taskId,
        agentId: input.agent.agentId,
        launchedAtMs: input.nowMs,
        state: 'TASK_STAGING',
        stateSinceMs: input.nowMs,
        seen: false,
        revision: input.revision,
        startedWith,
      },
    },
    call: {
      kind: 'accept',
      offerIds: input.agent.offerIds,
      operations: [...fit.operations, { kind: 'launch', task }],
      refuseSeconds: 1,
    },
  };
}

function modeOf({ record, finds }: LaunchInput, isVoter: boolean): StorageMode {
  if (finds === true) {
    return 'find';
  }
  return record.formatted ? 'expect' : isVoter ? 'form' : 'join';
}

function brokerLaunch(input: LaunchInput, placement: Placement, mode: StorageMode): BrokerLaunch {
  const { desired, broker, cluster } = input;
  const listener = (
    name: string,
    wanted: {
      bindHost?: string;
      advertisedHost?: string;
      advertisedPort?: number;
      protocol: LaunchListener['protocol'];
    },
  ): LaunchListener => {
    const port = placement.ports[name] ?? 0;
    return {
      name,
      protocol: wanted.protocol,
      bindHost: wanted.bindHost ?? placement.host,
      port,
      advertisedHost: wanted.advertisedHost ?? placement.host,
      advertisedPort: wanted.advertisedPort ?? port,
    };
  };
  return {
    protocol: executorProtocolVersion,
    clusterName: desired.name,
    clusterId: cluster.clusterId,
    nodeId: broker.id,
    roles: broker.roles,
    kafkaVersion: desired.kafka.version,
    kafka: input.kafka,
    ...(broker.jre === undefined ? {} : { jre: broker.jre }),
    storage: {
      mode,
      volumes: placement.volumes.map(({ name, path, kind }) => ({
        name,
        path,
        ...(kind === 'persistent' ? { persistent: true as const } : {}),
      })),
      initialVoters: cluster.voters.map(({ nodeId, host, port, directoryId }) => ({
        nodeId,
        host,
        port,
        directoryId,
      })),
    },
    bootstrapControllers: cluster.voters.map((v) => formatAddress(v.host, v.port)),
    listeners: broker.listeners.map((l) => listener(l.name, l)),
    ...(broker.controllerListener === undefined
      ? {}
      : { controllerListener: listener(controllerListenerName, broker.controllerListener) }),
    ...(placement.rack === undefined ? {} : { rack: placement.rack }),
    config: { ...broker.derivedConfig, ...broker.config },
    log4j: broker.log4j,
    heapMiB: broker.heapMiB,
    jvmOptions: broker.jvmOptions,
    environment: broker.environment,
    stopGraceMs: broker.stopGraceMs,
  };
}

/** The names in the sandbox, whatever the URIs are called. */
const bundleName = 'kafka-mesos-executor.mjs';
const runtimeName = 'node';

/**
 * Checks the digests of what Mesos fetched before anything of it runs: the fetcher cache never revalidates.
 * `openssl` is tried first because it is the fastest; `sha512sum` is coreutils, `shasum` macOS. A Node that
 * does not run here (too old a C library, another processor) shows before `exec` and ends with a status of
 * its own: there is no executor yet that could say why (`observe/executor-exit.ts` says it).
 */
export function executorCommand(executor: Artifact, node: NodeRuntime): string {
  // One that lies there is the scheduler's own: it runs, or is gone.
  const place = node.path === undefined ? undefined : `'${node.path.replaceAll("'", `'\\''`)}'`;
  const program = place ?? `./${runtimeName}`;
  const fetched = [
    `matches ${bundleName} ${executor.sha512}`,
    ...(place === undefined ? [`matches ${runtimeName} ${node.sha512}`] : []),
  ];
  return [
    `matches() { for tool in 'openssl dgst -sha512 -r' sha512sum 'shasum -a 512'; do case "$($tool "$1" 2>/dev/null)" in "$2"*) return 0;; esac; done; echo "$1: its sha512 is not $2" >&2; return 1; }`,
    `${fetched.join(' && ')} || exit ${commandExits.digestMismatch}`,
    place === undefined
      ? `${program} --version >&2 || exit ${commandExits.runtimeUnusable}`
      : `test -x ${place} || { echo ${place} cannot be run >&2; exit ${commandExits.runtimeUnusable}; }`,
    `exec ${program} ${bundleName}`,
  ].join('\n');
}

/** What each broker's executor costs beside it, for the plan's footer. */
export function executorShare(count: number): {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly count: number;
} {
  return { cpus: executorResources.cpus, memoryMiB: executorResources.memoryMiB, count };
}
