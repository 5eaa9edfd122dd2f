/** Operation feedback, refusals and what the goldens cannot show: one release over several passes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toEvent } from '../../src/mesos/from-wire.ts';
import { toCall } from '../../src/mesos/to-wire.ts';
import type { MesosCall, OfferOperation } from '../../src/model/mesos.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import { operationId } from '../../src/model/operation-id.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import { emptyMesosTable, foldMesosEvent, foldSent, type MesosTable } from '../../src/observe/mesos-table.ts';
import { describeHeld } from '../../src/plan/describe-held.ts';
import { plan } from '../../src/plan/plan.ts';
import {
  framework,
  makeBroker,
  makeDesired,
  makeEnded,
  makeInput,
  makeKafka,
  makeMemory,
  makeMesos,
  makeOffer,
  makePlacement,
  makeRecord,
  nowMs,
  reservedFor,
} from './builders.ts';

const desired = makeDesired();
const broker = makeBroker(1);
const old = makePlacement('demo', broker, { incarnation: 'old', agentId: 'agent-9' });
const left = {
  incarnation: 'old',
  agentId: 'agent-9',
  hostname: 'agent-9',
  sinceMs: nowMs - 60_000,
  cause: 'removed' as const,
  formatted: true,
};
const record: BrokerRecord = makeRecord(desired, broker, { leftBehind: [left] });
const memory = makeMemory(desired, [record]);
const full = makeOffer('agent-9', { id: 'full', extra: reservedFor('demo', broker, old) });

function tableOf(offers: PlanInput['mesos']['offers']): MesosTable {
  return { ...emptyMesosTable, ...makeMesos([memory], { offers, suppressed: false }) };
}

const inputOf = (table: MesosTable, atMs = nowMs, of = memory): PlanInput => ({
  ...makeInput([of]),
  nowMs: atMs,
  mesos: table,
  kafka: new Map([['demo', { known: true, value: makeKafka(desired, { observedAtMs: atMs - 500 }) }]]),
});

function releaseOf(made: Plan): Extract<MesosCall, { kind: 'accept' }> | undefined {
  return made.steps
    .flatMap((s) => (s.action.kind === 'mesos' ? [s.action.call] : []))
    .find((c): c is Extract<MesosCall, { kind: 'accept' }> => c.kind === 'accept');
}
const idsOf = (operations: readonly OfferOperation[]): readonly (string | undefined)[] =>
  operations.map((o) => ('id' in o ? o.id : undefined));
const forgets = (made: Plan): boolean => made.steps.some((s) => s.what.startsWith('forget what broker 1'));
const heldOf = (made: Plan): string =>
  made.held.flatMap((h) => (h.reason.kind === 'left-behind' ? [describeHeld(h).message] : [])).join();

/** What Mesos says of an operation, in its own words. */
function feedback(
  table: MesosTable,
  id: string,
  state: 'OPERATION_FINISHED' | 'OPERATION_ERROR' | 'OPERATION_UNKNOWN' | 'OPERATION_PENDING',
  message?: string,
): MesosTable {
  const event = toEvent(
    {
      type: 'UPDATE_OPERATION_STATUS',
      update_operation_status: {
        status: { operation_id: { value: id }, state, ...(message === undefined ? {} : { message }) },
      },
    },
    framework.role,
    nowMs,
  );
  if (event === undefined) return assert.unreachable() as never;
  return foldMesosEvent(table, event, () => false, nowMs);
}

