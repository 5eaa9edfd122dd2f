/** The planner's ACCEPT against the model of Mesos, by way of the wire's words. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toCall, toEvent, toSubscribe } from '../../src/mesos/translate.ts';
import type { FrameworkSettings, MesosCall } from '../../src/model/mesos.ts';
import type { Action } from '../../src/model/plan.ts';
import type { BrokerRecord, ClusterMemory, ClusterRecord } from '../../src/model/records.ts';
import { emptyMesosTable, foldMesosEvent, foldSent, type MesosTable } from '../../src/observe/mesos-table.ts';
import { plan } from '../../src/plan/plan.ts';
import { events, statuses, World } from '../local/model/world.ts';
import { artifacts, countUuids, framework, makeBroker, makeDesired, makeSpec } from './builders.ts';

const settings: FrameworkSettings = { ...framework, principal: 'kafka' };

test('several brokers on one agent start by one ACCEPT, each with what is reserved for it', () => {
  const world = new World('agent-1');
  const desired = makeDesired({ brokers: [0, 1, 2].map((id) => makeBroker(id, { constraints: [] })) });
  let memory: ClusterMemory = { spec: makeSpec(desired), brokers: new Map() };
  let table: MesosTable = emptyMesosTable;
  const sent: MesosCall[] = [];
  let outputs = world.do({
    kind: 'subscribe',
    streamId: 's1',
    call: { type: 'SUBSCRIBE', subscribe: toSubscribe(settings, undefined) },
  });
  const perform = (action: Action): void => {
    if (action.kind === 'bind-cluster') memory = { ...memory, cluster: action.record as ClusterRecord };
    if (action.kind === 'broker')
      memory = {
        ...memory,
        brokers: new Map<number, BrokerRecord>([...memory.brokers, [action.record.id, action.record]]),
      };
    const call = action.kind === 'mesos' || action.kind === 'broker' ? action.call : undefined;
    if (call === undefined) return;
    sent.push(call);
    table = foldSent(table, call, world.nowMs);
    outputs.push(...world.call(toCall(call, settings)));
  };
  for (let pass = 0; pass < 3; pass += 1) {
    for (const event of events(outputs)) {
      const translated = toEvent(event, 'kafka', world.nowMs);
      if (translated !== undefined) table = foldMesosEvent(table, translated, () => true, world.nowMs);
    }
    outputs = [];
    const { steps } = plan({
      nowMs: world.nowMs,
      framework: settings,
      clusters: [memory],
      isTornDown: false,
      mesos: table,
      kafka: new Map(),
      kafkaRefusals: new Map(),
      artifacts,
      newUuid: countUuids(),
    });
    for (const { action } of steps) perform(action);
  }
  outputs = world.outputs.slice();
  assert.is(sent.filter((c) => c.kind === 'accept').length, 1);
  assert.is(sent.filter((c) => c.kind === 'revive').length, 1, 'it subscribed suppressed');
  const started = outputs.flatMap((o) =>
    o.kind === 'start-container' ? [o.volumes.map((v) => v.persistenceId)] : [],
  );
  assert.equal(
    started.map((ids) => ids.map((id) => id.split('-').slice(0, 3).join('-'))),
    [['demo-0-data'], ['demo-1-data'], ['demo-2-data']],
  );
  assert.equal(
    statuses(outputs).filter((s) => s.state === 'TASK_ERROR' || s.state === 'TASK_DROPPED'),
    [],
  );
});

test.run();
