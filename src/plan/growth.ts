/**
 * Volumes that the spec wants larger. The disk that is added is reserved while the broker runs, so that it is not
 * stopped for what its agent does not have. Once an offer shows that it is, the broker is stopped, as for a restart, and
 * what is reserved is added by GROW_VOLUME in an ACCEPT of its own: the master lets nothing else of that ACCEPT use the grown volume
 * (`resizedResources` of master.cpp). The next offer has it, and the broker starts. A broker is stopped for it once a
 * revision, and starts without it where Mesos does not do it. What an offer shows in advance and its agent never did
 * starts nothing: the agent drops a task whose volume has not the very size (RESOURCES_UNKNOWN of slave.cpp).
 */
import type { DesiredBroker } from '../model/desired.ts';
import type { OfferOperation, Reservation, Resource } from '../model/mesos.ts';
import type { ObservedMesos } from '../model/observed.ts';
import { operationId } from '../model/operation-id.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory, GrowthRecord, Placement } from '../model/records.ts';
import type { AgentOffers, FitContext } from './fit.ts';
import type { Need } from './need.ts';
import {
  baseOf,
  isFree,
  merged,
  reservationOf,
  reserved,
  sameReservations,
  sameSource,
  takeScalar,
  totalScalar,
} from './resources.ts';

/** GROW_VOLUMEs in one stop of a broker: a call may be lost, and none of them keeps it down for long. */
const maxAttempts = 3;
/** A RESERVE that no offer shows by then was lost or refused; the next offer without it is asked again. */
const reserveAgainMs = 60_000;

export type Growth = {
  readonly name: string;
  readonly persistenceId: string;
  readonly source: Placement['volumes'][number]['source'];
  readonly base: readonly Reservation[];
  readonly fromMiB: number;
  readonly toMiB: number;
};

/** A MOUNT disk is taken whole and never grows; no volume ever shrinks. */
export function growthsOf({ storage }: DesiredBroker, placement: Placement | undefined): readonly Growth[] {
  return (placement?.volumes ?? []).flatMap(({ name, kind, persistenceId, source, base = [], sizeMiB }) => {
    const wanted = storage.kind === 'persistent' ? storage.volumes.find((v) => v.name === name) : undefined;
    return kind !== 'persistent' ||
      persistenceId === undefined ||
      source.kind === 'mount' ||
      wanted === undefined ||
      wanted.sizeMiB <= sizeMiB
      ? []
      : [{ name, persistenceId, source, base, fromMiB: sizeMiB, toMiB: wanted.sizeMiB }];
  });
}

export function describeGrowths(growths: readonly Growth[]): readonly string[] {
  return growths.map((g) => `volume ${g.name}: ${g.fromMiB} MiB → ${g.toMiB} MiB`);
}

/** What a stop is for: disk is seen to be reserved for it, and it was not tried at this revision. */
export function growthDrift(
  broker: DesiredBroker,
  record: BrokerRecord,
  revision: number,
): readonly string[] {
  return isUnderWay(record, revision) && record.growth?.isReserved === true
    ? describeGrowths(growthsOf(broker, record.placement))
    : [];
}

/** Disk that is offered beside the broker's task is meant for its volume. */
export function isUnderWay({ growth }: BrokerRecord, revision: number): boolean {
  return growth?.revision === revision && growth.isOver !== true;
}

/** Whether a broker that is down may be kept waiting for its volume to grow. */
export function mayGrow({ growth, placement }: BrokerRecord, { conversions }: ObservedMesos): boolean {
  if (growth === undefined || growth.isOver === true) {
    return true;
  }
  const sent = conversions.get(placement?.incarnation ?? '');
  const isRefused = sent?.refused !== undefined && sent.sentAtMs === growth.sentAtMs;
  return growth.attempts < maxAttempts && !isRefused;
}

/** The record's growth after a try, and after a start, of which only a failed one is remembered. */
export function growthAfterTry({ growth }: BrokerRecord, revision: number, nowMs: number): GrowthRecord {
  const attempts = growth === undefined || growth.isOver === true ? 0 : growth.attempts;
  return { revision, attempts: attempts + 1, sentAtMs: nowMs };
}

export function growthAfterStart(
  { growth }: BrokerRecord,
  broker: DesiredBroker,
  placement: Placement,
  revision: number,
  { conversions }: Pick<ObservedMesos, 'conversions'>,
): GrowthRecord | undefined {
  if (growth?.revision !== revision || growthsOf(broker, placement).length === 0) {
    return undefined;
  }
  if (growth.attempts === 0 && growth.isReserved !== true) {
    // It went down for another reason, and nothing was tried: that is still to come.
    return growth;
  }
  const refused =
    growth.attempts === 0
      ? `${placement.hostname} did not offer the disk that was reserved for it any more`
      : conversions.get(placement.incarnation)?.refused;
  return { ...growth, isOver: true, ...(refused === undefined ? {} : { refused: refused.slice(0, 500) }) };
}