test('a release is sent once, with ids, and not again while it is on its way', () => {
  const call = releaseOf(plan(inputOf(tableOf([full]))));
  assert.ok(call !== undefined);
  if (call === undefined) return;
  const [destroy = '', unreserve = ''] = idsOf(call.operations);
  assert.match(destroy, /^destroy\.old\./);
  assert.match(unreserve, /^unreserve\.old\./);
  const wire = toCall(call, framework);
  assert.equal(wire.type === 'ACCEPT' && wire.accept.operations?.map((o) => o.id?.value), [
    destroy,
    unreserve,
  ]);
  const sent = foldSent(tableOf([full]), call, nowMs);
  const again = { ...sent, offers: [{ ...full, id: 'again', receivedAtMs: nowMs + 1_000 }] };
  const next = plan(inputOf(again, nowMs + 1_000));
  assert.is(releaseOf(next), undefined);
  assert.match(heldOf(next), 'it was released once and is still there');
  assert.is(next.wakeAtMs, nowMs + 5_000);
  assert.ok(releaseOf(plan(inputOf(again, nowMs + 5_000))) !== undefined, 'again when it is due');
});

test('gone by an offer that came a while after; at once when feedback says so', () => {
  const call = releaseOf(plan(inputOf(tableOf([full]))));
  if (call === undefined) return assert.unreachable();
  const empty = (receivedAtMs: number) => makeOffer('agent-9', { id: 'empty', receivedAtMs });
  const sent = foldSent(tableOf([full]), call, nowMs);
  const early = { ...sent, offers: [empty(nowMs + 500)] };
  assert.not(forgets(plan(inputOf(early, nowMs + 500))), 'it may be from before the ACCEPT');
  const soon = { ...sent, offers: [empty(nowMs + 75_000)] };
  assert.not(forgets(plan(inputOf(soon, nowMs + 75_000))), 'its agent may have fallen silent before it');
  const late = { ...sent, offers: [empty(nowMs + 90_000)] };
  assert.ok(forgets(plan(inputOf(late, nowMs + 90_000))));
  const next = { ...tableOf([empty(nowMs + 2_000)]), subscribedAtMs: nowMs };
  assert.not(forgets(plan(inputOf(next, nowMs + 2_000))), 'the scheduler before may have sent it and died');
  const asked = { ...next, offers: [empty(nowMs + 3_000)] };
  assert.ok(forgets(plan(inputOf(asked, nowMs + 3_000))), 'the master knows of nothing');
  const [, sentBefore = ''] = idsOf(call.operations);
  const pending = feedback(asked, sentBefore, 'OPERATION_PENDING');
  assert.not(forgets(plan(inputOf(pending, nowMs + 3_000))), 'its agent has not said so');
  const [destroy = '', unreserve = ''] = idsOf(call.operations);
  const half = feedback(early, destroy, 'OPERATION_FINISHED');
  const later = foldSent(tableOf([full]), call, nowMs + 40);
  const told = feedback({ ...later, offers: [empty(nowMs + 500)] }, unreserve, 'OPERATION_FINISHED');
  assert.ok(forgets(plan(inputOf(told, nowMs + 500))), 'it was planned a moment before it was sent');
  assert.not(forgets(plan(inputOf(half, nowMs + 500))), 'destroyed is not unreserved');
  assert.ok(forgets(plan(inputOf(feedback(half, unreserve, 'OPERATION_FINISHED'), nowMs + 500))));
  const unknown = feedback(early, unreserve, 'OPERATION_UNKNOWN');
  assert.not(forgets(plan(inputOf(unknown, nowMs + 500))), 'unknown proves nothing');
});

test('an offer from when the task still had it proves nothing', () => {
  const empty = (receivedAtMs: number) => makeOffer('agent-9', { id: 'empty', receivedAtMs });
  assert.not(forgets(plan(inputOf(tableOf([empty(left.sinceMs - 1_000)])))));
  assert.ok(forgets(plan(inputOf(tableOf([empty(left.sinceMs + 30_000)])))));
});

