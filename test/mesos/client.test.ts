import { inspect } from 'node:util';
import { suite, test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Connection, createSchedulerClient, type SchedulerClient } from '../../src/mesos/client.ts';
import { detectLeader, type LeaderDetector } from '../../src/mesos/leader.ts';
import type { HostPort } from '../../src/mesos/master-address.ts';
import { type Credentials, refusalOf } from '../../src/mesos/scheduler-http.ts';
import type { FrameworkInfo, SchedulerEvent } from '../../src/mesos/types.ts';
import { ConflictError, ProtocolError, UnavailableError } from '../../src/model/errors.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { normaliseBody, readFixtures } from './recordings.ts';
import {
  type Arrival,
  type EventStreamEnd,
  orHang,
  type ScriptedMaster,
  startScriptedMaster,
} from './scripted-master.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

type Harness = {
  readonly client: SchedulerClient;
  readonly clock: VirtualClock;
  readonly events: SchedulerEvent[];
  readonly connections: Connection[];
  readonly logs: string[];
  /** Resolves when the condition holds, which is looked at after every callback of the client. */
  until(condition: () => boolean): Promise<void>;
  connected(kind: Connection['kind']): Promise<Connection>;
};

const framework: FrameworkInfo = { user: 'root', name: 'kafka', roles: ['kafka'], failover_timeout: 3600 };
const subscribed: SchedulerEvent = {
  type: 'SUBSCRIBED',
  subscribed: { framework_id: { value: 'fw-1' }, heartbeat_interval_seconds: 15 },
};
const revive = { type: 'REVIVE' } as const;

function createHarness(options: {
  readonly detector: LeaderDetector;
  readonly credentials?: Credentials;
  readonly random?: number;
  readonly beforeCall?: () => void;
}): Harness {
  const clock = createVirtualClock();
  const events: SchedulerEvent[] = [];
  const connections: Connection[] = [];
  const logs: string[] = [];
  const waits: { condition: () => boolean; resolve: () => void }[] = [];
  let frameworkId: string | undefined;
  const look = (): void => {
    for (const wait of [...waits]) {
      if (!wait.condition()) continue;
      waits.splice(waits.indexOf(wait), 1);
      wait.resolve();
    }
  };
  const log = (message: string, fields?: Record<string, unknown>): void => {
    logs.push(`${message} ${JSON.stringify(fields)}`);
  };
  const client = createSchedulerClient({
    detector: options.detector,
    clock,
    random: { next: () => options.random ?? 0.5 },
    logger: { debug: log, info: log, warn: log, error: log },
    ...(options.credentials ? { credentials: options.credentials } : {}),
    subscription: () => ({
      framework_info: frameworkId === undefined ? framework : { ...framework, id: { value: frameworkId } },
      suppressed_roles: ['kafka'],
    }),
    beforeCall: options.beforeCall ?? (() => {}),
    onEvent(event) {
      if (event.type === 'SUBSCRIBED') frameworkId = event.subscribed.framework_id.value;
      events.push(event);
      look();
    },
    onConnection(connection) {
      connections.push(connection);
      look();
    },
  });
  const until = (condition: () => boolean): Promise<void> =>
    condition()
      ? Promise.resolve()
      : orHang(
          new Promise<void>((resolve) => waits.push({ condition, resolve })),
          `the client is ${inspect(connections.at(-1))}`,
        );
  return {
    client,
    clock,
    events,
    connections,
    logs,
    until,
    async connected(kind) {
      await until(() => client.connection().kind === kind);
      return client.connection();
    },
  };
}

/** A master, a client subscribed with it, and everything closed in the end. */
async function withSubscription(
  run: (
    harness: Harness,
    master: ScriptedMaster,
    stream: EventStreamEnd,
    subscribe: Arrival,
  ) => Promise<void>,
  options: { readonly credentials?: Credentials; readonly beforeCall?: () => void } = {},
): Promise<void> {
  await withMasters(1, async ([master]) => {
    assert.ok(master);
    const detector = detectLeader(master.address, { logger: silentLogger });
    const harness = createHarness({ detector, ...options });
    try {
      harness.client.start();
      const subscribe = await master.next();
      const stream = subscribe.stream();
      stream.send(subscribed);
      await harness.connected('subscribed');
      await run(harness, master, stream, subscribe);
    } finally {
      harness.client.close();
    }
    await master.idle();
    assert.equal(harness.clock.pending(), [], 'timers are left');
  });
}