export type Growing = { readonly volume: Resource; readonly toMiB: number };

export type GrowOperations = {
  readonly operations: readonly OfferOperation[];
  readonly rest: readonly Resource[];
};

/** RESERVE for what is not ours yet, and a GROW_VOLUME each; undefined where the disk does not suffice. */
export function growOperations(
  growing: readonly Growing[],
  offered: readonly Resource[],
  reservation: Reservation,
  role: string,
  id: string | undefined,
): GrowOperations | undefined {
  let rest = offered;
  const toReserve: Resource[] = [];
  const grows: OfferOperation[] = [];
  for (const { volume, toMiB } of growing) {
    const taken = takeAddition(rest, toMiB - (volume.scalar ?? 0), volume, reservation, role);
    const [addition, ...others] = merged(taken?.addition ?? []);
    if (taken === undefined || addition === undefined || others.length > 0) {
      return undefined;
    }
    rest = taken.rest;
    toReserve.push(...taken.toReserve);
    grows.push({
      kind: 'grow',
      volume,
      addition,
      ...(id === undefined ? {} : { id: `${id}.${grows.length}` }),
    });
  }
  return {
    rest,
    operations: [
      ...(toReserve.length === 0 ? [] : [{ kind: 'reserve' as const, resources: merged(toReserve) }]),
      ...grows,
    ],
  };
}

/** The addition has to be reserved as the volume is, and of the same disk. */
function takeAddition(
  offered: readonly Resource[],
  amountMiB: number,
  like: Pick<Resource, 'reservations' | 'disk'>,
  reservation: Reservation,
  role: string,
):
  | {
      readonly addition: readonly Resource[];
      readonly toReserve: readonly Resource[];
      readonly rest: readonly Resource[];
    }
  | undefined {
  const isAlike = (r: Resource): boolean =>
    r.disk?.volume === undefined &&
    sameSource(r.disk?.source, like.disk?.source) &&
    sameReservations(r.reservations, like.reservations);
  const ours = takeScalar(offered, 'disk', amountMiB, isAlike);
  const fresh = takeScalar(
    ours.rest,
    'disk',
    ours.short,
    (r) => isFree(r, role) && isAlike(reserved(r, reservation)),
  );
  const toReserve = fresh.taken.map((r) => reserved(r, reservation));
  return fresh.short > 0
    ? undefined
    : { addition: [...ours.taken, ...toReserve], toReserve, rest: fresh.rest };
}

export type GrowthPlan = {
  readonly steps: readonly Step[];
  readonly held: readonly Held[];
  /** Agents whose offers the steps use up. */
  readonly agentIds: ReadonlySet<string>;
  /** Brokers that wait for an offer of their agent, and in how many seconds one may show what was asked for. */
  readonly waiting: ReadonlyMap<number, number | undefined>;
};

