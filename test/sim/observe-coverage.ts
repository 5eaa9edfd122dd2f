/** Sees the scenarios of `coverage.ts` pass at the ports. Decides nothing, and knows nothing of how the loop is made. */
import type { BrokerLaunch } from '../../src/model/launch.ts';
import type { MesosCall, MesosEvent, TaskUpdate } from '../../src/model/mesos.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerIntent, BrokerRecord, FrameworkRecord } from '../../src/model/records.ts';
import { recordPaths } from '../../src/model/store.ts';
import type { IntentEnd } from './check-intents.ts';
import type { Coverage } from './coverage.ts';
import { brokerRecords, ownerOf, specRecord, type Truth, terminalStates } from './truth.ts';

export type CoverageWatch = {
  arriving(call: MesosCall, processNumber: number): void;
  swallowed(call: MesosCall): void;
  delivered(event: MesosEvent, processNumber: number): void;
  written(path: string, value: unknown, before: unknown): void;
  removed(path: string, before: unknown): void;
  /** A broker, from its Kafka. */
  unregistered(): void;
  intentEnded(intent: BrokerIntent, how: IntentEnd): void;
  intentRefused(): void;
  /** A volume, by its agent. */
  destroyed(): void;
  planned(input: PlanInput, plan: Plan): void;
  /** A scheduler's process is gone without having said so. */
  crashed(processNumber: number): void;
  ended(code: string): void;
  rebooted(agentName: string): void;
  clockJumped(): void;
};

type Launched = { readonly key: string; readonly by: number; heardOf: boolean; orphaned: boolean };

