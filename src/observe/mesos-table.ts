/** The table that Mesos' events fold into; what of it a pass sees is `ObservedMesos`. Nothing of it outlives a disconnection. */
import type { MesosCall, MesosEvent, OperationUpdate } from '../model/mesos.ts';
import type { ObservedMesos, SentRelease } from '../model/observed.ts';
import { type OperationKind, parseOperationId } from '../model/operation-id.ts';
import { reviveBucket, tokensAt } from '../model/token-bucket.ts';
import { isLive } from './fold-update.ts';

export type MesosTable = ObservedMesos & {
  /** Rescinds that came before the offer they are about. */
  readonly tombstones: ReadonlySet<string>;
};

const maxTombstones = 1_000;
const maxExits = 1_000;
/** Explicit reconciliations are at most a minute apart: after twice that the next one begins a new run. */
const reconcileRunOverMs = 120_000;

export const emptyMesosTable: MesosTable = {
  connected: false,
  offers: [],
  suppressed: false,
  revives: { tokens: reviveBucket.tokens, atMs: 0 },
  inverseOffers: new Map(),
  answeredTasks: new Set(),
  explicitReconcile: { attempts: 0 },
  kills: new Map(),
  releases: new Map(),
  conversions: new Map(),
  noFeedback: new Set(),
  operationsAsked: false,
  strangers: [],
  tombstones: new Set(),
  executorExits: new Map(),
  answeredOffers: new Map(),
};

/** `isWanted`: a record has this task as its current one. */
export function foldMesosEvent(
  table: MesosTable,
  event: MesosEvent,
  isWanted: (taskId: string) => boolean,
  nowMs: number,
): MesosTable {
  switch (event.kind) {
    case 'subscribed':
      // SUBSCRIBE names our role as suppressed, and says so anew each time.
      return {
        ...emptyMesosTable,
        connected: true,
        subscribedAtMs: nowMs,
        suppressed: true,
        suppressedAtMs: nowMs,
      };
    case 'disconnected':
    case 'failed-over':
    case 'framework-removed':
      return emptyMesosTable;
    case 'offers': {
      const arrived = event.offers.filter((o) => !table.tombstones.has(o.id));
      const tombstones = new Set(
        [...table.tombstones].filter((id) => !event.offers.some((o) => o.id === id)),
      );
      return { ...table, offers: [...table.offers, ...arrived], tombstones };
    }
    case 'rescind':
      return table.offers.some((o) => o.id === event.offerId)
        ? answered(table, [event.offerId], nowMs)
        : { ...table, tombstones: new Set([...table.tombstones, event.offerId].slice(-maxTombstones)) };
    case 'inverse-offers':
      return {
        ...table,
        inverseOffers: new Map([
          ...table.inverseOffers,
          ...event.inverseOffers.map((o) => [o.agentId, { ...o, state: 'open' as const }] as const),
        ]),
      };
    case 'rescind-inverse-offer':
      return withInverseOffer(table, event.inverseOfferId, 'rescinded');
    case 'update': {
      const { update } = event;
      const others = table.strangers.filter((s) => s.taskId !== update.taskId);
      const isStranger = isLive(update.state) && update.agentId !== undefined && !isWanted(update.taskId);
      // Out of reach it may live on. One that the master knows no more is none to count on: it shows itself if it lives.
      const isAway = update.state === 'TASK_UNREACHABLE' || update.state === 'TASK_LOST';
      const missed = isAway ? table.strangers.filter((s) => s.taskId === update.taskId) : [];
      return {
        ...table,
        answeredTasks: table.answeredTasks.has(update.taskId)
          ? table.answeredTasks
          : new Set([...table.answeredTasks, update.taskId]),
        strangers:
          isStranger && update.agentId !== undefined
            ? [...others, { taskId: update.taskId, agentId: update.agentId }]
            : [...others, ...missed.map((s) => ({ ...s, isAway: true as const }))],
      };
    }
    case 'operation':
      return foldOperation(table, event.update);
    case 'failure':
      if (event.executorId !== undefined && event.status !== undefined) {
        const executorExits = new Map([
          ...table.executorExits,
          [event.executorId, { status: event.status, atMs: nowMs }] as const,
        ]);
        return { ...table, executorExits: new Map([...executorExits].slice(-maxExits)) };
      }
      // An agent is gone, and per-task updates need not follow: every task on it wants asking about again.
      return event.agentId === undefined || event.executorId !== undefined
        ? table
        : { ...table, answeredTasks: new Set(), explicitReconcile: { attempts: 0 } };
    case 'error':
      return table;
  }
}

