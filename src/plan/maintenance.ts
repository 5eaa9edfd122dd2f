/** Planned maintenance: what Mesos is told when it asks for an agent back. */
import type { InverseOffer, Unavailability } from '../model/mesos.ts';
import type { Moment, PlanInput } from '../model/observed.ts';
import type { Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory, MaintenanceAnswer } from '../model/records.ts';
import { absentBrokers, blockLeave } from './safety.ts';

/** Mesos asks again after this time, and hears otherwise if the cluster has changed. */
const askAgainSeconds = 60;
/** An answer ends nothing, so when Mesos has not asked again for this long there is nothing planned any more. */
const notAskedMs = 3 * 60_000;

/**
 * Accepted if every cluster can spare all its brokers on that agent, and those on agents promised for the
 * same time, without breaking min ISR or the quorum; else declined with the reason. The answer is stored
 * with each broker before it is sent. It is a word, not a deed: nothing is stopped for it.
 *
 * `others` are the steps of this pass so far: a broker that one of them changes is judged in the next pass.
 * `outdated` are clusters newer than the store.
 */
export function planMaintenance(
  input: PlanInput,
  others: readonly Step[],
  outdated: ReadonlySet<string>,
): { readonly steps: readonly Step[]; readonly wakes: readonly number[] } {
  const changing = new Set(
    others.flatMap((s) => (s.brokerId === undefined ? [] : [keyOf(s.clusterName, s.brokerId)])),
  );
  const isChanging = (agentId: string): boolean =>
    input.clusters.some((memory) =>
      brokersOn(memory, new Set([agentId])).some((r) => changing.has(keyOf(r.clusterName, r.id))),
    );
  const stopping = new Set(
    others.flatMap(({ clusterName, brokerId, action }) =>
      brokerId !== undefined && action.kind === 'broker' && action.call?.kind === 'kill'
        ? [keyOf(clusterName, brokerId)]
        : [],
    ),
  );
  const promised: Unavailable[] = input.clusters.flatMap((memory) =>
    [...memory.brokers.values()].flatMap(({ maintenance }) =>
      maintenance?.accepted === true && !isOver(maintenance, input.wallMs) ? [maintenance] : [],
    ),
  );
  const answers = [...input.mesos.inverseOffers.values()]
    .sort((a, b) => (a.agentId < b.agentId ? -1 : 1))
    .flatMap((offer): readonly Step[] => {
      if (offer.state !== 'open' || isChanging(offer.agentId) || isTooEarly(input, offer)) {
        return [];
      }
      const answer = answerOf(input, offer, promised, stopping, outdated);
      if (answer.accepted) {
        promised.push(answer);
      }
      return [...remember(input, offer.agentId, answer), send(offer, answer)];
    });
  const stored = input.clusters
    .flatMap((memory) => [...memory.brokers.values()])
    .flatMap((record) => withdrawal(record, input));
  return {
    steps: [
      ...answers,
      ...stored
        .filter(
          ({ record, atMs }) => atMs <= input.nowMs && !changing.has(keyOf(record.clusterName, record.id)),
        )
        .map(({ record }) => store(record, undefined)),
    ],
    // What a promise holds back goes on when its time is over, which nothing else may tell.
    wakes: [...stored.map(({ atMs }) => atMs), ...promised.flatMap((p) => endToWaitFor(p, input) ?? [])],
  };
}

/** Whether the maintenance has ended by a time of day. */
export function isOver(unavailability: Unavailability, wallMs: number): boolean {
  const endMs = endOf(unavailability);
  return endMs !== undefined && endMs <= wallMs;
}

/** Another broker of the cluster whose agent was promised for a time within the next `withinMs`. */
export function promisedSoon(
  { brokers }: ClusterMemory,
  besides: number,
  wallMs: number,
  withinMs: number,
): BrokerRecord | undefined {
  return [...brokers.values()].find(
    ({ id, task, maintenance }) =>
      id !== besides &&
      maintenance?.accepted === true &&
      task?.agentId === maintenance.agentId &&
      overlap(maintenance, { startMs: wallMs, durationMs: withinMs }),
  );
}

type Unavailable = Unavailability & { readonly agentId: string };

/** A reading of Kafka from before the question is no answer to it: the next one comes by itself. */
function isTooEarly({ clusters, kafka }: PlanInput, { agentId, receivedAtMs }: InverseOffer): boolean {
  return clusters.some((memory) => {
    const source = kafka.get(memory.spec.desired.name);
    return (
      source?.known === true &&
      source.value.observedAtMs <= receivedAtMs &&
      brokersOn(memory, new Set([agentId])).length > 0
    );
  });
}

