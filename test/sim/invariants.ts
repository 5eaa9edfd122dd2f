/** What must hold at every step, whatever happens. Imports nothing of plan/, or both would share the same mistake. */
import type { BrokerLaunch } from '../../src/model/launch.ts';
import type { MesosCall, MesosEvent, TaskSpec } from '../../src/model/mesos.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerRecord, ClusterRecord, EventsRecord } from '../../src/model/records.ts';
import type { Disk, Partition } from './kafka-model.ts';
import {
  brokerRecord,
  brokerRecords,
  isToGo,
  liveStates,
  ownerOf,
  reachableLiveTasks,
  specRecord,
  type Truth,
  terminalStates,
  Violation,
} from './truth.ts';

export type Sender = { readonly number: number; readonly epoch: number };

export type Invariants = {
  /** A call is about to reach the master. */
  arriving(call: MesosCall, sender: Sender): void;
  /** The master answered it. */
  called(call: MesosCall, status: number, sender: Sender): void;
  /** An event was handed to a scheduler. */
  delivered(event: MesosEvent): void;
  /** A record became durable. */
  written(path: string, value: unknown, before: unknown, writer: Sender): void;
  removed(path: string, before: unknown): void;
  formatted(launch: BrokerLaunch, disk: Disk): void;
  lost(partition: Partition, brokerId: number, missing: number): void;
  planned(input: PlanInput, plan: Plan): void;
  /** Once in a while. */
  tick(): void;
  /** When everything is healed and silent. */
  atTheEnd(): void;
};

/**
 * The newest thing that a decision may not know yet: a machine that fell silent is in sync until its session
 * at the controller ends, a reading may be some seconds old, and the call has its way to go.
 */
const observationMs = 14_000;
/** A broker is stopped on a reading of Kafka that may be 3 s old: since then others were fenced, or began to serve. */
const readingMs = 4_000;
/** A call may be so long on its way. */
const wayMs = 2_500;
/** KILLs are repeated at least this often; the way there, and a reconnection. */
const killSilenceMs = 150_000;

/** Why a broker that runs is not stopped just now. */
const gates: ReadonlySet<string> = new Set([
  'waiting-for-isr',
  'waiting-for-roll',
  'quorum-at-risk',
  'kafka-unknown',
  'kafka-slow',
  'rollout-paused',
]);

type Home = { disk: string; agentId: string; aliveAtMs: number; before?: string };

