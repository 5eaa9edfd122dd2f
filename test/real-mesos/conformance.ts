/**
 * Our client and this master against one another: what mesos-v1 and the recordings of a real Mesos say
 * (test/fixtures/mesos-transcripts; the numbers name them) has to be so here too.
 */
import { randomUUID } from 'node:crypto';
import { encodeSchedulerCall } from '../../src/mesos/codec.ts';
import type { HostPort } from '../../src/mesos/master-address.ts';
import type { Offer, SchedulerCallBody, TaskStatus } from '../../src/mesos/types.ts';
import { ConflictError, ProtocolError, UnavailableError } from '../../src/model/errors.ts';
import { type Answer, post } from './http-post.ts';
import { agentId, type Operator } from './operator.ts';
import type { Ground } from './preflight.ts';
import { probeAgents } from './probe-tasks.ts';
import { expect, type Report, until } from './report.ts';
import type { Settings } from './settings.ts';
import { type Subscriber, subscribe } from './subscriber.ts';

export type Chapter = {
  readonly settings: Settings;
  readonly operator: Operator;
  readonly report: Report;
  readonly ground: Ground;
  /** Of the framework; this run's alone. */
  readonly name: string;
};

/** How long nothing may come, where nothing is right: a few of the master's allocation cycles. */
const silenceMs = 4_000;
const longSeconds = 3_600;
const protobuf = 'application/x-protobuf';

export async function checkConformance(chapter: Chapter): Promise<void> {
  const open: Subscriber[] = [];
  try {
    await runSteps(chapter, open);
  } finally {
    for (const one of open) one.close();
  }
}

