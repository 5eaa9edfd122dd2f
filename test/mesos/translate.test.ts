/** The planner's words and the wire's; bodies as a real Mesos recorded them (17-maintenance). */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  decodeSchedulerCall,
  decodeSchedulerEvent,
  encodeSchedulerCall,
  encodeSchedulerEvent,
} from '../../src/mesos/codec.ts';
import { toEvent } from '../../src/mesos/from-wire.ts';
import { toCall, toSubscribe } from '../../src/mesos/to-wire.ts';
import type { SchedulerEvent } from '../../src/mesos/types.ts';
import {
  type FrameworkSettings,
  isTerminal,
  type MesosCall,
  type MesosEvent,
} from '../../src/model/mesos.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { makeBroker, makeDesired, makeRecord, nowMs } from '../plan/builders.ts';

const settings: FrameworkSettings = {
  name: 'kafka-dev',
  user: 'root',
  role: 'kafka',
  principal: 'kafka',
  failoverTimeoutMs: 3_600_000,
};
const framework_id = { value: 'F' };

/** By way of the bytes. */
function read(event: SchedulerEvent): MesosEvent | undefined {
  return toEvent(decodeSchedulerEvent(encodeSchedulerEvent(event)), 'kafka', 5);
}
function written(call: MesosCall): unknown {
  const { framework_id: _id, ...body } = decodeSchedulerCall(
    encodeSchedulerCall({ framework_id, ...toCall(call, settings) }),
  );
  return body;
}

test('inverse offers and their rescission', () => {
  const event: SchedulerEvent = {
    type: 'INVERSE_OFFERS',
    inverse_offers: {
      inverse_offers: [
        {
          id: { value: 'O6' },
          url: {
            scheme: 'http',
            address: { hostname: '127.0.17.11', ip: '127.0.17.11', port: 5051 },
            path: '/slave(1)',
          },
          framework_id,
          agent_id: { value: 'S0' },
          unavailability: {
            start: { nanoseconds: 1_795_353_981_162_138_400 },
            duration: { nanoseconds: 3600000000000 },
          },
        },
        { id: { value: 'O7' }, framework_id, unavailability: { start: { nanoseconds: 1_000_000 } } },
      ],
    },
  };
  assert.equal(read(event), {
    kind: 'inverse-offers',
    inverseOffers: [
      {
        id: 'O6',
        agentId: 'S0',
        unavailability: { startMs: 1_795_353_981_162, durationMs: 3_600_000 },
        receivedAtMs: 5,
      },
    ],
  });
  assert.equal(
    read({ type: 'RESCIND_INVERSE_OFFER', rescind_inverse_offer: { inverse_offer_id: { value: 'O6' } } }),
    { kind: 'rescind-inverse-offer', inverseOfferId: 'O6' },
  );
});

test('the answers to an inverse offer', () => {
  const answer = { kind: 'answer-inverse-offer', inverseOfferId: 'O6', refuseSeconds: 1 } as const;
  const body = { inverse_offer_ids: [{ value: 'O6' }], filters: { refuse_seconds: 1 } };
  assert.equal(written({ ...answer, accept: true }), {
    type: 'ACCEPT_INVERSE_OFFERS',
    accept_inverse_offers: body,
  });
  assert.equal(written({ ...answer, accept: false }), {
    type: 'DECLINE_INVERSE_OFFERS',
    decline_inverse_offers: body,
  });
});

test('who we are: what we can do, a principal, checkpoints, time to fail over, and no offers before we ask', () => {
  const { framework_info: info, suppressed_roles } = toSubscribe(settings, 'F');
  assert.equal(
    info.capabilities?.map((c) => c.type),
    ['MULTI_ROLE', 'PARTITION_AWARE', 'TASK_KILLING_STATE', 'RESERVATION_REFINEMENT', 'REGION_AWARE'],
  );
  assert.is(info.checkpoint, true);
  assert.is(info.principal, 'kafka');
  assert.is(info.failover_timeout, 3_600);
  assert.equal(info.roles, ['kafka']);
  assert.equal(info.id, { value: 'F' });
  assert.equal(suppressed_roles, ['kafka']);
});