/** What sending a call changes in the table, whether or not its answer came. */
export function foldSent(table: MesosTable, call: MesosCall, nowMs: number): MesosTable {
  switch (call.kind) {
    case 'accept':
      return {
        ...answered(table, call.offerIds, nowMs),
        releases: countReleases(table, call, nowMs),
        conversions: countConversions(table, call, nowMs),
      };
    case 'decline': {
      const before = table.refusedFor;
      return {
        ...answered(table, call.offerIds, nowMs),
        refusedFor: new Set(call.refusedFor.filter((need) => before === undefined || before.has(need))),
      };
    }
    case 'answer-inverse-offer':
      return withInverseOffer(table, call.inverseOfferId, 'answered');
    case 'revive': {
      const { refusedFor: _cleared, suppressedAtMs: _over, ...kept } = table;
      const tokens = Math.max(0, tokensAt(table.revives, reviveBucket, nowMs) - 1);
      return { ...kept, suppressed: false, revives: { tokens, atMs: nowMs } };
    }
    case 'suppress':
      return { ...table, suppressed: true, suppressedAtMs: nowMs };
    case 'kill': {
      const attempts = (table.kills.get(call.taskId)?.attempts ?? 0) + 1;
      return { ...table, kills: new Map([...table.kills, [call.taskId, { lastAtMs: nowMs, attempts }]]) };
    }
    case 'reconcile-tasks':
      return call.tasks.length === 0
        ? { ...table, lastImplicitReconcileAtMs: nowMs }
        : {
            ...table,
            explicitReconcile: { lastAtMs: nowMs, attempts: attemptsOf(table, nowMs) + 1 },
          };
    case 'reconcile-operations':
      return { ...table, operationsAsked: true };
    case 'acknowledge':
    case 'acknowledge-operation':
    case 'teardown':
      return table;
  }
}

/** Gone from the hand: the agent's other offers do not have what was in these, and only one that comes later may. */
function answered(table: MesosTable, offerIds: readonly string[], nowMs: number): MesosTable {
  const ids = new Set(offerIds);
  const answeredOffers = new Map(table.answeredOffers);
  for (const { id, agentId } of table.offers) {
    if (ids.has(id)) {
      answeredOffers.set(agentId, nowMs);
    }
  }
  return { ...table, offers: table.offers.filter((o) => !ids.has(o.id)), answeredOffers };
}

/** A run of questions that ended long ago is over: the next begins with short waits again. */
function attemptsOf({ explicitReconcile: { lastAtMs, attempts } }: MesosTable, nowMs: number): number {
  return lastAtMs !== undefined && nowMs - lastAtMs > reconcileRunOverMs ? 0 : attempts;
}

function withInverseOffer(table: MesosTable, id: string, state: 'answered' | 'rescinded'): MesosTable {
  const known = [...table.inverseOffers.values()].find((o) => o.id === id);
  return known === undefined
    ? table
    : { ...table, inverseOffers: new Map([...table.inverseOffers, [known.agentId, { ...known, state }]]) };
}