export function createInvariants(truth: Truth): Invariants {
  const formedWith = new Map<string, string>();
  /** By cluster and broker: the disk that it was launched on last, when it was last known to live, and where it was before. */
  const homes = new Map<string, Home>();
  /** Agents of which an operator said that they are lost, disks and all. */
  const goneAgents = new Set<string>();
  const updates = new Map<
    string,
    { readonly taskId: string; readonly state: string; readonly data: string }
  >();
  /** Tasks of which a scheduler was told that they are over. */
  const ended = new Map<string, string>();
  const lastKillMs = new Map<string, number>();
  let gated: ReadonlySet<string> = new Set();
  /** Clusters whose Kafka could not be asked. */
  let unknown: ReadonlySet<string> = new Set();
  let subscribedSinceMs: number | undefined;
  const connectedSinceMs = new Map<string, number>();

  function checkLaunch(task: TaskSpec): void {
    if (task.data === '') return;
    const launch = JSON.parse(task.data) as BrokerLaunch;
    const key = `${launch.clusterName}/${launch.nodeId}`;
    const record = brokerRecord(truth, launch.clusterName, launch.nodeId);
    if (record?.task?.taskId !== task.taskId) {
      throw new Violation(`task ${task.taskId} was launched without a stored intent`);
    }
    const volumes = task.resources.flatMap((r) => r.disk?.volume?.persistenceId ?? []).sort();
    const known = new Set((record.placement?.volumes ?? []).flatMap((v) => v.persistenceId ?? []));
    const foreign = volumes.find((id) => !known.has(id));
    if (foreign !== undefined) throw new Violation(`volume ${foreign} is used without a stored intent`);
    const disk = volumes.join(' ');
    const home = homes.get(key);
    if (home !== undefined && home.disk !== disk) {
      if (home.before === disk) checkReturn(launch, home, volumes);
      else checkRelocation(launch, home);
    }
    // Whoever cannot ask Kafka starts it on its own disk: Kafka refuses it as long as another process of it serves.
    if (home?.disk !== disk || !unknown.has(launch.clusterName)) checkOlderInstances(launch, task.taskId);
    const before = home?.disk === disk ? home.before : home?.disk;
    homes.set(key, {
      disk,
      agentId: task.agentId,
      aliveAtMs: truth.nowMs(),
      ...(before === undefined ? {} : { before }),
    });
  }

  /** An older process of the broker that is in touch with its controller could still serve. */
  function checkOlderInstances(launch: BrokerLaunch, taskId: string): void {
    const kafka = truth.kafkaOf(launch.clusterName);
    if (kafka === undefined) return;
    for (const executor of truth.cluster.executors()) {
      const instance = executor.instance();
      if (instance?.brokerId !== launch.nodeId || instance.launch.clusterId !== launch.clusterId) continue;
      if (instance.taskId !== taskId && kafka.servesForMs(instance) > observationMs) {
        throw new Violation(
          `two live tasks for broker ${launch.nodeId}: ${instance.taskId} serves and ${taskId} is launched`,
        );
      }
    }
  }

  /** Back on the disk that it left: what only this broker has must be on that one, and not where it was to go. */
  function checkReturn(launch: BrokerLaunch, home: Home, volumes: readonly string[]): void {
    const disks = volumes.map((id) => truth.cluster.diskOf(id));
    const kafka = truth.kafkaOf(launch.clusterName);
    for (const { name, isr, acked } of kafka?.partitions() ?? []) {
      const others = isr.filter((id) => id !== launch.nodeId);
      const isLast =
        isr.includes(launch.nodeId) &&
        !others.some((id) => kafka?.wasAliveWithin(id, observationMs) === true);
      if (isLast && !disks.some((disk) => (disk?.logs.get(name) ?? 0) >= acked)) {
        throw new Violation(
          `broker ${launch.nodeId} went back from ${home.agentId}, and has the last whole copy of ${name} there`,
        );
      }
    }
  }

  /** Places that were chosen because somebody asked for a replacement, taken back meanwhile or not. */
  const askedFor = new Set<string>();

  function checkRelocation(launch: BrokerLaunch, home: Home): void {
    const who = `broker ${launch.nodeId} was relocated from ${home.agentId}`;
    const kafka = truth.kafkaOf(launch.clusterName);
    if (kafka?.isVoter(launch.nodeId) === true)
      throw new Violation(`${who}, and it is a voter of the quorum`);
    const spec = specRecord(truth, launch.clusterName)?.desired.brokers.find((b) => b.id === launch.nodeId);
    const sinceMs = truth.nowMs() - home.aliveAtMs;
    // The loop's clock may go a tenth faster, back to a wall clock that was set.
    const isTooEarly = spec !== undefined && sinceMs < spec.stickinessPeriodMs * 0.89;
    const { intent, placement } = brokerRecord(truth, launch.clusterName, launch.nodeId) ?? {};
    const isAskedFor = intent?.kind === 'replace' || askedFor.has(placement?.incarnation ?? '');
    if (isTooEarly && !isAskedFor && !goneAgents.has(home.agentId)) {
      throw new Violation(
        `${who} inside its stickiness period: ${Math.round(sinceMs / 1000)} s of ${spec.stickinessPeriodMs / 1000} s`,
      );
    }
    for (const partition of kafka?.partitions() ?? []) {
      const isHost = partition.isr.includes(launch.nodeId);
      const others = partition.isr.filter((id) => id !== launch.nodeId);
      if (isHost && !others.some((id) => kafka?.wasAliveWithin(id, observationMs) === true)) {
        throw new Violation(`${who}, and it has the last in-sync replica of ${partition.name}`);
      }
    }
  }

  function checkAcknowledgement(taskId: string, uuid: string): void {
    const update = updates.get(uuid);
    if (update === undefined) throw new Violation(`an update that never came was acknowledged: ${taskId}`);
    const record = ownerOf(truth, update.taskId);
    const said = `${update.state} of ${update.taskId} was acknowledged before it was stored`;
    // A format on which no replica was ever kept is one to forget.
    const isFormatted = update.data.includes('"formatted":true') && !update.data.includes('"never-used"');
    if (record === undefined) {
      // An end that the master told before is no reason to forget what its executor had said.
      const after = brokerRecords(truth).find((r) => r.last?.taskId === update.taskId);
      const { placement, last, formatted } = after ?? {};
      const wasThere =
        last !== undefined && placement?.agentId === last.agentId && placement.boundAtMs <= last.endedAtMs;
      if (isFormatted && wasThere && formatted !== true) throw new Violation(said);
      return;
    }
    if (terminalStates.has(update.state)) throw new Violation(said);
    const { task } = record;
    if (task?.taskId !== update.taskId) return;
    const rank = (state: string): number => liveStates.indexOf(state);
    if (rank(task.state) < rank(update.state)) throw new Violation(said);
    if (isFormatted && !record.formatted) throw new Violation(said);
  }

  function checkKill(taskId: string): void {
    const record = brokerRecords(truth).find((r) => r.task?.taskId === taskId);
    if (record === undefined) return;
    const { kill, state } = record.task ?? {};
    if (kill === undefined) throw new Violation(`task ${taskId} was killed without a stored intent`);
    // On its way down already, whoever began it: a drain asks nobody.
    if (state === 'TASK_KILLING' || isToGo(truth, record.clusterName)) return;
    const kafka = truth.kafkaOf(record.clusterName);
    if (kill.cause !== 'roll' || kafka?.wasAliveWithin(record.id, 0) !== true) return;
    const instance = truth.cluster
      .executors()
      .find((e) => e.taskId() === taskId)
      ?.instance();
    const servesForMs = instance === undefined ? 0 : kafka.servesForMs(instance);
    if (state !== 'TASK_RUNNING' && servesForMs < readingMs) return;
    for (const partition of kafka.partitions()) {
      const left = partition.replicas.filter((id) => {
        const droppedAtMs = partition.droppedAtMs.get(id) ?? Number.NEGATIVE_INFINITY;
        const isInSync = partition.isr.includes(id) || truth.nowMs() - droppedAtMs < readingMs + wayMs;
        return id !== record.id && isInSync && kafka.wasAliveWithin(id, observationMs);
      }).length;
      const minIsr = kafka.minIsr(partition.topic);
      if (partition.isr.includes(record.id) && partition.replicas.length > minIsr && left < minIsr) {
        throw new Violation(
          `restart of broker ${record.id} takes ${partition.name} below min ISR (${left} left of ${minIsr})`,
        );
      }
    }
  }

  function checkKillsRepeated(): void {
    const nowMs = truth.nowMs();
    const reachable = new Map(reachableLiveTasks(truth).map((t) => [t.taskId, t.agentName]));
    for (const agentName of truth.cluster.agentNames) {
      const agentId = truth.cluster.agentIdOf(agentName);
      const connected = agentId !== undefined && truth.cluster.state.agents[agentId]?.connected === true;
      if (!connected) connectedSinceMs.delete(agentName);
      else if (!connectedSinceMs.has(agentName)) connectedSinceMs.set(agentName, nowMs);
    }
    if (subscribedSinceMs === undefined) return;
    for (const { clusterName, id, task } of brokerRecords(truth)) {
      if (task?.kill === undefined || task.unreachableSinceMs !== undefined) continue;
      const agentName = reachable.get(task.taskId);
      if (agentName === undefined) continue;
      // Held for the sake of the others: it may wait for them as long as they take.
      if (gated.has(`${clusterName}/${id}`)) lastKillMs.set(task.taskId, nowMs);
      const sinceMs = Math.max(
        task.kill.atMs,
        subscribedSinceMs,
        lastKillMs.get(task.taskId) ?? 0,
        connectedSinceMs.get(agentName) ?? nowMs,
      );
      if (nowMs - sinceMs > killSilenceMs) throw new Violation(`the kill of ${task.taskId} was forgotten`);
    }
  }

  /** What people were told comes in one order, whoever leads. */
  function checkEvents(path: string, is: EventsRecord, was: EventsRecord | undefined): void {
    const seqs = is.events.map((e) => e.seq);
    if (seqs.some((seq, at) => at > 0 && seq <= (seqs[at - 1] ?? 0))) {
      throw new Violation(`${path} is out of order: ${seqs.join(', ')}`);
    }
    if ((seqs.at(-1) ?? 0) < (was?.events.at(-1)?.seq ?? 0)) throw new Violation(`${path} went back in time`);
    if (seqs.length > 200) throw new Violation(`${path} has ${seqs.length} events`);
  }

  return {
    arriving(call) {
      if (call.kind === 'accept') {
        for (const operation of call.operations) if (operation.kind === 'launch') checkLaunch(operation.task);
      } else if (call.kind === 'acknowledge') {
        checkAcknowledgement(call.taskId, call.uuid);
      } else if (call.kind === 'kill') {
        lastKillMs.set(call.taskId, truth.nowMs());
        checkKill(call.taskId);
      }
    },
    called(call, status, { number, epoch }) {
      // Without an election what was stored before the fence may still be sent: the next one reads of it.
      if (truth.hasElection && status === 202 && epoch < truth.newestEpoch()) {
        throw new Violation(
          `${call.kind} of scheduler ${number} (epoch ${epoch}) was accepted after epoch ${truth.newestEpoch()} began`,
        );
      }
    },
    delivered(event) {
      if (event.kind === 'subscribed') subscribedSinceMs = truth.nowMs();
      if (event.kind === 'disconnected') subscribedSinceMs = undefined;
      if (event.kind !== 'update') return;
      const { taskId, state, uuid, agentId, data = '' } = event.update;
      if (state === 'TASK_GONE_BY_OPERATOR' && agentId !== undefined) goneAgents.add(agentId);
      if (uuid !== undefined) updates.set(uuid, { taskId, state, data });
      if (terminalStates.has(state)) ended.set(taskId, state);
      const record = ownerOf(truth, taskId);
      if (record?.task?.taskId !== taskId || !liveStates.includes(state)) return;
      const home = homes.get(`${record.clusterName}/${record.id}`);
      if (home !== undefined) home.aliveAtMs = truth.nowMs();
    },
    written(path, value, before, { number, epoch }) {
      if (epoch < truth.newestEpoch()) {
        throw new Violation(
          `scheduler ${number} (epoch ${epoch}) wrote ${path} after epoch ${truth.newestEpoch()} began`,
        );
      }
      if (/(^|\/)events$/.test(path))
        checkEvents(path, value as EventsRecord, before as EventsRecord | undefined);
      if (!path.includes('/brokers/') || before === undefined) return;
      const was = before as BrokerRecord;
      const is = value as BrokerRecord;
      if (is.placement !== undefined && is.placement.incarnation !== was.placement?.incarnation) {
        if (was.intent?.kind === 'replace') askedFor.add(is.placement.incarnation);
      }
      const isWanted = specRecord(truth, is.clusterName)?.desired.brokers.some((b) => b.id === is.id);
      // One that left the spec has given up its place; when it is wanted again, it begins anew.
      if (isWanted !== true && is.placement === undefined) homes.delete(`${is.clusterName}/${is.id}`);
      const kept = new Set([is.task?.taskId, ...is.superseded.map((s) => s.taskId)]);
      for (const taskId of [was.task?.taskId, ...was.superseded.map((s) => s.taskId)]) {
        if (taskId !== undefined && !kept.has(taskId) && !ended.has(taskId)) {
          throw new Violation(`task ${taskId} was dropped from ${path}, and nobody said that it ended`);
        }
      }
    },
    removed(path, before) {
      if (path.includes('/brokers/')) {
        const { clusterName, id } = before as BrokerRecord;
        homes.delete(`${clusterName}/${id}`);
      }
      if (!path.endsWith('/cluster')) return;
      // One that was destroyed may be formed anew under its name.
      const { name } = before as ClusterRecord;
      formedWith.delete(name);
      for (const key of [...homes.keys()]) if (key.startsWith(`${name}/`)) homes.delete(key);
    },
    formatted(launch, disk) {
      const known = formedWith.get(launch.clusterName);
      if (known !== undefined && known !== launch.clusterId) {
        throw new Violation(
          `cluster ${launch.clusterName} was formed twice: ${known} and ${launch.clusterId}`,
        );
      }
      formedWith.set(launch.clusterName, launch.clusterId);
      if (disk.clusterId !== undefined) {
        throw new Violation(`a formatted disk of broker ${launch.nodeId} was formatted again`);
      }
    },
    lost(partition, brokerId, missing) {
      throw new Violation(
        `${partition.name} lost ${missing} acknowledged writes: broker ${brokerId} leads it without them`,
      );
    },
    planned({ kafka }, plan) {
      unknown = new Set([...kafka].flatMap(([name, { known }]) => (known ? [] : [name])));
      gated = new Set(
        plan.held.flatMap((h) => (gates.has(h.reason.kind) ? [`${h.clusterName}/${h.brokerId}`] : [])),
      );
    },
    tick: checkKillsRepeated,
    atTheEnd() {
      for (const { taskId } of reachableLiveTasks(truth)) {
        if (ownerOf(truth, taskId)?.task?.taskId !== taskId) {
          throw new Violation(`task ${taskId} lives on, and no record has it`);
        }
      }
    },
  };
}
