import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type AgentConnection,
  createAgentConnection,
  type ExecutorEvents,
  type ExecutorSettings,
  readExecutorSettings,
} from '../../src/executor/agent-connection.ts';
import { type Clock, systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { createSeededRandom } from '../../src/sys/random.ts';
import { sampleLaunch, sampleTask, within } from './helpers.ts';
import { type ScriptedAgent, startScriptedAgent } from './scripted-agent.ts';

const isSubscribe = (call: { type?: string }) => call.type === 'SUBSCRIBE';

async function connected(
  use: (agent: ScriptedAgent, connection: AgentConnection, seen: string[]) => Promise<void>,
  change: Partial<ExecutorSettings> = {},
  events: Partial<ExecutorEvents> = {},
  clock: Clock = systemClock,
): Promise<void> {
  const agent = await startScriptedAgent();
  const seen: string[] = [];
  const settings: ExecutorSettings = {
    agentEndpoint: `127.0.0.1:${agent.port}`,
    frameworkId: 'f-1',
    executorId: 'e-1',
    agentId: 'agent-1',
    sandbox: '/tmp',
    token: 'secret-token',
    checkpoint: true,
    recoveryTimeoutMs: 60_000,
    backoffMaxMs: 40,
    shutdownGraceMs: 5_000,
    ...change,
  };
  const connection = createAgentConnection(
    settings,
    {
      onLaunch: (task) => seen.push(`launch ${task.task_id.value}`),
      onKill: (taskId, policy) => seen.push(`kill ${taskId} ${policy?.grace_period?.nanoseconds}`),
      onShutdown: () => seen.push('shutdown'),
      onLost: () => seen.push('lost'),
      ...events,
    },
    { clock, random: createSeededRandom(1), logger: silentLogger },
  );
  try {
    await use(agent, connection, seen);
  } finally {
    connection.close();
    await agent.stop();
  }
}

async function until(fits: () => boolean, what: string): Promise<void> {
  await within(
    (async () => {
      while (!fits()) await new Promise((resolve) => setImmediate(resolve));
    })(),
    what,
  );
}

test('updates carry what an agent demands, and are acknowledged', () =>
  connected(async (agent, connection) => {
    connection.start();
    await within(
      connection.update('t-1', { state: 'TASK_STARTING', data: '{"a":1}', message: 'é' }),
      'the acknowledgement',
    );
    const status = agent.updates()[0];
    assert.is(Buffer.from(status?.uuid ?? '', 'base64').length, 16);
    assert.is(status?.source, 'SOURCE_EXECUTOR');
    assert.is(status?.state, 'TASK_STARTING');
    assert.is(Buffer.from(status?.data ?? '', 'base64').toString(), '{"a":1}');
    assert.is(status?.message, 'é');
    assert.is(status?.executor_id?.value, 'e-1');
  }));

test('it subscribes until it is let in: 503, 403, 400 and 404 are all tried again', () =>
  connected(async (agent, connection) => {
    const answers = [503, 404, 403, 400];
    agent.answer = () => answers.shift();
    connection.start();
    await within(connection.update('t-1', { state: 'TASK_STARTING' }), 'the acknowledgement');
    assert.equal(
      agent.calls.filter(({ call }) => isSubscribe(call)).map(({ status }) => status),
      [503, 404, 403, 400, 200],
    );
  }));

test('an agent that has restarted is tried twice at least in the time that it gives an executor', () => {
  const pausesMs: number[] = [];
  const clock: Clock = {
    ...systemClock,
    setTimer(delayMs, fire) {
      pausesMs.push(delayMs);
      return systemClock.setTimer(delayMs, fire);
    },
  };
  return connected(
    async (agent, connection) => {
      agent.answer = () => (agent.calls.length < 30 ? 503 : undefined);
      connection.start();
      await within(connection.update('t-1', { state: 'TASK_STARTING' }), 'the acknowledgement');
      const [deadlineMs, ...retriesMs] = pausesMs;
      assert.is(deadlineMs, 60_000);
      assert.is(retriesMs.length, 30);
      assert.ok(Math.max(...retriesMs) <= 40 / 2, `${Math.max(...retriesMs)} of 40 ms`);
      assert.ok(Math.min(...retriesMs) >= 40 / 10, `${Math.min(...retriesMs)} of 40 ms`);
    },
    {},
    {},
    clock,
  );
});

test('what was not acknowledged comes again with the next SUBSCRIBE, and only that', () =>
  connected(async (agent, connection, seen) => {
    agent.acknowledges = ({ message }) => message === 'first';
    connection.start();
    await agent.awaitCall(isSubscribe, 'SUBSCRIBE');
    agent.send({ type: 'LAUNCH', launch: { task: sampleTask(sampleLaunch(1), 't-1') } });
    await until(() => seen.length === 1, 'the launch');
    await connection.update('t-1', { state: 'TASK_STARTING', message: 'first' });
    const second = connection.update('t-1', { state: 'TASK_RUNNING', message: 'second' });
    await agent.awaitCall((call) => call.update?.status.message === 'second', 'second');
    const before = agent.calls.length;
    agent.dropStream();
    const again = await agent.awaitCall(isSubscribe, 'SUBSCRIBE again', before);
    assert.equal(
      again.subscribe?.unacknowledged_updates?.map(({ status }) => status.message),
      ['second'],
    );
    assert.equal(again.subscribe?.unacknowledged_tasks ?? [], [], 'an update of the task was acknowledged');
    // The acknowledgement may come twice.
    for (const status of agent.updates()) agent.acknowledge(status);
    for (const status of agent.updates()) agent.acknowledge(status);
    await within(second, 'the acknowledgement of the second');
    const end = agent.calls.length;
    agent.dropStream();
    const third = await agent.awaitCall(isSubscribe, 'SUBSCRIBE a third time', end);
    assert.equal(third.subscribe?.unacknowledged_updates ?? [], []);
  }));

test('a task none of whose updates was acknowledged is carried along', () =>
  connected(async (agent, connection, seen) => {
    agent.acknowledges = () => false;
    connection.start();
    await agent.awaitCall(isSubscribe, 'SUBSCRIBE');
    agent.send({ type: 'LAUNCH', launch: { task: sampleTask(sampleLaunch(1), 't-1') } });
    await until(() => seen.includes('launch t-1'), 'the launch');
    const before = agent.calls.length;
    agent.dropStream();
    const again = await agent.awaitCall(isSubscribe, 'SUBSCRIBE again', before);
    assert.equal(
      again.subscribe?.unacknowledged_tasks?.map(({ task_id }) => task_id.value),
      ['t-1'],
    );
  }));

test('an agent that is away gets everything, in order, when it is back', () =>
  connected(async (agent, connection) => {
    connection.start();
    await within(connection.update('t-1', { state: 'TASK_STARTING', message: '0' }), 'the first');
    await agent.stop();
    const all = ['1', '2', '3'].map((message) =>
      connection.update('t-1', { state: 'TASK_RUNNING', message }),
    );
    await agent.listen();
    await within(Promise.all(all), 'all acknowledgements');
    assert.equal(
      agent.updates().map(({ message }) => message),
      ['0', '1', '2', '3'],
    );
  }));

test('an update refused for now is sent again over the same stream, one refused for good is not', () =>
  connected(async (agent, connection) => {
    const answers: (number | undefined)[] = [undefined, 503, 403, undefined, 400];
    agent.answer = () => answers.shift();
    connection.start();
    await within(connection.update('t-1', { state: 'TASK_STARTING', message: 'a' }), 'a');
    void connection.update('t-1', { state: 'TASK_RUNNING', message: 'bad' });
    await within(connection.update('t-1', { state: 'TASK_RUNNING', message: 'c' }), 'c');
    const sent = agent.calls
      .filter(({ call }) => call.update)
      .map(({ call, status }) => `${call.update?.status.message} ${status}`);
    assert.equal(sent, ['a 503', 'a 403', 'a 202', 'bad 400', 'c 202']);
    assert.is(agent.calls.filter(({ call }) => isSubscribe(call)).length, 1);
  }));

test('progress that was not sent yet gives way to newer progress', () =>
  connected(async (agent, connection) => {
    agent.answer = () => 503;
    connection.start();
    void connection.update('t-1', { state: 'TASK_STARTING', message: 'kept' });
    void connection.update('t-1', { state: 'TASK_STARTING', message: '0%', replaceable: true });
    // One that a refused SUBSCRIBE carried was not sent either.
    await agent.awaitCall((call) => call.subscribe?.unacknowledged_updates?.length === 2, 'a SUBSCRIBE');
    for (const message of ['10%', '20%', '30%']) {
      void connection.update('t-1', { state: 'TASK_STARTING', message, replaceable: true });
    }
    const last = connection.update('t-1', { state: 'TASK_RUNNING', message: 'end' });
    agent.answer = () => undefined;
    await within(last, 'the last');
    assert.equal(
      agent.updates().map(({ message }) => message),
      ['kept', '30%', 'end'],
    );
  }));

test('kill, shutdown and messages arrive; messages are ignored', () =>
  connected(async (agent, connection, seen) => {
    connection.start();
    await agent.awaitCall(isSubscribe, 'SUBSCRIBE');
    agent.send({ type: 'MESSAGE', message: { data: 'aGk=' } });
    agent.send({ type: 'HEARTBEAT' });
    const grace_period = { nanoseconds: 7_000_000_000 };
    agent.send({ type: 'KILL', kill: { task_id: { value: 't-1' }, kill_policy: { grace_period } } });
    agent.send({ type: 'SHUTDOWN' });
    await until(() => seen.length === 2, 'two events');
    assert.equal(seen, ['kill t-1 7000000000', 'shutdown']);
  }));

test('without a checkpoint a lost agent is the end at once', async () => {
  let lost = () => {};
  let isLost = false;
  const told = new Promise<void>((resolve) => {
    lost = () => {
      isLost = true;
      resolve();
    };
  });
  await connected(
    async (agent, connection) => {
      agent.answer = () => (agent.calls.length < 3 ? 503 : undefined);
      connection.start();
      await within(connection.update('t-1', { state: 'TASK_RUNNING' }), 'to be let in at the fourth try');
      assert.is(isLost, false);
      agent.dropStream();
      await within(told, 'onLost');
    },
    { checkpoint: false },
    { onLost: () => lost() },
  );
});

test('with a checkpoint it is the end after the recovery timeout', async () => {
  let lost = () => {};
  const told = new Promise<void>((resolve) => {
    lost = resolve;
  });
  await connected(
    async (agent, connection) => {
      connection.start();
      await agent.awaitCall(isSubscribe, 'SUBSCRIBE');
      await agent.stop();
      await within(told, 'onLost');
      await agent.listen();
    },
    { recoveryTimeoutMs: 200 },
    { onLost: () => lost() },
  );
});

test('the environment of an executor', () => {
  const env = {
    MESOS_AGENT_ENDPOINT: '127.0.20.11:5051',
    MESOS_FRAMEWORK_ID: 'f',
    MESOS_EXECUTOR_ID: 'e',
    MESOS_SLAVE_ID: 's',
    MESOS_SANDBOX: '/sandbox',
    MESOS_CHECKPOINT: '1',
    MESOS_RECOVERY_TIMEOUT: '15mins',
    MESOS_SUBSCRIPTION_BACKOFF_MAX: '2secs',
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '5secs',
  };
  assert.equal(readExecutorSettings(env), {
    agentEndpoint: '127.0.20.11:5051',
    frameworkId: 'f',
    executorId: 'e',
    agentId: 's',
    sandbox: '/sandbox',
    checkpoint: true,
    recoveryTimeoutMs: 900_000,
    backoffMaxMs: 2_000,
    shutdownGraceMs: 5_000,
  });
  assert.throws(() => readExecutorSettings({}), /MESOS_AGENT_ENDPOINT is not set/);
});

test.run();