test('the end of an earlier release says nothing while another is pending', () => {
  const [earlier, later] = [nowMs - 9_000, nowMs - 5_000].map((ms) => operationId('unreserve', 'old', ms));
  if (earlier === undefined || later === undefined) return assert.unreachable();
  const asked = tableOf([]);
  const told = feedback(asked, earlier, 'OPERATION_FINISHED');
  assert.is(told.releases.get('old'), undefined, 'nobody here knows what was sent after it');
  const both = feedback(feedback(told, later, 'OPERATION_PENDING'), earlier, 'OPERATION_FINISHED');
  assert.equal(both.releases.get('old')?.pending, [nowMs - 5_000]);
  assert.is(both.releases.get('old')?.outcome, undefined);
  const done = feedback(both, later, 'OPERATION_FINISHED').releases.get('old');
  assert.equal([done?.pending, done?.outcome], [[], { kind: 'finished' }]);
});

test('an offer that was in hand beside a rescinded one proves nothing', () => {
  const beside = makeOffer('agent-9', { id: 'empty', receivedAtMs: nowMs - 1_000 });
  const both = tableOf([full, beside]);
  assert.not(forgets(plan(inputOf(both))));
  const rescinded = foldMesosEvent(both, { kind: 'rescind', offerId: full.id }, () => false, nowMs);
  assert.equal(
    rescinded.offers.map((o) => o.id),
    ['empty'],
  );
  assert.not(forgets(plan(inputOf(rescinded, nowMs + 60_000))), 'what was rescinded had it');
  const offers = [makeOffer('agent-9', { id: 'next', receivedAtMs: nowMs + 3_000 })];
  assert.ok(forgets(plan(inputOf({ ...rescinded, offers }, nowMs + 3_000))));
});

test('an offer that came while the answer to another was on its way proves nothing', () => {
  const decline: MesosCall = { kind: 'decline', offerIds: ['full'], refuseSeconds: 10, refusedFor: [] };
  const declined = foldSent(tableOf([full]), decline, nowMs);
  const offered = (receivedAtMs: number) => ({
    ...declined,
    offers: [makeOffer('agent-9', { id: 'empty', receivedAtMs })],
  });
  assert.not(forgets(plan(inputOf(offered(nowMs + 2_900), nowMs + 2_900))), 'it may have only what is new');
  assert.ok(forgets(plan(inputOf(offered(nowMs + 3_000), nowMs + 3_000))));
});

test('an offer from before its executor ended proves nothing, whatever feedback says of the release', () => {
  const { last: ended } = makeEnded(desired, broker);
  if (ended === undefined) return assert.unreachable();
  const last = { ...ended, agentId: 'agent-9', endedAtMs: nowMs - 2_000 };
  const of = makeMemory(desired, [{ ...record, leftBehind: [{ ...left, sinceMs: nowMs - 1_500 }], last }]);
  const forgotten = (receivedAtMs: number, exits: readonly (readonly [string, number])[]): boolean => {
    const offer = makeOffer('agent-9', { id: 'empty', receivedAtMs });
    const table: MesosTable = {
      ...tableOf([offer]),
      releases: new Map([
        [
          'old',
          {
            agentId: 'agent-9',
            lastAtMs: nowMs - 1_000,
            attempts: 1,
            pending: [],
            outcome: { kind: 'finished' },
          },
        ],
      ]),
      executorExits: new Map(exits.map(([id, atMs]) => [id, { status: 0, atMs }])),
    };
    return forgets(plan(inputOf(table, receivedAtMs, of)));
  };
  const heard = ['demo.1.1.t', nowMs - 500] as const;
  assert.not(forgotten(nowMs, [heard]), 'it may have been on its way');
  assert.ok(forgotten(nowMs + 500, [heard]));
  assert.not(forgotten(nowMs + 500, []), 'its share may come yet');
  assert.not(forgotten(nowMs + 500, [['demo.1.0.t', nowMs - 9_000]]), 'that was another one');
  assert.ok(forgotten(last.endedAtMs + 30_000, []), 'no executor takes so long to end');
});

