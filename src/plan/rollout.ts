/** One broker of a cluster at a time is restarted or stopped, and only behind the availability gate or by consent. */
import type { KafkaObserved } from '../model/kafka.ts';
import type { Moment, Source } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { ClusterMemory } from '../model/records.ts';
import { whyStopped } from './intents.ts';
import { killStep, summariseWhy } from './kill.ts';
import type { Need } from './need.ts';
import { stoppingForGood } from './removal.ts';
import { isHealthy } from './safety.ts';
import { blockStop, blockWithoutKafka, readingToStopOn } from './stop-gate.ts';
import { heldWithoutKafka, isConsentedWithoutKafka, type SilentKafka } from './without-kafka.ts';

type Running = Extract<Need, { kind: 'running' }>;

export type Rollout = { readonly steps: readonly Step[]; readonly held: readonly Held[] };

export function planRollout(
  memory: ClusterMemory,
  needs: readonly Need[],
  kafka: Source<KafkaObserved>,
  moment: Moment,
): Rollout {
  const { desired } = memory.spec;
  const running = needs.filter((n): n is Running => n.kind === 'running');
  const differing = running.filter((n) => n.drift.length > 0 || n.broker.state === 'stopped');
  const { paused } = desired.rollout;
  // A stop needs no start after it; a pause is about changed settings only.
  const isBarred = (n: Running): boolean =>
    n.barred?.reason.kind === 'paused-by-operator' ||
    (n.broker.state === 'running' && (paused || n.barred !== undefined));
  const candidates = differing.filter((n) => !isBarred(n));
  const barred = differing.filter(isBarred).map((n): Held => {
    const reason = n.barred ?? { reason: { kind: 'rollout-paused' as const }, stalled: false };
    return { clusterName: desired.name, brokerId: n.broker.id, need: verb(n), ...reason };
  });
  const made = planCandidates(memory, needs, running, candidates, kafka, moment);
  return { steps: made.steps, held: [...barred, ...made.held] };
}

function planCandidates(
  memory: ClusterMemory,
  needs: readonly Need[],
  running: readonly Running[],
  candidates: readonly Running[],
  kafka: Source<KafkaObserved>,
  moment: Moment,
): Rollout {
  const { desired } = memory.spec;
  const { nowMs } = moment;
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

  if (!kafka.known) {
    return planConsented(memory, needs, candidates, kafka, moment, hold);
  }
  const observed = readingToStopOn(memory, kafka, nowMs);
  if ('reason' in observed) {
    return holdAll(observed.reason, observed.stalled);
  }

  const leaving = stoppingForGood(memory);
  if (leaving !== undefined) {
    return holdAll({ kind: 'waiting-for-roll', brokerId: leaving.id, detail: 'is being removed' });
  }
  // A broker that is down or behind holds the lock, unless it is itself the one to restart.
  // One that never ran holds no data and blocks nobody.
  const unsettled = needs.find(
    (n) =>
      (n.kind === 'step' || n.kind === 'held' || n.kind === 'launch') &&
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
  // Of several that lag, each may need just this restart; one that had it and lags still wants none, and blocks.
  const mayMend = (n: Running): boolean => unhealthy.includes(first) && candidates.includes(n);
  const blocker = unsettled ?? unhealthy.find((n) => n !== first && !mayMend(n));
  if (blocker !== undefined) {
    return {
      steps: [],
      held: ordered.map((c) => {
        if (c === blocker) return hold(c, waitsFor(first.broker.id, 'goes first'));
        const detail = blocker.kind === 'running' ? 'is not back in sync' : 'is not running';
        return hold(c, waitsFor(blocker.broker.id, detail));
      }),
    };
  }
  const rest = ordered.slice(1).map((c) => hold(c, waitsFor(first.broker.id, 'goes first')));

  const blocked = blockStop(memory, first.broker, first.record, observed, moment);
  if (blocked !== undefined) {
    return { steps: [], held: [hold(first, blocked.reason, blocked.stalled), ...rest] };
  }
  return { steps: [stopStep(memory, first, nowMs)], held: rest };
}

/** Where Kafka cannot be asked: one of those that an operator has consented for, and none beside a start that is stopped. */
function planConsented(
  memory: ClusterMemory,
  needs: readonly Need[],
  candidates: readonly Running[],
  kafka: SilentKafka,
  moment: Moment,
  hold: (need: Running, reason: HeldReason, stalled?: boolean) => Held,
): Rollout {
  const { nowMs } = moment;
  const orderedFirst = ({ record }: Running): number => (record.task?.kill === undefined ? 1 : 0);
  const isConsented = ({ record }: Running): boolean => isConsentedWithoutKafka(record, nowMs);
  const [first] = candidates
    .filter(isConsented)
    .sort((a, b) => orderedFirst(a) - orderedFirst(b) || a.broker.id - b.broker.id);
  const stopping = needs.find(
    (n) => n.kind === 'step' && n.record.task !== undefined && n.broker.id !== first?.broker.id,
  );
  const held = candidates.flatMap((c) => {
    if (!isConsented(c)) {
      const { reason, stalled } = heldWithoutKafka(kafka, nowMs, c.record);
      return [hold(c, reason, stalled)];
    }
    if (stopping !== undefined) return [hold(c, waitsFor(stopping.broker.id, 'is being stopped'))];
    return c === first || first === undefined ? [] : [hold(c, waitsFor(first.broker.id, 'goes first'))];
  });
  if (first === undefined || stopping !== undefined) {
    return { steps: [], held };
  }
  const blocked = blockWithoutKafka(memory, first.broker, first.record, kafka, moment);
  return blocked === undefined
    ? { steps: [stopStep(memory, first, nowMs)], held }
    : { steps: [], held: [hold(first, blocked.reason, blocked.stalled), ...held] };
}

const waitsFor = (brokerId: number, detail: string): HeldReason => ({
  kind: 'waiting-for-roll',
  brokerId,
  detail,
});

function stopStep(
  { spec: { desired } }: ClusterMemory,
  { broker, record, drift }: Running,
  nowMs: number,
): Step {
  const stop = broker.state === 'stopped';
  const why = stop ? [whyStopped(record, nowMs)] : drift;
  return killStep(desired, broker, record, stop ? 'stop' : 'roll', summariseWhy(why), why, nowMs);
}

/** What was ordered already, then the unhealthy (a restart may mend it), the active controller last, else by id. */
function rank(need: Running, kafka: KafkaObserved, unhealthy: readonly Running[]): number {
  if (need.record.task?.kill !== undefined) {
    return -1;
  }
  if (unhealthy.includes(need)) {
    return 0;
  }
  return kafka.quorum.leaderId === need.broker.id ? 2 : 1;
}

const verb = (need: Running): string =>
  `${need.broker.state === 'stopped' ? 'stop' : 'restart'} broker ${need.broker.id}`;