async function withMasters(count: number, run: (masters: ScriptedMaster[]) => Promise<void>): Promise<void> {
  const masters = await Promise.all(Array.from({ length: count }, startScriptedMaster));
  try {
    await run(masters);
  } finally {
    await Promise.all(masters.map((master) => master.close()));
  }
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not reject');
}

test('a recorded stream arrives in order, however it is cut', async () => {
  const raw = Buffer.concat(
    readFixtures('protobuf', '03-')
      .filter(({ kind, api }) => kind === 'event' && api === 'scheduler')
      .map((event) => event.raw),
  );
  const bodies = readFixtures('protobuf', '03-')
    .filter(({ kind }) => kind === 'event')
    .map(({ body }) => normaliseBody(body));
  await withMasters(1, async ([master]) => {
    assert.ok(master);
    const harness = createHarness({ detector: detectLeader(master.address, { logger: silentLogger }) });
    harness.client.start();
    const stream = (await master.next()).stream();
    for (let at = 0; at < raw.length; at += 37) stream.write(raw.subarray(at, at + 37));
    await harness.until(() => harness.events.length === bodies.length);
    assert.equal(harness.events, bodies);
    harness.client.close();
    await stream.closed();
  });
});

test('SUBSCRIBE is what Mesos asks for, and the calls carry the ids it gave', () =>
  withSubscription(async ({ client, connections }, master, _stream, subscribe) => {
    assert.is(subscribe.headers.accept, 'application/x-protobuf');
    assert.is(subscribe.headers['content-type'], 'application/x-protobuf');
    assert.is(subscribe.headers['mesos-stream-id'], undefined);
    assert.is(subscribe.headers.authorization, undefined);
    assert.equal(subscribe.call, {
      type: 'SUBSCRIBE',
      subscribe: { framework_info: framework, suppressed_roles: ['kafka'] },
    });
    assert.equal(
      connections.map(({ kind }) => kind),
      ['connecting', 'subscribed'],
    );
    const sent = client.call({ type: 'KILL', kill: { task_id: { value: 't' } } });
    const kill = await master.next();
    assert.is(kill.headers['mesos-stream-id'], 'stream-1');
    assert.equal(kill.call, {
      type: 'KILL',
      framework_id: { value: 'fw-1' },
      kill: { task_id: { value: 't' } },
    });
    kill.answer(202);
    await sent;
  }));

test('calls go one after another over one connection of their own', () =>
  withSubscription(async ({ client }, master, _stream, subscribe) => {
    const names = ['a', 'b', 'c'];
    const sent = names.map((value) => client.call({ type: 'KILL', kill: { task_id: { value } } }));
    const ports = new Set<number | undefined>();
    for (const name of names) {
      const arrival = await master.next();
      assert.is(arrival.call.kill?.task_id.value, name);
      ports.add(arrival.socket.remotePort);
      // Time for a second call to arrive, were it sent before this answer.
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      assert.is(master.waiting(), 0, 'a call overtook');
      arrival.answer(202);
    }
    await Promise.all(sent);
    assert.is(ports.size, 1, 'one connection');
    assert.not(ports.has(subscribe.socket.remotePort), 'not the stream');
  }));

test('UPDATE_FRAMEWORK is answered by 200', () =>
  withSubscription(async ({ client }, master) => {
    const sent = client.call({ type: 'UPDATE_FRAMEWORK', update_framework: { framework_info: framework } });
    (await master.next()).answer(200);
    await sent;
  }));

test('a call whose answer is lost is unknown, those behind it are not sent, and nothing is sent twice', () =>
  withSubscription(async ({ client, clock, connected }, master) => {
    const lost = rejection(client.call(revive));
    const behind = rejection(client.call({ type: 'SUPPRESS' }));
    (await master.next()).socket.destroy();
    const lostError = await lost;
    assert.instance(lostError, UnavailableError);
    assert.is((lostError as UnavailableError).outcome, 'unknown');
    assert.is(((await behind) as UnavailableError).outcome, 'not-sent');
    // On another connection a later call might overtake the lost one.
    await connected('disconnected');
    clock.advance(15_000);
    const again = await master.next();
    assert.is(again.call.type, 'SUBSCRIBE');
    assert.equal(again.call.framework_id, { value: 'fw-1' });
    assert.equal(again.call.subscribe?.framework_info.id, { value: 'fw-1' });
    again.stream('stream-2').send(subscribed);
    await connected('subscribed');
    const next = client.call(revive);
    const arrival = await master.next();
    assert.is(arrival.headers['mesos-stream-id'], 'stream-2');
    arrival.answer(202);
    await next;
    assert.is(master.waiting(), 0);
  }));