test('it is the end of the last task there that counts, also of one that was superseded', () => {
  const { last: ended } = makeEnded(desired, broker);
  if (ended === undefined) return assert.unreachable();
  // It crashed there long ago, and started there again; that one was out of reach, and has just been killed.
  const last = { ...ended, agentId: 'agent-9', endedAtMs: nowMs - 600_000 };
  const there = { ...left, sinceMs: nowMs - 4_000, endedTaskId: 'demo.1.1.old' };
  const of = makeMemory(desired, [{ ...record, leftBehind: [there], last }]);
  const forgotten = (exits: MesosTable['executorExits']): boolean =>
    forgets(plan(inputOf({ ...tableOf([makeOffer('agent-9')]), executorExits: exits }, nowMs, of)));
  assert.not(forgotten(new Map()));
  assert.not(forgotten(new Map([[last.taskId, { status: 0, atMs: last.endedAtMs }]])));
  assert.ok(forgotten(new Map([['demo.1.1.old', { status: 0, atMs: nowMs - 3_500 }]])));
});

test('cpus and memory alone of a cluster that nobody knows are given back, whatever holds anything is not', () => {
  const other = makePlacement('gone', broker, { incarnation: 'gone', agentId: 'agent-9' });
  const made = (parts: Parameters<typeof reservedFor>[3]): Plan =>
    plan(inputOf(tableOf([makeOffer('agent-9', { extra: reservedFor('gone', broker, other, parts) })])));
  const [unreserve] = releaseOf(made(['cpus', 'mem']))?.operations ?? [];
  assert.equal(unreserve?.kind === 'unreserve' && unreserve.resources.map((r) => r.name), ['cpus', 'mem']);
  for (const part of ['ports', 'disk', 'volumes'] as const) {
    const held = made(['cpus', 'mem', part]);
    assert.is(releaseOf(held), undefined, part);
    assert.ok(held.held.some((h) => h.reason.kind === 'orphaned'));
  }
});

test('what was refused while a broker started is asked for again when it runs', () => {
  const runs = (id: number, agoMs: number): BrokerRecord => {
    const made = makeRecord(desired, makeBroker(id));
    return { ...made, ...(made.task && { task: { ...made.task, stateSinceMs: nowMs - agoMs } }) };
  };
  const planOf = (records: readonly BrokerRecord[], table: MesosTable): Plan =>
    plan({ ...inputOf(table), clusters: [makeMemory(desired, records)] });
  const callsOf = (made: Plan): readonly MesosCall[] =>
    made.steps.flatMap((s) => (s.action.kind === 'mesos' ? [s.action.call] : []));
  const offered = tableOf([makeOffer('agent-9')]);
  const refusal = callsOf(planOf([runs(0, 5_000)], offered)).find((c) => c.kind === 'decline');
  if (refusal === undefined) return assert.unreachable();
  const refused = foldSent(offered, refusal, nowMs);
  const revives = (made: Plan): boolean => callsOf(made).some((c) => c.kind === 'revive');
  assert.not(revives(planOf([runs(0, 5_000)], refused)));
  assert.ok(revives(planOf([runs(0, 5_000), runs(1, 1_000)], refused)));
  // A REVIVE may have had to wait for its token.
  assert.ok(revives(planOf([runs(0, 60_000), runs(1, 15_000)], refused)));
  // So it is while something is to be released anyway, from other agents.
  const leaves = callsOf(planOf([runs(0, 5_000), record], offered)).find((c) => c.kind === 'decline');
  if (leaves === undefined) return assert.unreachable();
  const waits = foldSent(offered, leaves, nowMs);
  assert.not(revives(planOf([runs(0, 5_000), record], waits)));
  assert.ok(revives(planOf([runs(0, 5_000), record, runs(2, 1_000)], waits)));
});