function answerOf(
  input: PlanInput,
  { agentId, unavailability }: InverseOffer,
  promised: readonly Unavailable[],
  stopping: ReadonlySet<string>,
  outdated: ReadonlySet<string>,
): MaintenanceAnswer {
  const others = promised.filter((p) => overlap(p, unavailability)).map((p) => p.agentId);
  const agents = new Set([agentId, ...others]);
  const known = input.clusters.flatMap((memory) => {
    const { name, rollout } = memory.spec.desired;
    if (brokersOn(memory, new Set([agentId])).length === 0) {
      return [];
    }
    const source = input.kafka.get(name);
    if (source?.known !== true) {
      return [`cluster ${name} cannot be asked: ${source?.why ?? 'nobody has yet'}`];
    }
    // Who is down, or goes down in this very pass, cannot stand in for those that leave.
    const absent = new Set([
      ...absentBrokers(memory),
      ...[...memory.brokers.keys()].filter((id) => stopping.has(keyOf(name, id))),
    ]);
    const leaving = new Set(brokersOn(memory, agents).map((record) => record.id));
    const block = blockLeave(source.value, leaving, rollout, absent);
    return block === undefined ? [] : [`cluster ${name}: ${block}`];
  });
  const blocks = [
    ...known,
    ...[...outdated].map(
      (name) => `the store is older than cluster ${name}: where its brokers are is not known`,
    ),
  ];
  return {
    ...unavailability,
    agentId,
    accepted: blocks.length === 0,
    why: blocks.length === 0 ? 'min ISR and quorum hold without what runs there' : blocks.join('; '),
  };
}

function brokersOn(memory: ClusterMemory, agentIds: ReadonlySet<string>): readonly BrokerRecord[] {
  return [...memory.brokers.values()].filter(
    (record) => record.task !== undefined && agentIds.has(record.task.agentId),
  );
}

function remember(input: PlanInput, agentId: string, answer: MaintenanceAnswer): readonly Step[] {
  return input.clusters.flatMap((memory) =>
    brokersOn(memory, new Set([agentId]))
      .filter((record) => JSON.stringify(record.maintenance) !== JSON.stringify(answer))
      .map((record) => store(record, answer)),
  );
}

/**
 * When an answer that is stored is to be forgotten: the broker has moved, or the schedule was changed, of which only
 * an open question tells. One that is down was taken down by its maintenance, and when its agent is to be back is
 * worth showing, until that time or until the agent offers as if nothing were planned: nobody is asked about it.
 */
function withdrawal(
  record: BrokerRecord,
  input: PlanInput,
): readonly { readonly record: BrokerRecord; readonly atMs: number }[] {
  const { maintenance, task } = record;
  const { inverseOffers, offers, subscribedAtMs = 0 } = input.mesos;
  if (maintenance === undefined) {
    return [];
  }
  const { agentId } = maintenance;
  if (task !== undefined && task.agentId !== agentId) {
    return [{ record, atMs: 0 }];
  }
  if (task === undefined || task.unreachableSinceMs !== undefined) {
    const isBack = offers.some(
      (o) => o.agentId === agentId && o.unavailability?.startMs !== maintenance.startMs,
    );
    const atMs = isBack ? 0 : endToWaitFor(maintenance, input);
    return atMs === undefined ? [] : [{ record, atMs }];
  }
  const asked = inverseOffers.get(agentId);
  switch (asked?.state) {
    case 'open':
      return [];
    case 'rescinded':
      return [{ record, atMs: 0 }];
    default:
      return [{ record, atMs: (asked?.receivedAtMs ?? subscribedAtMs) + notAskedMs }];
  }
}

function store(record: BrokerRecord, answer: MaintenanceAnswer | undefined): Step {
  const { maintenance: _before, ...kept } = record;
  return {
    mark: '·',
    what: `remember the maintenance of broker ${record.id}'s agent`,
    why: [
      answer === undefined
        ? 'Mesos withdrew it'
        : `${answer.accepted ? 'accepted' : 'declined'}: ${answer.why}`,
    ],
    clusterName: record.clusterName,
    brokerId: record.id,
    action: { kind: 'broker', record: answer === undefined ? kept : { ...kept, maintenance: answer } },
  };
}

function send(offer: InverseOffer, { accepted, why }: MaintenanceAnswer): Step {
  return {
    mark: '·',
    what: `${accepted ? 'accept' : 'decline'} the maintenance of agent ${offer.agentId}`,
    why: [why],
    action: {
      kind: 'mesos',
      call: {
        kind: 'answer-inverse-offer',
        inverseOfferId: offer.id,
        accept: accepted,
        refuseSeconds: askAgainSeconds,
      },
    },
  };
}

const keyOf = (clusterName: string | undefined, brokerId: number): string => `${clusterName}/${brokerId}`;

function overlap(one: Unavailability, other: Unavailability): boolean {
  const until = (u: Unavailability): number => endOf(u) ?? Number.POSITIVE_INFINITY;
  return one.startMs < until(other) && other.startMs < until(one);
}

/** When it ends, by the clock that waits are measured by. */
function endToWaitFor(unavailability: Unavailability, { nowMs, wallMs }: Moment): number | undefined {
  const endMs = endOf(unavailability);
  return endMs === undefined ? undefined : nowMs + (endMs - wallMs);
}

/** Undefined: nobody knows when it ends. */
function endOf({ startMs, durationMs }: Unavailability): number | undefined {
  return durationMs === undefined ? undefined : startMs + durationMs;
}