test('a call that waited behind a slow answer is asked about again, and not sent when it may not be', () => {
  let mayAct = true;
  const over = new ConflictError('KM_CONFLICT_LEADERSHIP_LOST', 'another may lead by now');
  const beforeCall = (): void => {
    if (!mayAct) throw over;
  };
  return withSubscription(
    async ({ client, connected }, master) => {
      const slow = client.call(revive);
      const waits = rejection(client.call({ type: 'SUPPRESS' }));
      const behind = rejection(client.call(revive));
      const arrival = await master.next();
      mayAct = false;
      arrival.answer(202);
      await slow;
      assert.is(await orHang(waits, 'it was sent'), over);
      assert.is(((await behind) as UnavailableError).outcome, 'not-sent');
      await connected('disconnected');
      assert.is(master.waiting(), 0, 'none of them was sent');
    },
    { beforeCall },
  );
});

test('a call that is not answered in time is unknown', () =>
  withSubscription(async ({ client, clock }, master) => {
    const silent = rejection(client.call(revive));
    await master.next();
    clock.advance(10_000);
    assert.is(((await silent) as UnavailableError).outcome, 'unknown');
  }));

test('a call while not subscribed rejects at once', async () => {
  await withMasters(1, async ([master]) => {
    assert.ok(master);
    const { client } = createHarness({ detector: detectLeader(master.address, { logger: silentLogger }) });
    const check = async (): Promise<void> => {
      const error = await rejection(client.call(revive));
      assert.instance(error, UnavailableError);
      assert.is((error as UnavailableError).outcome, 'not-sent');
    };
    await check();
    client.start();
    await master.next();
    await check();
    client.close();
    await check();
  });
});

test('a refused call names the reason and leaves the subscription alone', () =>
  withSubscription(async ({ client }, master) => {
    const text = "Failed to validate scheduler::Call: Expecting 'kill' to be present";
    const refused = rejection(client.call(revive));
    (await master.next()).answer(400, text);
    const error = await refused;
    assert.instance(error, ProtocolError);
    assert.match(error.message, text);
    assert.is(client.connection().kind, 'subscribed');
    const fine = client.call(revive);
    (await master.next()).answer(202);
    await fine;
  }));

for (const [status, text] of [
  [403, 'Framework is not subscribed'],
  [400, 'Framework cannot be found'],
] as const) {
  test(`a master that answers ${status} "${text}" is subscribed with anew`, () =>
    withSubscription(async ({ client, clock, connected }, master) => {
      const refused = rejection(client.call(revive));
      (await master.next()).answer(status, text);
      assert.instance(await refused, ConflictError);
      await connected('disconnected');
      clock.advance(15_000);
      assert.is((await master.next()).call.type, 'SUBSCRIBE');
    }));
}

test('a call refused for its stream id means that another scheduler took over', () =>
  withSubscription(async ({ client, clock, connected }, master) => {
    const refused = rejection(client.call(revive));
    (await master.next()).answer(
      400,
      "The stream ID 'x' included in this request didn't match the stream ID currently associated with framework ID y",
    );
    assert.instance(await refused, ConflictError);
    await connected('failed-over');
    assert.equal(clock.pending(), []);
  }));

for (const [message, kind] of [
  ['Framework failed over', 'failed-over'],
  ['Framework has been removed', 'removed'],
] as const) {
  test(`ERROR "${message}" is terminal`, () =>
    withSubscription(async ({ client, clock, connected, events }, master, stream) => {
      stream.send({ type: 'ERROR', error: { message } });
      stream.end();
      await connected(kind);
      await stream.closed();
      assert.is(events.at(-1)?.type, 'ERROR');
      assert.equal(clock.pending(), [], 'no attempt is planned');
      assert.instance(await rejection(client.call(revive)), ConflictError);
      await master.idle();
      assert.is(client.connection().kind, kind);
      assert.is(master.waiting(), 0);
    }));
}