/** Reserves what the volumes of running brokers are to grow by, and tells why one does not grow. */
export function planGrowth(
  memory: ClusterMemory,
  needs: readonly Need[],
  agents: readonly AgentOffers[],
  /** Brokers whose records are written in this pass. */
  busy: ReadonlySet<number>,
  context: FitContext & Pick<ObservedMesos, 'conversions'>,
): GrowthPlan {
  const { desired, revision } = memory.spec;
  const steps: Step[] = [];
  const held: Held[] = [];
  const used = new Set<string>();
  const waiting = new Map<number, number | undefined>();
  for (const need of needs) {
    const { broker } = need;
    const growths = need.kind === 'running' ? growthsOf(broker, need.record.placement) : [];
    if (need.kind !== 'running' || broker.state !== 'running' || growths.length === 0) {
      continue;
    }
    const { record, barred } = need;
    const hold = (reason: HeldReason, stalled: boolean): void => {
      held.push({
        clusterName: desired.name,
        brokerId: broker.id,
        need: `grow ${growths.map((g) => `volume ${g.name}`).join(', ')} of broker ${broker.id}`,
        reason,
        stalled,
      });
    };
    const hostname = record.placement?.hostname ?? '';
    if (record.growth?.revision === revision && record.growth.isOver === true) {
      const detail = record.growth.refused ?? 'Mesos did not do it, and did not say why';
      hold({ kind: 'volume-not-grown', cause: 'refused', brokerId: broker.id, hostname, detail }, true);
      continue;
    }
    const asked = isUnderWay(record, revision) ? record.growth : undefined;
    if (asked?.isReserved === true || busy.has(broker.id)) {
      continue;
    }
    if (barred !== undefined || desired.rollout.paused) {
      hold(barred?.reason ?? { kind: 'rollout-paused' }, barred?.stalled ?? false);
      continue;
    }
    const wait = (cause: 'no-offer' | 'no-room' | 'not-reserved', detail: string): void => {
      // A RESERVE that was refused is no more likely to be done a minute later.
      const leftMs = (asked?.sentAtMs ?? Number.NEGATIVE_INFINITY) + reserveAgainMs - context.nowMs;
      waiting.set(broker.id, cause === 'no-offer' && leftMs > 0 ? Math.ceil(leftMs / 1_000) : undefined);
      const stalled = cause !== 'no-offer';
      hold({ kind: 'volume-not-grown', cause, brokerId: broker.id, hostname, detail }, stalled);
    };
    const sent = context.conversions.get(record.placement?.incarnation ?? '');
    const refused = asked !== undefined && sent?.sentAtMs === asked.sentAtMs ? sent?.refused : undefined;
    const agent = agents.find((a) => a.agentId === record.task?.agentId && !used.has(a.agentId));
    const isDue = (asked?.sentAtMs ?? Number.NEGATIVE_INFINITY) + reserveAgainMs <= context.nowMs;
    const operations =
      agent === undefined || record.placement === undefined
        ? 'no offer'
        : reserveOperations(growths, record.placement, memory, broker, agent, context);
    if (operations === 'no offer' || agent === undefined || (operations?.length === 1 && !isDue)) {
      wait(
        refused === undefined ? 'no-offer' : 'not-reserved',
        refused ??
          (asked === undefined
            ? `an offer of ${hostname} with ${sumMiB(growths)} MiB of disk is waited for`
            : `an offer of ${hostname} is waited for that shows the ${sumMiB(growths)} MiB of disk as reserved`),
      );
      continue;
    }
    if (operations === undefined) {
      wait('no-room', describeRoom(growths, agent, context.role));
      continue;
    }
    used.add(agent.agentId);
    const isThere = operations.length === 0;
    steps.push({
      mark: isThere ? '·' : '~',
      what: isThere
        ? `remember that disk is reserved for broker ${broker.id} on ${hostname}`
        : `reserve disk for broker ${broker.id} on ${hostname}`,
      why: describeGrowths(growths),
      clusterName: desired.name,
      brokerId: broker.id,
      action: isThere
        ? { kind: 'broker', record: { ...record, growth: { revision, isReserved: true, attempts: 0 } } }
        : {
            kind: 'broker',
            record: { ...record, growth: { revision, attempts: 0, sentAtMs: context.nowMs } },
            call: { kind: 'accept', offerIds: agent.offerIds, operations, refuseSeconds: 1 },
          },
    });
  }
  return { steps, held, agentIds: used, waiting };
}

function reserveOperations(
  growths: readonly Growth[],
  placement: Placement,
  { spec: { desired } }: ClusterMemory,
  broker: DesiredBroker,
  agent: AgentOffers,
  context: FitContext,
): readonly OfferOperation[] | undefined {
  const reservation = reservationOf(desired.name, broker.id, placement.incarnation, context);
  let rest = agent.resources;
  const toReserve: Resource[] = [];
  for (const { source, base, fromMiB, toMiB } of growths) {
    const like = {
      reservations: [...base, reservation],
      ...(source.kind === 'root' ? {} : { disk: { source } }),
    };
    const taken = takeAddition(rest, toMiB - fromMiB, like, reservation, context.role);
    if (taken === undefined) {
      return undefined;
    }
    rest = taken.rest;
    toReserve.push(...taken.toReserve);
  }
  const id = context.giveNoFeedback.has(agent.agentId)
    ? {}
    : { id: operationId('reserve', placement.incarnation, context.nowMs) };
  return toReserve.length === 0 ? [] : [{ kind: 'reserve', resources: merged(toReserve), ...id }];
}

function describeRoom(
  growths: readonly Growth[],
  { hostname, resources }: AgentOffers,
  role: string,
): string {
  const isAlike = (r: Resource): boolean =>
    isFree(r, role) && growths.some(({ base }) => sameReservations(baseOf(r), base));
  const above = new Set(growths.flatMap(({ base }) => base.map((reservation) => reservation.role)));
  const disk = above.size === 0 ? 'disk' : `disk reserved for role ${[...above].join(', ')}`;
  return `${hostname} has ${totalScalar(resources.filter(isAlike), 'disk')} of ${sumMiB(growths)} MiB of ${disk} to add`;
}

const sumMiB = (growths: readonly Growth[]): number =>
  growths.reduce((sum, g) => sum + g.toMiB - g.fromMiB, 0);

/** The step of a broker that is down and whose volume grows before it starts. */
export function growStep(
  clusterName: string,
  broker: DesiredBroker,
  record: BrokerRecord,
  hostname: string,
  revision: number,
  nowMs: number,
): Step & { readonly action: Extract<Step['action'], { kind: 'broker' }> } {
  const growths = growthsOf(broker, record.placement);
  return {
    mark: '~',
    what: `grow ${growths.map((g) => `volume ${g.name}`).join(', ')} of broker ${broker.id} on ${hostname}`,
    why: describeGrowths(growths),
    clusterName,
    brokerId: broker.id,
    action: { kind: 'broker', record: { ...record, growth: growthAfterTry(record, revision, nowMs) } },
  };
}

export const growId = (incarnation: string, nowMs: number): string => operationId('grow', incarnation, nowMs);
