/** One broker of a cluster at a time is restarted or stopped, and only behind the availability gate. */
import type { KafkaObserved } from '../model/kafka.ts';
import type { Source } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { ClusterMemory } from '../model/records.ts';
import { killStep, type Need } from './needs.ts';
import { blockQuorum, blockRestart, isHealthy } from './safety.ts';

type Running = Extract<Need, { kind: 'running' }>;

export type Rollout = { readonly steps: readonly Step[]; readonly held: readonly Held[] };

/** In-sync sets shrink by themselves: a broker is stopped on a reading of the last moment only. */
const freshMs = 3_000;

export function planRollout(
  memory: ClusterMemory,
  needs: readonly Need[],
  kafka: Source<KafkaObserved>,
  nowMs: number,
): Rollout {
  const { desired } = memory.spec;
  const running = needs.filter((n): n is Running => n.kind === 'running');
  const candidates = running.filter((n) => n.drift.length > 0 || n.broker.state === 'stopped');
  if (candidates.length === 0) {
    return { steps: [], held: [] };
  }
  const hold = (need: Running, reason: HeldReason, stalled = false): Held => ({
    clusterName: desired.name,
    brokerId: need.broker.id,
    need: verb(need),
    reason,
    stalled,
  });
  const holdAll = (reason: HeldReason, stalled = false): Rollout => ({
    steps: [],
    held: candidates.map((c) => hold(c, reason, stalled)),
  });

  if (desired.rollout.paused && candidates.every((c) => c.broker.state === 'running')) {
    return holdAll({ kind: 'rollout-paused' });
  }
  if (!kafka.known) {
    return holdAll({ kind: 'kafka-unknown', detail: kafka.why });
  }
  const observed = kafka.value;
  const newestChangeMs = Math.max(...running.map((n) => n.record.task?.stateSinceMs ?? 0));
  if (nowMs - observed.observedAtMs > freshMs) {
    return holdAll({
      kind: 'kafka-unknown',
      detail: 'its last answer is too old to stop a broker on; it is being asked again',
    });
  }
  if (observed.observedAtMs <= newestChangeMs) {
    return holdAll({
      kind: 'kafka-unknown',
      detail: 'the last reading is older than the last change of a broker',
    });
  }

  // A broker that is down or behind holds the lock, unless it is itself the one to restart.
  // One that never ran holds no data and blocks nobody.
  const unsettled = needs.find(
    (n) =>
      (n.kind === 'kill' || n.kind === 'held' || n.kind === 'launch') &&
      (memory.brokers.get(n.broker.id)?.launches ?? 0) > 0,
  );
  const unhealthy = running.filter((n) => !isHealthy(observed, n.broker) && n.broker.state === 'running');
  const ordered = [...candidates].sort(
    (a, b) => rank(a, observed, unhealthy) - rank(b, observed, unhealthy) || a.broker.id - b.broker.id,
  );
  const first = ordered[0];
  if (first === undefined) {
    return { steps: [], held: [] };
  }
  const blocker = unsettled ?? unhealthy.find((n) => n !== first);
  const waitsFor = (id: number, detail: string): HeldReason => ({
    kind: 'waiting-for-roll',
    brokerId: id,
    detail,
  });
  if (blocker !== undefined) {
    return {
      steps: [],
      held: ordered.map((c) => {
        const other = blocker === c ? (unhealthy.find((n) => n !== c) ?? blocker) : blocker;
        return hold(
          c,
          waitsFor(other.broker.id, other.kind === 'running' ? 'is not back in sync' : 'is not running'),
        );
      }),
    };
  }
  const rest = ordered.slice(1).map((c) => hold(c, waitsFor(first.broker.id, 'goes first')));

  const partitions = blockRestart(observed, first.broker.id, desired.rollout);
  if (partitions.length > 0) {
    const needsConsent = partitions.some((p) => p.why.startsWith('it has this replica only'));
    const reason: HeldReason = {
      kind: 'waiting-for-isr',
      partitions: partitions.slice(0, 5).map((p) => `${p.partition}: ${p.why}`),
      more: Math.max(0, partitions.length - 5),
    };
    return { steps: [], held: [hold(first, reason, needsConsent), ...rest] };
  }
  const quorum = blockQuorum(observed, first.broker.id, nowMs);
  if (quorum !== undefined) {
    return { steps: [], held: [hold(first, { kind: 'quorum-at-risk', detail: quorum }), ...rest] };
  }
  const stop = first.broker.state === 'stopped';
  const why = stop ? ['the spec says stopped'] : first.drift;
  return {
    steps: [
      killStep(
        desired,
        first.broker,
        first.record,
        stop ? 'stop' : 'roll',
        why.length === 1 ? (why[0] ?? '') : `${why[0]} and ${why.length - 1} more`,
        why,
        nowMs,
      ),
    ],
    held: rest,
  };
}

/** Unhealthy first (a restart may mend it), the active controller last, else by id. */
function rank(need: Running, kafka: KafkaObserved, unhealthy: readonly Running[]): number {
  if (unhealthy.includes(need)) {
    return 0;
  }
  return kafka.quorum.leaderId === need.broker.id ? 2 : 1;
}

const verb = (need: Running): string =>
  `${need.broker.state === 'stopped' ? 'stop' : 'restart'} broker ${need.broker.id}`;