test('any other ERROR is shown and tried again', () =>
  withSubscription(async ({ clock, connected }, master, stream) => {
    stream.send({ type: 'ERROR', error: { message: 'Not authorized to register framework' } });
    const connection = await connected('disconnected');
    assert.ok(connection.kind === 'disconnected');
    assert.instance(connection.error, ProtocolError);
    assert.match(connection.error.message, 'Not authorized to register framework');
    clock.advance(15_000);
    assert.is((await master.next()).call.type, 'SUBSCRIBE');
  }));

test('five heartbeats missed end the subscription, anything received keeps it', () =>
  withSubscription(async ({ clock, connected, client, events, until }, master, stream) => {
    clock.advance(74_999);
    stream.send({ type: 'HEARTBEAT' });
    await until(() => events.length === 2);
    clock.advance(74_999);
    assert.is(client.connection().kind, 'subscribed');
    clock.advance(1);
    const connection = await connected('disconnected');
    assert.ok(connection.kind === 'disconnected');
    assert.match(connection.error.message, 'nothing came for 75000 ms');
    await stream.closed();
    clock.advance(15_000);
    assert.is((await master.next()).call.type, 'SUBSCRIBE');
  }));

test('a broken record ends the subscription with a ProtocolError', () =>
  withSubscription(async ({ connected }, _master, stream) => {
    stream.write(Buffer.from('5x'));
    const connection = await connected('disconnected');
    assert.ok(connection.kind === 'disconnected');
    assert.instance(connection.error, ProtocolError);
  }));

test('a stream cut within a record is a lost connection', () =>
  withSubscription(async ({ connected, events }, _master, stream) => {
    stream.write(Buffer.from('9\nabc'));
    stream.end();
    const connection = await connected('disconnected');
    assert.ok(connection.kind === 'disconnected');
    assert.instance(connection.error, UnavailableError);
    assert.is(events.length, 1);
  }));

