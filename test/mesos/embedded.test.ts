/** Client and translation against the embedded Mesos over HTTP: offers on request, and answers about tasks. */
import os from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { LocalMesos } from '../../src/local/local-mesos.ts';
import { startLocalMesos } from '../../src/local/server.ts';
import { agentResources } from '../../src/local/topology.ts';
import { createSchedulerClient } from '../../src/mesos/client.ts';
import { toEvent } from '../../src/mesos/from-wire.ts';
import { detectLeader } from '../../src/mesos/leader.ts';
import { toCall, toSubscribe } from '../../src/mesos/to-wire.ts';
import type { FrameworkSettings, MesosCall, MesosEvent } from '../../src/model/mesos.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import { send } from '../local/client.ts';
import { eventually, temporaryDirectory } from '../local/support.ts';

const settings: FrameworkSettings = {
  name: 'kafka-mesos',
  user: os.userInfo().username,
  role: 'kafka',
  principal: 'kafka',
  failoverTimeoutMs: 3_600_000,
};

function startMesos(directory: string): Promise<LocalMesos> {
  return startLocalMesos({
    directory,
    port: 0,
    agents: [
      {
        name: 'agent-1',
        hostname: 'agent-1',
        attributes: [],
        resources: agentResources({
          cpus: 4,
          memoryMiB: 4096,
          diskMiB: 1000,
          firstPort: 31_000,
          lastPort: 31_099,
        }),
      },
    ],
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    token: 'test-token',
    settings: { allocationIntervalMs: 100 },
    onShutdown: () => {},
    onFatal: (error) => {
      throw error;
    },
  });
}

function connect(mesos: LocalMesos, frameworkId?: string) {
  const events: MesosEvent[] = [];
  const detector = detectLeader(new URL(mesos.masterUrl).host, { logger: silentLogger });
  const client = createSchedulerClient({
    detector,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    subscription: () => toSubscribe(settings, frameworkId),
    beforeCall: () => {},
    onEvent(event) {
      const translated = toEvent(event, settings.role, systemClock.nowMs());
      if (translated !== undefined) events.push(translated);
    },
    onConnection: () => {},
  });
  client.start();
  const send = (call: MesosCall): Promise<void> => client.call(toCall(call, settings));
  const answers = (taskId: string): readonly string[] =>
    events.flatMap((e) => (e.kind === 'update' && e.update.taskId === taskId ? [e.update.state] : []));
  const offers = () => events.flatMap((e) => (e.kind === 'offers' ? e.offers : []));
  return {
    events,
    send,
    offers,
    answers,
    /** Whatever was decided before this was asked has been told when the answer is here. */
    async barrier(name: string) {
      await send({ kind: 'reconcile-tasks', tasks: [{ taskId: name, agentId: 'no-such-agent' }] });
      await eventually(`answer to ${name}`, () => answers(name)[0] === 'TASK_UNKNOWN');
    },
    subscribed: () => eventually('a subscription', () => events.some((e) => e.kind === 'subscribed')),
    close() {
      client.close();
      detector.close();
    },
  };
}

test('offers come when they are asked for; unknown tasks are GONE where the agent is known', async () => {
  const directory = temporaryDirectory();
  const mesos = await startMesos(directory.path);
  const first = connect(mesos);
  try {
    await first.subscribed();
    await first.barrier('b1');
    assert.equal(first.offers(), [], 'it subscribed suppressed');
    await first.send({ kind: 'revive' });
    await eventually('an offer', () => first.offers().length === 1);
    const [offer] = first.offers();
    if (offer === undefined) throw new Error('no offer');
    await first.send({ kind: 'decline', offerIds: [offer.id], refuseSeconds: 3_600, refusedFor: [] });
    await first.barrier('b2');
    assert.is(first.offers().length, 1, 'refused');
    await first.send({ kind: 'revive' });
    await eventually('the offer again', () => first.offers().length === 2);

    const { agentId } = offer;
    await first.send({ kind: 'reconcile-tasks', tasks: [{ taskId: 't1', agentId }] });
    await first.send({ kind: 'kill', taskId: 't2', agentId });
    await eventually('both answers', () => first.answers('t1').length + first.answers('t2').length === 2);
    assert.equal([first.answers('t1'), first.answers('t2')], [['TASK_GONE'], ['TASK_GONE']]);

    const id = first.events.flatMap((e) => (e.kind === 'subscribed' ? [e.frameworkId] : []))[0];
    first.close();
    const second = connect(mesos, id);
    try {
      await second.subscribed();
      await second.barrier('b3');
      assert.equal(second.offers(), [], 'a new subscription is suppressed anew');
    } finally {
      second.close();
    }
  } finally {
    first.close();
    await mesos.shutdown(0);
    await mesos.close();
    directory.remove();
  }
});

test('an answer to an inverse offer is what the operator sees', async () => {
  const directory = temporaryDirectory();
  const mesos = await startMesos(directory.path);
  const framework = connect(mesos);
  const operate = async (body: object): Promise<string> => {
    const url = new URL('/api/v1', mesos.masterUrl).href;
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json' };
    return (await send('POST', url, headers, JSON.stringify(body))).text;
  };
  try {
    await framework.subscribed();
    // Who holds nothing of an agent is not asked for it: its offer is enough.
    await framework.send({ kind: 'revive' });
    await eventually('an offer', () => framework.offers().length === 1);
    const ip = new URL(framework.offers()[0]?.agentUrl ?? '').hostname;
    await operate({
      type: 'UPDATE_MAINTENANCE_SCHEDULE',
      update_maintenance_schedule: {
        schedule: {
          windows: [
            {
              machine_ids: [{ hostname: 'agent-1', ip }],
              unavailability: { start: { nanoseconds: 1_900_000_000_000_000_000 } },
            },
          ],
        },
      },
    });
    const asked = () =>
      framework.events.flatMap((e) => (e.kind === 'inverse-offers' ? e.inverseOffers : [])).at(-1);
    const offer = await eventually('an inverse offer', asked);
    assert.equal(offer.unavailability, { startMs: 1_900_000_000_000 });
    assert.is(offer.agentId, framework.offers()[0]?.agentId);
    for (const accept of [false, true]) {
      const { id: inverseOfferId } = await eventually('an inverse offer', asked);
      await framework.send({ kind: 'answer-inverse-offer', inverseOfferId, accept, refuseSeconds: 1 });
      const status = await operate({ type: 'GET_MAINTENANCE_STATUS' });
      assert.match(status, accept ? /"ACCEPT"/ : /"DECLINE"/);
      if (!accept) await eventually('the next one', () => asked()?.id !== inverseOfferId);
    }
  } finally {
    framework.close();
    await mesos.shutdown(0);
    await mesos.close();
    directory.remove();
  }
});

test.run();