test('a volume that grows: what is added is reserved as it is, and the id asks for feedback', () => {
  const reservations = [
    { kind: 'dynamic', role: 'kafka', principal: 'kafka', labels: { broker: '0' } },
  ] as const;
  const body = toCall(
    {
      kind: 'accept',
      offerIds: ['o'],
      refuseSeconds: 1,
      operations: [
        {
          kind: 'grow',
          id: 'grow.i0.loyw3v28.0',
          volume: {
            name: 'disk',
            scalar: 1000,
            reservations,
            disk: { source: { kind: 'root' }, volume: { persistenceId: 'p', containerPath: 'data' } },
          },
          addition: { name: 'disk', scalar: 500, reservations },
        },
      ],
    },
    settings,
  );
  const call = decodeSchedulerCall(encodeSchedulerCall({ framework_id, ...body }));
  assert.equal(call, { framework_id, ...body });
  const wire = call.type === 'ACCEPT' ? call.accept?.operations?.[0] : undefined;
  if (wire?.type !== 'GROW_VOLUME') throw new Error('it is another operation');
  assert.is(wire.id?.value, 'grow.i0.loyw3v28.0');
  assert.is(wire.grow_volume.volume.disk?.persistence?.id, 'p');
  assert.is(wire.grow_volume.addition.disk, undefined);
  assert.equal(wire.grow_volume.addition.reservations, wire.grow_volume.volume.reservations);
});

test('kill, explicit reconciliation and acknowledgement name the agent', () => {
  assert.equal(written({ kind: 'kill', taskId: 't', agentId: 'a', graceMs: 1_500 }), {
    type: 'KILL',
    kill: {
      task_id: { value: 't' },
      agent_id: { value: 'a' },
      kill_policy: { grace_period: { nanoseconds: 1_500_000_000 } },
    },
  });
  assert.equal(written({ kind: 'reconcile-tasks', tasks: [{ taskId: 't', agentId: 'a' }] }), {
    type: 'RECONCILE',
    reconcile: { tasks: [{ task_id: { value: 't' }, agent_id: { value: 'a' } }] },
  });
  assert.equal(written({ kind: 'acknowledge', taskId: 't', agentId: 'a', uuid: 'AAAA' }), {
    type: 'ACKNOWLEDGE',
    acknowledge: { task_id: { value: 't' }, agent_id: { value: 'a' }, uuid: 'AAAA' },
  });
});

test('a recorded drain, and an agent that was marked gone, are no failures of a broker', () => {
  const lines = readFileSync(
    new URL('../fixtures/mesos-transcripts/16-gone-drain-deactivate.jsonl', import.meta.url),
    'utf8',
  );
  const broker = makeBroker(1);
  const record = makeRecord(makeDesired(), broker);
  const ends = lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((line) => line.kind === 'event' && line.body?.type === 'UPDATE')
    .map((line) => toEvent(line.body, 'kafka', nowMs))
    .flatMap((event) => (event?.kind === 'update' && isTerminal(event.update.state) ? [event.update] : []))
    .map((update) => foldUpdate(record, { ...update, taskId: record.task?.taskId ?? '' }, broker, nowMs));
  const told = ends.map(({ last, failures, stickyUntilMs = 0 }) =>
    [last?.state, last?.reason, last?.ordered, failures, (stickyUntilMs - nowMs) / 1_000].join(' '),
  );
  assert.equal(
    [...new Set(told)],
    [
      'TASK_KILLED AGENT_DRAINING true 0 600',
      'TASK_GONE_BY_OPERATOR AGENT_DRAINING true 0 0',
      'TASK_GONE_BY_OPERATOR AGENT_REMOVED_BY_OPERATOR true 0 0',
      'TASK_GONE_BY_OPERATOR RECONCILIATION true 0 0',
    ],
  );
});

test.run();