test('the backoff grows with jitter to at most 15 s, and begins again after a subscription', async () => {
  await withMasters(1, async ([master]) => {
    assert.ok(master);
    const detector = detectLeader(master.address, { logger: silentLogger });
    const { client, clock, connected } = createHarness({ detector, random: 0.999_999 });
    const failOnce = async (): Promise<number> => {
      (await master.next()).answer(503, 'Master has not finished recovery');
      const connection = await connected('disconnected');
      assert.ok(connection.kind === 'disconnected');
      const waitMs = connection.retryAtMs - clock.nowMs();
      clock.advance(waitMs);
      return Math.round(waitMs);
    };
    client.start();
    const waits: number[] = [];
    for (let round = 0; round < 7; round += 1) waits.push(await failOnce());
    assert.equal(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    const stream = (await master.next()).stream();
    stream.send(subscribed);
    await connected('subscribed');
    stream.end();
    await connected('disconnected');
    clock.advance(500);
    assert.is(await failOnce(), 1_000);
    client.close();
  });
});

test('a follower points to the leader, without a scheme', async () => {
  await withMasters(2, async ([follower, leader]) => {
    assert.ok(follower && leader);
    const harness = createHarness({ detector: detectLeader(follower.address, { logger: silentLogger }) });
    harness.client.start();
    (await follower.next()).answer(307, '', { Location: `//${leader.address}/master/api/v1/scheduler` });
    (await leader.next()).stream().send(subscribed);
    const connection = await harness.connected('subscribed');
    assert.ok(connection.kind === 'subscribed');
    assert.is(connection.master.port, leader.port);
    const sent = harness.client.call(revive);
    (await leader.next()).answer(202);
    await sent;
    harness.client.close();
  });
});

test('masters that point to one another are left alone after five turns', async () => {
  await withMasters(1, async ([master]) => {
    assert.ok(master);
    const harness = createHarness({ detector: detectLeader(master.address, { logger: silentLogger }) });
    harness.client.start();
    for (let turn = 0; turn < 6; turn += 1) {
      (await master.next()).answer(307, '', { Location: `//${master.address}/master/api/v1/scheduler` });
    }
    await harness.connected('disconnected');
    assert.is(master.waiting(), 0);
    harness.client.close();
  });
});

test('a list of hosts is tried in turn: refused, recovering, leading', async () => {
  await withMasters(3, async ([dead, recovering, leading]) => {
    assert.ok(dead && recovering && leading);
    await dead.close();
    const hosts = [dead, recovering, leading].map(({ address }) => address).join(',');
    const harness = createHarness({ detector: detectLeader(hosts, { logger: silentLogger }) });
    harness.client.start();
    await harness.connected('disconnected');
    harness.clock.advance(500);
    (await recovering.next()).answer(503);
    await harness.connected('disconnected');
    harness.clock.advance(1_000);
    (await leading.next()).stream().send(subscribed);
    await harness.connected('subscribed');
    harness.client.close();
  });
});

test('a new leader is followed at once, also out of a backoff', async () => {
  await withMasters(2, async ([first, second]) => {
    assert.ok(first && second);
    let leader: HostPort = { host: '127.0.0.1', port: first.port };
    const listeners = new Set<(leader: HostPort) => void>();
    const elect = ({ port }: ScriptedMaster): void => {
      leader = { host: '127.0.0.1', port };
      for (const listener of listeners) listener(leader);
    };
    const detector: LeaderDetector = {
      current: async () => leader,
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      close() {},
    };
    const { client, connected } = createHarness({ detector });
    client.start();
    const stream = (await first.next()).stream();
    stream.send(subscribed);
    await connected('subscribed');

    elect(second);
    await stream.closed();
    (await second.next()).answer(503);
    await connected('disconnected');
    elect(first);
    (await first.next()).stream().send(subscribed);
    await connected('subscribed');
    elect(first);
    assert.is(client.connection().kind, 'subscribed', 'the same leader is no change');
    client.close();
    assert.is(listeners.size, 0);
  });
});

test('what an answer means', () => {
  const meaning = (status: number, answer = ''): string => {
    const error = refusalOf({ host: 'm1', port: 5050 }, 'KILL', status, answer);
    return `${error.code}${error instanceof UnavailableError ? ` ${error.outcome}` : ''}`;
  };
  // The texts are a real master's.
  assert.is(meaning(307), 'KM_UNAVAILABLE_MASTER_NOT_LEADING not-sent');
  assert.is(meaning(404, '404 Not Found.'), 'KM_UNAVAILABLE_MASTER_NOT_LEADING not-sent');
  assert.is(meaning(503, 'Master has not finished recovery'), 'KM_UNAVAILABLE_MASTER_NOT_LEADING not-sent');
  assert.is(meaning(500), 'KM_UNAVAILABLE_MASTER_FAILED unknown');
  assert.is(meaning(401, '401 Unauthorized.'), 'KM_PROTOCOL_MESOS_CREDENTIALS');
  assert.is(meaning(403, 'Framework is not subscribed'), 'KM_CONFLICT_MESOS_SUBSCRIPTION');
  assert.is(meaning(400, 'Framework cannot be found'), 'KM_CONFLICT_MESOS_SUBSCRIPTION');
  assert.is(meaning(400, 'Failed to parse body into Call protobuf'), 'KM_PROTOCOL_MESOS_CALL_REFUSED');
  assert.is(meaning(415), 'KM_PROTOCOL_MESOS_CALL_REFUSED');
});

const secrets = suite('credentials');

secrets('go with every request, by Basic authentication', () =>
  withSubscription(
    async ({ client }, master, _stream, subscribe) => {
      const expected = `Basic ${Buffer.from('kafka:s3cr3t:x').toString('base64')}`;
      assert.is(subscribe.headers.authorization, expected);
      const sent = client.call(revive);
      const arrival = await master.next();
      assert.is(arrival.headers.authorization, expected);
      arrival.answer(202);
      await sent;
    },
    { credentials: { principal: 'kafka', secret: 's3cr3t:x' } },
  ),
);

secrets('are in no error and no log', async () => {
  await withMasters(1, async ([master]) => {
    assert.ok(master);
    const credentials = { principal: 'kafka', secret: 's3cr3t' };
    const detector = detectLeader(master.address, { logger: silentLogger });
    const { client, clock, connected, connections, logs } = createHarness({ detector, credentials });
    client.start();
    (await master.next()).answer(401, '401 Unauthorized.');
    const refused = await connected('disconnected');
    assert.ok(refused.kind === 'disconnected');
    assert.is(refused.error.code, 'KM_PROTOCOL_MESOS_CREDENTIALS');
    await master.close();
    clock.advance(15_000);
    await connected('connecting');
    await connected('disconnected');
    client.close();
    const shown = inspect([connections, logs], { depth: 10 });
    assert.not.match(shown, 's3cr3t');
    assert.not.match(shown, Buffer.from('kafka:s3cr3t').toString('base64'));
  });
});

test.run();
secrets.run();