async function runSteps(chapter: Chapter, open: Subscriber[]): Promise<void> {
  const { settings, operator, report, ground, name } = chapter;
  const { waitMs } = settings;
  const connect = (frameworkId?: string): Subscriber => {
    const one = subscribe(settings, operator.detector, name, frameworkId);
    open.push(one);
    return one;
  };
  report.chapter('Client conformance');
  const first = connect();
  let master: HostPort = { host: '', port: 0 };
  let frameworkId = '';

  await report.step('SUBSCRIBE by protobuf is answered with a stream and SUBSCRIBED (01)', async () => {
    const connection = await first.subscribed(waitMs);
    ({ master, frameworkId } = connection);
    expect(first.events[0]?.type === 'SUBSCRIBED', `the first event is ${first.events[0]?.type}`);
    const listed = (await operator.frameworks()).find((f) => f.framework_info.id?.value === frameworkId);
    expect(listed?.connected === true, 'the operator API does not list it as connected');
    return `framework ${frameworkId}`;
  });
  await report.step('a HEARTBEAT comes at once, not only after the interval (01)', async () => {
    await until('HEARTBEAT', waitMs, () => first.heartbeatsMs.length > 0);
    const late = (first.heartbeatsMs[0] ?? 0) - first.subscribedAtMs();
    expect(late < first.heartbeatMs() / 2, `it came ${late} ms after SUBSCRIBED`);
    return `the interval is ${first.heartbeatMs() / 1_000} s`;
  });
  await report.step('roles suppressed at SUBSCRIBE are offered nothing (23)', async () => {
    await new Promise((resolve) => setTimeout(resolve, silenceMs));
    const names = [...first.offers.values()].map(({ hostname }) => hostname);
    expect(names.length === 0, `there were offers of ${names.join(', ')}`);
    return undefined;
  });
  await report.step('REVIVE brings OFFERS of every agent, allocated to our role (01)', async () => {
    await first.call({ type: 'REVIVE' });
    const offers = await offersOfAll(first, chapter);
    for (const offer of offers) {
      const role = offer.allocation_info?.role;
      expect(role === settings.role, `offer ${offer.id.value} is allocated to ${role}, not ${settings.role}`);
      expect(offer.url !== undefined, `offer ${offer.id.value} does not say where its agent listens`);
    }
    return `${offers.length} offers`;
  });
  await report.step('DECLINE with a long filter keeps them away; REVIVE brings them back (02)', async () => {
    const declined = await declineAll(first);
    await expectSilence(first, declined, 'a filter of one hour');
    await first.call({ type: 'REVIVE' });
    await offersOfAll(first, chapter);
    return undefined;
  });
  await report.step('SUPPRESS stops offers; REVIVE ends that (02)', async () => {
    await first.call({ type: 'SUPPRESS' });
    const declined = await declineAll(first, 0);
    await expectSilence(first, declined, 'SUPPRESS');
    await first.call({ type: 'REVIVE' });
    await offersOfAll(first, chapter);
    return undefined;
  });
  await report.step('RECONCILE without tasks, none running, is answered with nothing (06)', async () => {
    const seen = first.events.length;
    await first.call({ type: 'RECONCILE', reconcile: {} });
    // Calls are taken in order: what would answer the first comes before the answer to the second.
    await reconciled(first, 'after-implicit', undefined, waitMs);
    const updates = first.events.slice(seen).filter((event) => event.type === 'UPDATE');
    expect(updates.length === 1, `${updates.length - 1} updates came`);
    return undefined;
  });
  await report.step(
    'RECONCILE of an unknown task is answered, by what the agent is to the master (06)',
    async () => {
      const [agent] = ground.agents;
      const without = await reconciled(first, 'unknown-1', undefined, waitMs);
      const registered = await reconciled(first, 'unknown-2', agent && agentId(agent), waitMs);
      const elsewhere = await reconciled(first, 'unknown-3', 'no-such-agent', waitMs);
      const states = [without, registered, elsewhere].map(({ state }) => state).join(', ');
      expect(
        states === 'TASK_UNKNOWN, TASK_GONE, TASK_UNKNOWN',
        `without an agent, on a registered one, on an unknown one: ${states}; expected TASK_UNKNOWN, TASK_GONE, TASK_UNKNOWN`,
      );
      for (const { uuid, source, reason } of [without, registered, elsewhere]) {
        expect(uuid === undefined, 'the answer has a uuid, as if it had to be acknowledged');
        expect(
          source === 'SOURCE_MASTER' && reason === 'REASON_RECONCILIATION',
          `the answer has source ${source} and reason ${reason}`,
        );
      }
      return states;
    },
  );
  await report.step('KILL of an unknown task is answered like RECONCILE (05)', async () => {
    await first.call({ type: 'KILL', kill: { task_id: { value: 'unknown-4' } } });
    const status = await first.update('unknown-4', waitMs);
    expect(status.state === 'TASK_UNKNOWN', `it is answered with ${status.state}, not TASK_UNKNOWN`);
    return status.state;
  });
  await report.step(
    'a call that is wrong is 400, and the subscription is as good as before (06, 12)',
    async () => {
      const error = await first.call({ type: 'RECONCILE' } as SchedulerCallBody).then(
        () => undefined,
        (one: unknown) => one,
      );
      expect(
        error instanceof ProtocolError,
        `RECONCILE without its field was answered with ${String(error)}`,
      );
      expect(
        error.message.includes(
          "400: Failed to validate scheduler::Call: Expecting 'reconcile' to be present",
        ),
        error.message,
      );
      await reconciled(first, 'after-400', undefined, waitMs);
      expect(first.subscriptions() === 1, `it was subscribed ${first.subscriptions()} times`);
      return undefined;
    },
  );
  await report.step('stream ids, framework ids and media types are checked (12)', async () => {
    const framework_id = { value: frameworkId };
    const revive = encodeSchedulerCall({ type: 'REVIVE', framework_id });
    const stranger = encodeSchedulerCall({ type: 'REVIVE', framework_id: { value: 'no-such-framework' } });
    const streamId = randomUUID();
    // Never a call of type UNKNOWN: that aborts a real master.
    const say = (body: Uint8Array, headers: Record<string, string>): Promise<Answer> =>
      post({
        master,
        path: '/api/v1/scheduler',
        headers: { 'Content-Type': protobuf, Accept: protobuf, ...headers },
        body,
        credentials: settings.credentials,
      });
    const cases: readonly [string, Promise<Answer>, number, RegExp][] = [
      ['another stream id', say(revive, { 'Mesos-Stream-Id': streamId }), 400, /didn't match the stream ID/],
      ['no stream id', say(revive, {}), 400, /should include the 'Mesos-Stream-Id' header/],
      [
        'an unknown framework',
        say(stranger, { 'Mesos-Stream-Id': streamId }),
        400,
        /^Framework cannot be found/,
      ],
      ['bytes that are no call', say(Uint8Array.of(255, 255, 255), {}), 400, /./],
      [
        'a media type with a parameter',
        say(revive, { 'Content-Type': 'application/json; charset=utf-8' }),
        415,
        /./,
      ],
    ];
    for (const [what, answer, status, text] of cases) {
      const got = await answer;
      expect(
        got.status === status && text.test(got.text),
        `${what} is answered with ${got.status}: ${got.text}; expected ${status} and ${text}`,
      );
    }
    await reconciled(first, 'after-strangers', undefined, waitMs);
    return `${cases.length} refusals`;
  });
  await report.step('each agent fetches from here, runs a task, and has Java 17 or later (03)', () =>
    probeAgents(first, chapter, () => offersOfAll(first, chapter)),
  );
  await report.step('HEARTBEATs come at the interval that was said (01)', async () => {
    await until('two more HEARTBEATs', waitMs + 3 * first.heartbeatMs(), () => first.heartbeatsMs.length > 2);
    const [, second = 0, third = 0] = first.heartbeatsMs;
    expect(third - second < 2 * first.heartbeatMs(), `${third - second} ms are between two of them`);
    return `${((third - second) / 1_000).toFixed(1)} s between two`;
  });
  let successor: Subscriber | undefined;
  await report.step('a second SUBSCRIBE with the id takes over, and the first is told so (10)', async () => {
    successor = connect(frameworkId);
    const taken = await successor.subscribed(waitMs);
    expect(taken.frameworkId === frameworkId, `it got another id, ${taken.frameworkId}`);
    await until(
      'the first subscription ends as failed over',
      waitMs,
      () => first.connection().kind === 'failed-over',
      () => `it is ${first.connection().kind}`,
    );
    const error = await first.call({ type: 'REVIVE' }).catch((one: unknown) => one);
    expect(error instanceof ConflictError, `a call of the first was taken all the same: ${String(error)}`);
    await reconciled(successor, 'after-failover', undefined, waitMs);
    return undefined;
  });
  await report.step('TEARDOWN ends it, and its id cannot be used again (11)', async () => {
    // The stream may end before the 202 comes (11): then nobody knows, and the master is asked.
    await successor?.call({ type: 'TEARDOWN' }).catch((error: unknown) => {
      expect(error instanceof UnavailableError && error.outcome === 'unknown', String(error));
    });
    await until('it is not listed any more', waitMs, async () =>
      (await operator.frameworks()).every((f) => f.framework_info.id?.value !== frameworkId),
    );
    successor?.close();
    const late = connect(frameworkId);
    await until(
      'a SUBSCRIBE with that id is told that it has been removed',
      waitMs,
      () => late.connection().kind === 'removed',
      () => `it is ${late.connection().kind}`,
    );
    return undefined;
  });
}

/** An offer of each agent with room, all held. */
async function offersOfAll(one: Subscriber, { ground, settings }: Chapter): Promise<readonly Offer[]> {
  const missing = (): readonly string[] => {
    const held = new Set([...one.offers.values()].map((offer) => offer.agent_id.value));
    return ground.agents.filter((agent) => !held.has(agentId(agent))).map((a) => a.agent_info.hostname);
  };
  await until(
    'an offer of every agent',
    settings.waitMs,
    () => missing().length === 0,
    () =>
      `none of ${missing().join(', ')}\n→ another framework may hold their offers, or quota or roles keep them from ours (MESOS_ROLE)`,
  );
  return [...one.offers.values()];
}

async function declineAll(one: Subscriber, refuseSeconds = longSeconds): Promise<readonly Offer[]> {
  const offers = [...one.offers.values()];
  const offer_ids = offers.map(({ id }) => id);
  one.offers.clear();
  await one.call({ type: 'DECLINE', decline: { offer_ids, filters: { refuse_seconds: refuseSeconds } } });
  return offers;
}

/** More than was declined may be offered at any time: others give it back. */
async function expectSilence(one: Subscriber, declined: readonly Offer[], why: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, silenceMs));
  const again = [...one.offers.values()].filter((offer) =>
    declined.some((d) => d.agent_id.value === offer.agent_id.value && cpusOf(d) >= cpusOf(offer)),
  );
  expect(
    again.length === 0,
    `in spite of ${why} the same was offered again within ${silenceMs / 1_000} s, by ${again.map((o) => o.hostname).join(', ')}`,
  );
}

function cpusOf(offer: Offer): number {
  return (offer.resources ?? [])
    .filter((r) => r.name === 'cpus')
    .reduce((sum, r) => sum + (r.scalar?.value ?? 0), 0);
}

async function reconciled(
  one: Subscriber,
  taskId: string,
  agent: string | undefined,
  waitMs: number,
): Promise<TaskStatus> {
  const task = { task_id: { value: taskId }, ...(agent === undefined ? {} : { agent_id: { value: agent } }) };
  await one.call({ type: 'RECONCILE', reconcile: { tasks: [task] } });
  return one.update(taskId, waitMs);
}