export function createCoverageWatch({ saw }: Coverage, truth: Truth): CoverageWatch {
  const launched = new Map<string, Launched>();
  const swallowed = new Map<string, { readonly key: string; asked: boolean }>();
  const acknowledged = new Set<string>();
  const killed = new Set<string>();
  const homes = new Map<string, { readonly disk: string; readonly agentId: string }>();
  const unreachable = new Set<string>();
  const rebooted = new Set<string>();
  const lostTasks = new Set<string>();
  const returned = new Set<string>();
  const unmade = new Set<string>();
  const inHand = new Map<number, Set<string>>();
  const rescinded = new Set<string>();
  const silent = new Set<string>();
  /** Records of clusters that are no more. */
  const destroyed = new Set<string>();
  const operationsHeard: string[] = [];
  /** Who asked for something that was not done yet when a scheduler died. */
  const crashedOver = new Set<string>();
  let failure: { readonly agentId: string; readonly updated: Set<string> } | undefined;

  function launch(call: Extract<MesosCall, { kind: 'accept' }>, by: number): void {
    const reserves = call.operations.some((o) => o.kind === 'reserve');
    for (const operation of call.operations) {
      if (operation.kind === 'reserve') {
        const labels = operation.resources.flatMap((r) => r.reservations.map((v) => v.labels));
        if (labels.every((l) => l.framework && l.cluster && l.broker && l.incarnation)) saw(18);
      } else if (operation.kind === 'create') {
        const { volumes } = operation;
        saw(20, 'made');
        if (volumes.some((v) => v.disk?.source.kind === 'mount')) saw(21, 'whole');
        const again = volumes.some((v) => unmade.has(v.disk?.volume?.persistenceId ?? ''));
        const disk = call.operations.some(
          (o) => o.kind === 'reserve' && o.resources.some((r) => r.name === 'disk'),
        );
        if (again && !(reserves && disk)) saw(19);
      } else if (operation.kind === 'unreserve') {
        saw(20, 'unreserved');
      } else if (operation.kind === 'launch') {
        const { task } = operation;
        const { clusterName, nodeId } = JSON.parse(task.data) as BrokerLaunch;
        const key = `${clusterName}/${nodeId}`;
        noteHome(
          key,
          task.agentId,
          task.resources.flatMap((r) => r.disk?.volume?.persistenceId ?? []).join(' '),
        );
        for (const other of swallowed.values()) if (other.key === key && other.asked) saw(2);
        launched.set(task.taskId, { key, by, heardOf: false, orphaned: false });
        noteBackoff(clusterName, nodeId);
      }
    }
  }
  function noteHome(key: string, agentId: string, disk: string): void {
    const before = homes.get(key);
    const name = truth.cluster.state.agents[agentId]?.name ?? '';
    if (before !== undefined && before.disk !== disk && unreachable.has(key)) {
      saw(7, 'relocated');
      saw(38, 'after its time');
    }
    if (before?.disk === disk && before.agentId !== agentId) saw(11, 'another id');
    if (before?.disk === disk && before.agentId === agentId && rebooted.delete(name)) saw(11, 'same id');
    unreachable.delete(key);
    homes.set(key, { disk, agentId });
  }
  function noteBackoff(clusterName: string, nodeId: number): void {
    const record = brokerRecords(truth).find((r) => r.clusterName === clusterName && r.id === nodeId);
    const policy = specRecord(truth, clusterName)?.desired.brokers.find((b) => b.id === nodeId)?.failover;
    if (record?.last === undefined || policy === undefined || record.failures < 3) return;
    const waitedMs = truth.nowMs() - record.last.endedAtMs;
    if (waitedMs >= Math.min(policy.maxDelayMs, policy.delayMs * 2 ** (record.failures - 2))) saw(28);
  }

  function reconcile(
    tasks: readonly { readonly taskId: string; readonly agentId?: string }[],
    by: number,
  ): void {
    saw(4, tasks.length === 0 ? 'all' : 'by name');
    for (const { taskId, agentId } of tasks) {
      const before = launched.get(taskId);
      if (before?.orphaned === true && before.by !== by) saw(1);
      const lost = swallowed.get(taskId);
      if (lost !== undefined) lost.asked = true;
      if (failure !== undefined && failure.agentId === agentId && !failure.updated.has(taskId)) saw(9);
      if (agentId !== undefined && isRecovered(truth, agentId)) silent.add(taskId);
    }
  }

  function updated(update: TaskUpdate): void {
    const { taskId, state, reason } = update;
    const owner = ownerOf(truth, taskId);
    const isCurrent = owner?.task?.taskId === taskId;
    const key = owner === undefined ? '' : `${owner.clusterName}/${owner.id}`;
    const before = launched.get(taskId);
    if (before !== undefined) before.heardOf = true;
    failure?.updated.add(taskId);
    if (silent.delete(taskId)) saw(5);
    if (reason === 'RECONCILIATION') {
      const part = state.replace('TASK_', '');
      saw(6, ['GONE', 'UNREACHABLE', 'GONE_BY_OPERATOR', 'UNKNOWN'].includes(part) ? part : 'latest');
    }
    if (isCurrent && (state === 'TASK_UNREACHABLE' || state === 'TASK_LOST')) unreachable.add(key);
    if (isCurrent && state === 'TASK_LOST' && reason === 'AGENT_REMOVED') lostTasks.add(taskId);
    if (reason === 'AGENT_REREGISTERED' && state === 'TASK_RUNNING') {
      if (isCurrent) saw(8, 'kept');
      else returned.add(taskId);
    }
    if (state === 'TASK_DROPPED' && reason === 'INVALID_OFFERS') saw(14, 'crosses');
  }

  /** What a broker left behind, and what became of it. */
  function notePlace(is: BrokerRecord, was: BrokerRecord | undefined): void {
    const known = new Set((was?.leftBehind ?? []).map((l) => l.incarnation));
    for (const { incarnation } of is.leftBehind ?? []) if (!known.delete(incarnation)) saw(20, 'left');
    for (const incarnation of known) {
      saw(20, 'forgotten');
      if (!operationsHeard.some((id) => id.includes(incarnation))) saw(22, 'not heard');
    }
    if (is.intent?.kind === 'stop' && is.task === undefined && was?.task !== undefined) saw('asked', 'stop');
  }
  /** A volume on its way to the size that is wanted. */
  function noteGrowth({ growth, placement }: BrokerRecord, was: BrokerRecord | undefined): void {
    if (growth !== undefined && was?.growth?.revision !== growth.revision) saw(21, 'reserved');
    if (growth !== undefined && growth.attempts > 1 && growth.attempts !== was?.growth?.attempts) {
      saw(21, 'tried again');
    }
    if (growth?.isOver === true && was?.growth?.isOver !== true) saw(21, 'given up');
    for (const { persistenceId, sizeMiB } of placement?.volumes ?? []) {
      const before = was?.placement?.volumes.find((v) => v.persistenceId === persistenceId);
      if (persistenceId !== undefined && before !== undefined && before.sizeMiB < sizeMiB) saw(21, 'grown');
    }
  }
  function noteWhole({ clusterName, task }: BrokerRecord): void {
    const all = brokerRecords(truth);
    const ofIt = all.filter((r) => r.clusterName === clusterName);
    if (
      specRecord(truth, clusterName)?.desired.deletion === 'keepData' &&
      ofIt.every((r) => r.task === undefined)
    ) {
      saw(40, 'data kept');
    }
    const runsBeside = all.some((r) => r.clusterName !== clusterName && r.task?.state === 'TASK_RUNNING');
    if (runsBeside && task?.state === 'TASK_RUNNING') saw('beside');
  }

  return {
    arriving(call, by) {
      switch (call.kind) {
        case 'acknowledge-operation':
          return saw(22, 'acknowledged');
        case 'reconcile-operations':
          return saw(22, 'asked');
        case 'accept':
          for (const id of call.offerIds) inHand.get(by)?.delete(id);
          return launch(call, by);
        case 'decline':
          for (const id of call.offerIds) inHand.get(by)?.delete(id);
          return saw(17, 'decline');
        case 'answer-inverse-offer':
          return saw(23);
        case 'revive':
        case 'suppress':
          return saw(17, call.kind);
        case 'reconcile-tasks':
          return reconcile(call.tasks, by);
        case 'acknowledge':
          if (acknowledged.has(call.uuid)) saw(3, 'repeated');
          acknowledged.add(call.uuid);
          if (ownerOf(truth, call.taskId) === undefined) saw(3, 'unknown task');
          return;
        case 'kill': {
          const owner = ownerOf(truth, call.taskId);
          if (owner === undefined) saw(4, 'stranger killed');
          if (returned.has(call.taskId)) saw(8, 'killed');
          if (killed.has(call.taskId)) saw(25, 'repeated');
          killed.add(call.taskId);
          const state = owner?.task?.taskId === call.taskId ? owner.task.state : undefined;
          if (state === 'TASK_STAGING' || state === 'TASK_STARTING') saw(25, 'while starting');
          return;
        }
        default:
          return;
      }
    },
    swallowed(call) {
      if (call.kind !== 'accept') return;
      for (const operation of call.operations) {
        if (operation.kind !== 'launch') continue;
        const { clusterName, nodeId } = JSON.parse(operation.task.data) as BrokerLaunch;
        swallowed.set(operation.task.taskId, { key: `${clusterName}/${nodeId}`, asked: false });
      }
    },
    delivered(event, processNumber) {
      switch (event.kind) {
        case 'offers': {
          const mine = inHand.get(processNumber) ?? new Set();
          for (const offer of event.offers) {
            mine.add(offer.id);
            if (rescinded.has(offer.id)) saw(14, 'overtakes');
          }
          inHand.set(processNumber, mine);
          return;
        }
        case 'rescind':
          rescinded.add(event.offerId);
          inHand.get(processNumber)?.delete(event.offerId);
          return;
        case 'disconnected':
          if ((inHand.get(processNumber)?.size ?? 0) > 0) saw(13);
          inHand.delete(processNumber);
          return;
        case 'failure':
          if (event.executorId !== undefined) saw(26);
          else if (event.agentId !== undefined) failure = { agentId: event.agentId, updated: new Set() };
          return;
        case 'update':
          return updated(event.update);
        case 'operation':
          operationsHeard.push(event.update.operationId);
          if (event.update.state === 'refused' || event.update.state === 'dropped') saw(22, 'not done');
          return;
        default:
          return;
      }
    },
    written(path, value, before) {
      if (path.endsWith('/cluster') && destroyed.delete(path)) saw(40, 'formed anew');
      if (path === recordPaths.framework) {
        const wasRemoved = (before as FrameworkRecord | undefined)?.removed !== undefined;
        if (wasRemoved && (value as FrameworkRecord).removed === undefined) saw(16, 'registered anew');
      }
      if (!path.includes('/brokers/')) return;
      const is = value as BrokerRecord;
      const was = before as BrokerRecord | undefined;
      notePlace(is, was);
      noteGrowth(is, was);
      noteWhole(is);
      const { last } = is;
      if (last !== undefined && last.taskId !== was?.last?.taskId && terminalStates.has(last.state)) {
        const part = last.state.replace('TASK_', '');
        if (['DROPPED', 'ERROR', 'GONE_BY_OPERATOR'].includes(part)) saw(12, part);
        if (last.state === 'TASK_ERROR') {
          for (const volume of is.placement?.volumes ?? []) unmade.add(volume.persistenceId ?? '');
        }
        if (last.reason === 'AGENT_DRAINING' && is.failures === (was?.failures ?? 0)) saw(24);
      }
      const { task } = is;
      if (task?.unreachableSinceMs !== undefined && was?.task?.unreachableSinceMs === undefined) {
        if (lostTasks.has(task.taskId)) saw(10);
      }
    },
    removed(path, before) {
      if (path.endsWith('/cluster')) {
        saw(40, 'destroyed');
        destroyed.add(path);
      } else if (path.includes('/brokers/')) {
        const { clusterName } = before as BrokerRecord;
        if (specRecord(truth, clusterName)?.desired.deletion === undefined) saw(37, 'record removed');
      }
    },
    unregistered: () => saw(37, 'unregistered'),
    destroyed: () => saw(20, 'destroyed'),
    intentEnded({ kind, author }, how) {
      if (how === 'done') saw('asked', kind);
      else saw('asked', how);
      if (how === 'done' && kind === 'replace') saw(38, 'asked for');
      if (crashedOver.delete(author)) saw('asked', 'over a crash');
    },
    intentRefused: () => saw('asked', 'refused'),
    planned(_input, plan) {
      const launches = plan.steps.filter(
        ({ action }) => action.kind === 'broker' && action.call?.kind === 'accept',
      );
      if (launches.length > 1) saw(29, 'several');
      for (const { reason, clusterName, brokerId } of plan.held) {
        if (reason.kind === 'no-matching-offer' && reason.rejections.some((r) => r.reasons.length > 0)) {
          saw(29, 'told why');
        }
        if (reason.kind === 'agent-unreachable') saw(7, 'waits');
        if (reason.kind === 'relocation-unsafe' && servesOutOfReach(truth, clusterName, brokerId)) {
          saw(7, 'not while it serves');
        }
        if (reason.kind === 'paused-by-operator') saw('asked', 'pause');
      }
    },
    crashed(processNumber) {
      for (const { intent } of brokerRecords(truth)) if (intent !== undefined) crashedOver.add(intent.author);
      for (const one of launched.values()) {
        if (one.by === processNumber && !one.heardOf) one.orphaned = true;
      }
    },
    ended(code) {
      if (code === 'KM_CONFLICT_FENCED') saw(15, 'fenced');
      if (code === 'KM_CONFLICT_FAILED_OVER') saw(15, 'failed over');
      if (code === 'KM_CONFLICT_LEADERSHIP_LOST') saw(15, 'session');
      if (code === 'KM_CONFLICT_FRAMEWORK_LOST') saw(16, 'framework id lost');
      if (code === 'KM_CONFLICT_FRAMEWORK_REMOVED') saw(16, 'framework removed');
    },
    rebooted: (agentName) => void rebooted.add(agentName),
    clockJumped() {
      const nowMs = truth.nowMs();
      const waits = brokerRecords(truth).some(
        (r) =>
          r.task?.unreachableSinceMs !== undefined ||
          (r.task === undefined && r.stickyUntilMs !== undefined && r.stickyUntilMs > nowMs),
      );
      if (waits) saw(27);
    },
  };
}

/** Mesos cannot reach its task, and Kafka's controller is in touch with its process. */
function servesOutOfReach(truth: Truth, clusterName: string, brokerId: number | undefined): boolean {
  const record = brokerRecords(truth).find((r) => r.clusterName === clusterName && r.id === brokerId);
  const kafka = truth.kafkaOf(clusterName);
  if (record?.task?.unreachableSinceMs === undefined || kafka === undefined) return false;
  const { taskId } = record.task;
  const instance = truth.cluster
    .executors()
    .find((executor) => executor.taskId() === taskId)
    ?.instance();
  return instance !== undefined && kafka.servesForMs(instance) > 0;
}

/** The master knows of the agent from its registry only, and says nothing of its tasks. */
function isRecovered({ cluster: { state } }: Truth, agentId: string): boolean {
  const { recoveredAgents = {} } = state as { readonly recoveredAgents?: Readonly<Record<string, unknown>> };
  return recoveredAgents[agentId] !== undefined;
}