function countReleases(
  { releases, offers }: MesosTable,
  call: Extract<MesosCall, { kind: 'accept' }>,
  nowMs: number,
): MesosTable['releases'] {
  const agentId = offers.find((o) => call.offerIds.includes(o.id))?.agentId ?? '';
  const sent = call.operations.flatMap((o): readonly (readonly [string, SentRelease])[] => {
    if (o.kind !== 'unreserve') return [];
    const incarnations = new Set(o.resources.flatMap((r) => r.reservations.at(-1)?.labels.incarnation ?? []));
    // As its id has it: it was planned before it is sent. What was sent before has come to nothing: it was offered again.
    const sentAtMs = o.id === undefined ? undefined : parseOperationId(o.id)?.sentAtMs;
    const pending = sentAtMs === undefined ? [] : [sentAtMs];
    return [...incarnations].map((incarnation) => [
      incarnation,
      {
        agentId,
        lastAtMs: nowMs,
        attempts: (releases.get(incarnation)?.attempts ?? 0) + 1,
        pending,
      },
    ]);
  });
  return sent.length === 0 ? releases : new Map([...releases, ...sent]);
}

function countConversions(
  { conversions, offers }: MesosTable,
  call: Extract<MesosCall, { kind: 'accept' }>,
  nowMs: number,
): MesosTable['conversions'] {
  const incarnations = call.operations.flatMap((o) =>
    o.kind !== 'launch' && o.id !== undefined ? (conversionOf(o.id) ?? []) : [],
  );
  const agentId = offers.find((o) => call.offerIds.includes(o.id))?.agentId ?? '';
  return incarnations.length === 0
    ? conversions
    : new Map([...conversions, ...incarnations.map((id) => [id, { agentId, sentAtMs: nowMs }] as const)]);
}

const isConversion = (kind: OperationKind): boolean => kind !== 'destroy' && kind !== 'unreserve';

function conversionOf(id: string): string | undefined {
  const about = parseOperationId(id);
  return about !== undefined && isConversion(about.kind) ? about.incarnation : undefined;
}

function foldOperation(table: MesosTable, update: OperationUpdate): MesosTable {
  const about = parseOperationId(update.operationId);
  if (about === undefined) {
    return table;
  }
  const { kind, incarnation, sentAtMs } = about;
  const message = update.message ?? 'without a word';
  const sent = isConversion(kind) ? table.conversions.get(incarnation) : table.releases.get(incarnation);
  const agentId = update.agentId ?? sent?.agentId;
  const isTooOld =
    update.state === 'refused' && /feedback.*capability/.test(message) && agentId !== undefined;
  // The agent is too old for ids, which is no refusal of the thing itself (Mesos before 1.9).
  const noFeedback = isTooOld ? new Set([...table.noFeedback, agentId]) : table.noFeedback;
  if (isConversion(kind)) {
    return update.state !== 'refused' || isTooOld
      ? { ...table, noFeedback }
      : {
          ...table,
          conversions: new Map([
            ...table.conversions,
            [incarnation, { agentId: agentId ?? '', sentAtMs, refused: message }],
          ]),
        };
  }
  const before = table.releases.get(incarnation);
  const known = {
    agentId: agentId ?? '',
    lastAtMs: before?.lastAtMs ?? sentAtMs,
    attempts: before?.attempts ?? 1,
  };
  const withRelease = (release: SentRelease): MesosTable => ({
    ...table,
    noFeedback,
    releases: new Map([...table.releases, [incarnation, release]]),
  });
  const others = (before?.pending ?? []).filter((ms) => ms !== sentAtMs);
  switch (update.state) {
    case 'pending':
      // The scheduler before sent it, and its agent may not have heard of it yet.
      return withRelease({ ...known, pending: [...others, sentAtMs] });
    case 'refused':
    case 'dropped':
      return withRelease({ ...known, pending: others, outcome: { kind: 'refused', message } });
    case 'finished':
      // Of one that nobody knows to be pending it is old news: another may have been sent since.
      return kind !== 'unreserve' || before?.pending.includes(sentAtMs) !== true
        ? table
        : withRelease({
            ...known,
            pending: others,
            ...(others.length === 0 ? { outcome: { kind: 'finished' } } : {}),
          });
    case 'unknown':
      return table;
  }
}
