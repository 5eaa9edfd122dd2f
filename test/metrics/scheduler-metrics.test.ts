/** What is counted as it happens: by the loop, at the ports, and for whoever asks. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createMeter } from '../../src/metrics/meter.ts';
import {
  ConflictError,
  InvariantError,
  ProtocolError,
  SpecError,
  UnavailableError,
} from '../../src/model/errors.ts';
import type { MesosCall } from '../../src/model/mesos.ts';
import type { Action, Step } from '../../src/model/plan.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { makeBroker, makeDesired, makeEnded, makeOffer, makeRecord } from '../plan/builders.ts';
import { createHarness, settle } from '../reconciler/harness.ts';
import { launched, taskOf } from '../reconciler/stages.ts';
import { metricsOf, readPage } from './support.ts';

const broker = makeBroker(1);
const desired = makeDesired({ brokers: [broker] });

test('the loop tells of its passes, of offers, starts and failures', async () => {
  const metrics = metricsOf();
  const harness = createHarness(undefined, metrics.observer);
  await launched(harness);
  harness.reconciler.onMesosEvent({
    kind: 'offers',
    offers: [makeOffer('agent-9', { receivedAtMs: harness.clock.nowMs() })],
  });
  await settle();
  const failed = {
    taskId: await taskOf(harness, 1),
    state: 'TASK_FAILED',
    agentId: 'agent-2',
    reason: 'CONTAINER_LIMITATION_MEMORY',
    uuid: 'u1',
  } as const;
  await harness.update(failed);
  // Mesos says it again when the acknowledgement was lost.
  await harness.update(failed);
  const page = readPage(await metrics.render());
  assert.is(page.of('kafka_mesos_starts_total{cluster="demo",kind="first"}'), 3);
  assert.is(page.of('kafka_mesos_offers_accepted_total'), 3);
  assert.is(page.of('kafka_mesos_offers_declined_total{reason="nothing-waits"}'), 1);
  assert.is(page.of('kafka_mesos_steps_total{kind="bind-cluster"}'), 1);
  assert.is(
    page.of(
      'kafka_mesos_task_failures_total{cluster="demo",state="TASK_FAILED",reason="CONTAINER_LIMITATION_MEMORY"}',
    ),
    1,
    'once, however often it is said',
  );
  assert.is(page.of('kafka_mesos_last_successful_pass_timestamp_seconds'), 77);
  const passes = page.of('kafka_mesos_passes_total{result="complete"}') ?? 0;
  assert.ok(passes > 3);
  assert.is(page.of('kafka_mesos_pass_duration_seconds_count'), passes);
  assert.is(page.of('kafka_mesos_pass_duration_seconds_sum'), passes * 0.25);
  assert.ok((page.of('kafka_mesos_restless_passes_total') ?? 0) > 0, 'a bound cluster is passed again');
});

test('a pass that could not store or read is none that succeeded', async () => {
  const wall = { nowMs: 77_000 };
  const metrics = metricsOf(undefined, [], wall);
  const harness = createHarness(undefined, metrics.observer);
  harness.onWrite = () => new UnavailableError('KM_UNAVAILABLE_STORE', 'down');
  await harness.reconciler.start();
  await settle();
  wall.nowMs = 99_000;
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await settle();
  const before = readPage(await metrics.render());
  assert.ok((before.of('kafka_mesos_passes_total{result="no-store"}') ?? 0) > 0);
  harness.onWrite = () => undefined;
  harness.onSend = () => new UnavailableError('KM_UNAVAILABLE_MASTER', 'gone');
  harness.clock.advance(1_000);
  await settle();
  const page = readPage(await metrics.render());
  assert.ok((page.of('kafka_mesos_passes_total{result="interrupted"}') ?? 0) > 0);
  assert.is(page.of('kafka_mesos_last_successful_pass_timestamp_seconds'), 77, 'of the one before');
});

test('what a step was for is told by its record', async () => {
  const metrics = metricsOf();
  const accept: MesosCall = { kind: 'accept', offerIds: ['o1', 'o2'], operations: [], refuseSeconds: 1 };
  const kill: MesosCall = { kind: 'kill', taskId: 't', agentId: 'a' };
  const base = makeRecord(desired, broker);
  const placement = base.placement;
  const task = base.task;
  if (placement === undefined || task === undefined) throw new Error('the builder makes both');
  const launch = { ...task, seen: false, launchedAtMs: 500 };
  const step = (action: Action): Step => ({ mark: '+', what: 'x', why: [], clusterName: 'demo', action });
  const started = (launches: number, boundAtMs: number): Step =>
    step({
      kind: 'broker',
      record: { ...base, launches, task: launch, placement: { ...placement, boundAtMs } },
      call: accept,
    });
  const rolled = { ...task, kill: { cause: 'roll' as const, detail: '', atMs: 0 } };
  metrics.observer.passEnds({
    plan: { steps: [], held: [], declined: [] },
    executed: [
      started(1, 500),
      started(2, 100),
      started(3, 500),
      step({ kind: 'broker', record: { ...base, task: rolled }, call: kill }),
      step({ kind: 'mesos', call: kill }),
      step({ kind: 'broker', record: { ...base, task: rolled } }),
    ],
    interrupted: false,
    isRestless: false,
    offersInHand: 4,
  });
  const page = readPage(await metrics.render());
  assert.is(page.of('kafka_mesos_starts_total{cluster="demo",kind="first"}'), 1);
  assert.is(page.of('kafka_mesos_starts_total{cluster="demo",kind="restart"}'), 1);
  assert.is(page.of('kafka_mesos_starts_total{cluster="demo",kind="relocation"}'), 1);
  assert.is(page.of('kafka_mesos_offers_accepted_total'), 6);
  assert.is(page.of('kafka_mesos_kills_total{cause="roll"}'), 1);
  assert.is(page.of('kafka_mesos_kills_total{cause="superseded"}'), 1);
  assert.is(page.of('kafka_mesos_offers_in_hand'), 4);
});

test('a stop that was ordered is no failure', async () => {
  const metrics = metricsOf();
  const { last } = makeEnded(desired, broker);
  if (last === undefined) throw new Error('the builder makes one');
  metrics.observer.taskEnded('demo', { ...last, state: 'TASK_KILLED', ordered: true });
  const { series } = readPage(await metrics.render());
  assert.equal(
    series.filter((one) => one.startsWith('kafka_mesos_task_failures_total')),
    [],
  );
});

test('operations of the store and calls to Mesos, by what became of them; errors pass as they are', async () => {
  const metrics = metricsOf();
  const inner = createMemoryStoreBackend().connect();
  const store = metrics.watchStore(inner);
  await store.claim();
  await store.write('a', 1, 0);
  assert.is((await store.read('a'))?.value, 1);
  await store.write('a', 2, 0).then(
    () => assert.unreachable('a stale version is refused'),
    (error: unknown) => assert.instance(error, ConflictError),
  );
  const errors = [
    new UnavailableError('KM_UNAVAILABLE_X', 'x'),
    new ProtocolError('KM_PROTOCOL_X', 'x'),
    new SpecError('KM_SPEC_X', 'x'),
    new InvariantError('KM_BUG_X', 'x'),
    new TypeError('x'),
  ];
  const port = metrics.watchMesos({
    async send() {
      const error = errors.shift();
      if (error !== undefined) throw error;
    },
  });
  for (const error of [...errors]) {
    await port.send({ kind: 'revive' }).then(
      () => assert.unreachable('it fails'),
      (thrown: unknown) => assert.is(thrown, error),
    );
  }
  await port.send({ kind: 'revive' });
  const page = readPage(await metrics.render());
  const ops = 'kafka_mesos_store_operations_total';
  assert.is(page.of(`${ops}{operation="write",result="ok"}`), 1);
  assert.is(page.of(`${ops}{operation="write",result="conflict"}`), 1);
  assert.is(page.of(`${ops}{operation="read",result="ok"}`), 1);
  assert.is(page.of('kafka_mesos_store_operation_duration_seconds_count{operation="write"}'), 2);
  for (const result of ['unavailable', 'protocol', 'refused', 'bug', 'unknown', 'ok']) {
    assert.is(page.of(`kafka_mesos_master_calls_total{call="revive",result="${result}"}`), 1, result);
  }
  assert.is(page.of('kafka_mesos_master_call_duration_seconds_sum'), 1.5);
});

test('requests by the pattern of their route, artifacts by their bytes', async () => {
  const metrics = metricsOf();
  for (const status of [200, 204, 404]) {
    metrics.apiRequest({ route: '/v1/clusters/:name', method: 'GET', status, durationMs: 3 });
  }
  metrics.apiRequest({ route: undefined, method: 'GET', status: 404, durationMs: 3 });
  metrics.artifactServed({ status: 206, bytes: 10 });
  metrics.artifactServed({ status: 200, bytes: 32 });
  metrics.mesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  metrics.mesosEvent({ kind: 'rescind', offerId: 'o' });
  const page = readPage(await metrics.render());
  const of = 'kafka_mesos_api_requests_total';
  assert.is(page.of(`${of}{route="/v1/clusters/:name",method="GET",code="2xx"}`), 2);
  assert.is(page.of(`${of}{route="/v1/clusters/:name",method="GET",code="4xx"}`), 1);
  assert.is(page.of(`${of}{route="none",method="GET",code="4xx"}`), 1);
  assert.is(page.of('kafka_mesos_artifact_bytes_total'), 42);
  assert.is(page.of('kafka_mesos_artifact_requests_total{code="2xx"}'), 2);
  assert.is(page.of('kafka_mesos_master_subscriptions_total'), 1);
  assert.is(page.of('kafka_mesos_offers_rescinded_total'), 1);
});

test('words beyond the bound are counted as other', async () => {
  const meter = createMeter();
  for (let i = 0; i < 1_000; i += 1) {
    meter.count('kafka_mesos_task_failures_total', {
      cluster: 'demo',
      state: 'TASK_FAILED',
      reason: `R${i}`,
    });
  }
  const page = readPage(await meter.render([]));
  const series = page.series.filter((one) => one.startsWith('kafka_mesos_task_failures_total'));
  assert.is(series.length, 401);
  assert.is(page.of('kafka_mesos_task_failures_total{cluster="other",state="other",reason="other"}'), 600);
});

test('whoever is counted never fails by it, and a view that fails leaves the rest', async () => {
  const logged: string[] = [];
  const metrics = metricsOf(undefined, logged);
  metrics.apiRequest({ route: '/x', method: 'GET', status: 200, durationMs: Number.NaN });
  metrics.artifactServed({ status: 200, bytes: -1 });
  metrics.lead(() => {
    throw new Error('not started');
  });
  const page = readPage(await metrics.render());
  assert.is(page.of('kafka_mesos_leading'), 1);
  assert.ok(logged.includes('something was not counted'));
  assert.ok(logged.includes('the clusters could not be measured'));
});

test.run();