test('what is left over once more is looked at again when its release is due', () => {
  const running = makeRecord(desired, broker);
  const { placement } = running;
  if (placement === undefined) return assert.unreachable();
  const again = (id: string) =>
    makeOffer(placement.agentId, {
      id,
      extra: reservedFor('demo', broker, placement).filter((r) => r.name === 'cpus'),
    });
  const planOf = (table: MesosTable, atMs: number): Plan =>
    plan(inputOf(table, atMs, makeMemory(desired, [running])));
  const first = tableOf([again('o1')]);
  const release = releaseOf(planOf(first, nowMs));
  if (release === undefined) return assert.unreachable();
  const sent = { ...foldSent(first, release, nowMs), offers: [again('o2')] };
  const made = planOf(sent, nowMs + 1_000);
  assert.is(releaseOf(made), undefined);
  assert.ok(made.declined.every((d) => d.refuseSeconds <= 5));
  assert.not(made.steps.some((s) => s.what === 'suppress offers'));
  assert.not(planOf({ ...sent, offers: [] }, nowMs + 1_000).steps.some((s) => s.what === 'suppress offers'));
  assert.ok(releaseOf(planOf(sent, nowMs + 5_000)) !== undefined);
});

test('a disk keeps its source when its volume is destroyed; one of the agent’s own has none', () => {
  const storage = {
    kind: 'persistent' as const,
    volumes: [
      { name: 'data', sizeMiB: 100, disk: 'root' as const },
      { name: 'fast', sizeMiB: 200, disk: 'mount' as const },
    ],
  };
  const disks = makeBroker(1, { storage });
  const place = makePlacement('demo', disks, { incarnation: 'old', agentId: 'agent-9' });
  const offer = makeOffer('agent-9', { extra: reservedFor('demo', disks, place, ['volumes']) });
  const call = releaseOf(plan(inputOf(tableOf([offer]))));
  const [destroy, unreserve] = call?.operations ?? [];
  assert.equal(destroy?.kind === 'destroy' && destroy.volumes.map((v) => v.disk?.volume?.persistenceId), [
    'demo-1-data-old',
    'demo-1-fast-old',
  ]);
  assert.equal(unreserve?.kind === 'unreserve' && unreserve.resources.map((r) => [r.scalar, r.disk]), [
    [100, undefined],
    [200, { source: { kind: 'mount', root: '/mnt/disk' } }],
  ]);
});

test('what Mesos refuses is said in its words', () => {
  const call = releaseOf(plan(inputOf(tableOf([full]))));
  if (call === undefined) return assert.unreachable();
  const [, unreserve = ''] = idsOf(call.operations);
  const sent = { ...foldSent(tableOf([full]), call, nowMs), offers: [{ ...full, id: 'again' }] };
  const refused = feedback(sent, unreserve, 'OPERATION_ERROR', 'Not authorized to unreserve');
  assert.match(
    heldOf(plan(inputOf(refused, nowMs + 1_000))),
    'Mesos refuses it: Not authorized to unreserve',
  );
});

test('an agent that gives no feedback is asked without ids from then on', () => {
  const call = releaseOf(plan(inputOf(tableOf([full]))));
  if (call === undefined) return assert.unreachable();
  const [, unreserve = ''] = idsOf(call.operations);
  const sent = { ...foldSent(tableOf([full]), call, nowMs), offers: [{ ...full, id: 'again' }] };
  const words =
    'Operation on agent default resources requested feedback, but agent agent-9 does not have the required AGENT_OPERATION_FEEDBACK capability';
  const next = releaseOf(plan(inputOf(feedback(sent, unreserve, 'OPERATION_ERROR', words), nowMs + 5_000)));
  assert.equal(next && idsOf(next.operations), [undefined, undefined]);
});

test('after a subscription operations are asked about while something is to be released', () => {
  const asks = (made: Plan): boolean =>
    made.steps.some((s) => s.action.kind === 'mesos' && s.action.call.kind === 'reconcile-operations');
  const fresh = { ...tableOf([]), operationsAsked: false };
  assert.ok(asks(plan(inputOf(fresh))));
  assert.not(asks(plan(inputOf(foldSent(fresh, { kind: 'reconcile-operations' }, nowMs)))));
  assert.not(asks(plan({ ...makeInput([makeMemory(desired)]), mesos: fresh })));
});

test('a voter does not leave, and a paused broker is left alone', () => {
  const leaving = makeRecord(desired, makeBroker(7, { roles: ['broker'] }));
  const kafka = makeKafka(desired);
  const quorum = {
    ...kafka.quorum,
    voters: [...kafka.quorum.voters, { nodeId: 7, logEndOffset: 1, lastCaughtUpMs: nowMs }],
  };
  const planned = (record: BrokerRecord, value: typeof kafka): Plan =>
    plan({
      ...makeInput([makeMemory(desired, [record])]),
      kafka: new Map([['demo', { known: true, value }]]),
    });
  const heldKinds = (made: Plan): readonly string[] =>
    made.held.flatMap((h) => (h.brokerId === 7 ? [h.reason.kind] : []));
  assert.equal(heldKinds(planned(leaving, { ...kafka, quorum })), ['not-yet-supported']);
  const paused = { ...leaving, intent: { kind: 'pause' as const, author: 'ann', atMs: nowMs } };
  assert.equal(heldKinds(planned(paused, kafka)), ['paused-by-operator']);
  assert.equal(heldKinds(planned(leaving, kafka)), []);
});

test('a share that was released is no proof while the superseded task of that place lives', () => {
  const task = { taskId: 'demo.1.0.t', agentId: 'agent-9' };
  const superseding = makeMemory(desired, [{ ...record, superseded: [task] }]);
  const empty = makeOffer('agent-9', { id: 'empty', receivedAtMs: nowMs });
  const made = (strangers: PlanInput['mesos']['strangers']): Plan =>
    plan({
      ...makeInput([superseding]),
      nowMs,
      mesos: {
        ...makeMesos([superseding], { offers: [empty], suppressed: false }),
        strangers,
        releases: new Map([
          [
            'old',
            {
              agentId: 'agent-9',
              lastAtMs: nowMs - 1_000,
              attempts: 1,
              pending: [],
              outcome: { kind: 'finished' },
            },
          ],
        ]),
      },
      kafka: new Map([['demo', { known: true, value: makeKafka(desired, { observedAtMs: nowMs - 500 }) }]]),
    });
  assert.not(forgets(made([task])), 'its own share may come yet');
  assert.ok(forgets(made([])), 'nobody saw it since');
});

test('another agent of the host says nothing of what is left on the one that is away', () => {
  const agentUrl = 'http://10.0.0.9:5051/slave(1)';
  const away = makeMemory(desired, [{ ...record, leftBehind: [{ ...left, agentUrl }] }]);
  const made = (url: string): Plan => {
    const offer = { ...makeOffer('agent-10', { hostname: 'agent-9', receivedAtMs: nowMs }), agentUrl: url };
    return plan(
      inputOf(
        { ...emptyMesosTable, ...makeMesos([away], { offers: [offer], suppressed: false }) },
        nowMs,
        away,
      ),
    );
  };
  assert.not(forgets(made('http://10.0.0.9:5052/slave(1)')));
  assert.ok(forgets(made(agentUrl)), 'the same one, under a new id');
});

test('an old disk that is kept says so, whether an offer shows it just now or not', () => {
  const kept = { ...record, leftBehind: [{ ...left, cause: 'relocated' as const }] };
  const detailsOf = (offers: PlanInput['mesos']['offers']): readonly string[] =>
    plan({
      ...inputOf(tableOf(offers), nowMs, makeMemory(desired, [kept])),
      kafka: new Map([['demo', { known: false, why: 'no broker answers' }]]),
    }).held.flatMap(({ reason }) => (reason.kind === 'left-behind' ? [reason.detail] : []));
  const said = ['its old disk is kept until broker 1 is in sync on its new one'];
  assert.equal(detailsOf([full]), said);
  assert.equal(detailsOf([]), said);
});

test.run();
