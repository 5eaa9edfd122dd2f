/**
 * The end-to-end flow with the built command line: three brokers come up, and through all that happens to them a
 * writer with acks=all goes on, every acknowledged record of which is read back at the end.
 */
import { readFileSync, rmSync } from 'node:fs';
import { proveProduceConsume } from '../../src/kafka/prove.ts';
import type { BrokerStatus, ClusterStatus } from '../../src/model/status.ts';
import { createWorld, type World } from '../e2e/harness.ts';
import { readBack, startWriter, type Writer } from '../e2e/writer.ts';
import { leftOf } from './cleanup.ts';
import type { Chapter } from './conformance.ts';
import { runHook } from './hooks.ts';
import { type Agent, addressOf, agentId, agentUrl } from './operator.ts';
import { isOnThisMachine } from './preflight.ts';
import { expect, Failure, until } from './report.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { type HookName, variables } from './settings.ts';
import {
  brokerOf,
  clusterName,
  directoryIds,
  partitions,
  spec,
  topic,
  type Watch,
  watchCluster,
} from './watch.ts';

type Flow = Chapter & {
  readonly world: World;
  readonly scheduler: Scheduler;
  readonly watch: Watch;
  /** What has to be taken back should the run end within a step, by what it is called. */
  readonly undo: Map<string, () => Promise<void>>;
};

export async function runFlow(chapter: Chapter): Promise<void> {
  const { report, settings } = chapter;
  const world = createWorld('real-mesos');
  const scheduler = createScheduler(world.home, chapter);
  const watch = watchCluster(scheduler, settings.waitMs);
  const flow: Flow = { ...chapter, world, scheduler, watch, undo: new Map() };
  const failedBefore = report.failed();
  let writer: Writer | undefined;
  report.chapter('End to end');
  try {
    await report.step('apply brings up three brokers on three agents', () => bringUp(flow));
    await report.step(
      'records are produced with acks=all and consumed; a writer goes on from here',
      async () => {
        const { bootstrap } = await watch.settled('the cluster is converged');
        const { consumed } = await proveProduceConsume({ bootstrap, topic });
        writer = await startWriter(bootstrap, topic, partitions);
        return `${consumed} records by way of ${bootstrap.join(', ')}`;
      },
    );
    await killBroker(flow);
    await loseAgent(flow);
    await report.step('a scheduler killed with kill -9 stops nothing, and the next one goes on', () =>
      restartScheduler(flow),
    );
    await failOverMaster(flow);
    await drainAgent(flow);
    await report.step('every record that was acknowledged on the way is read back', async () => {
      const { bootstrap } = await watch.settled('the cluster is converged');
      expect(writer !== undefined, 'there was no writer');
      await writer.stop();
      return compare(writer, await readBack(bootstrap, topic));
    });
    await report.step('teardown leaves no task, reservation or volume', () => tearDown(flow));
  } finally {
    report.resume();
    for (const [what, back] of flow.undo) {
      await report.step(what, async () => {
        await back();
        return undefined;
      });
    }
    await writer?.stop({ giveUp: true });
    await scheduler.kill('SIGTERM');
    if (report.failed() === failedBefore) rmSync(world.home, { recursive: true, force: true });
    else report.say(`    the run's home is kept: ${world.home}; the scheduler's log is ${scheduler.logFile}`);
  }
}

async function bringUp({ world, scheduler, watch, settings }: Flow): Promise<string> {
  await scheduler.start();
  const file = world.spec(clusterName, spec);
  const applied = await world.run(['apply', '-f', file], { timeoutMs: settings.waitMs });
  expect(applied.code === 0, `apply ended with ${applied.code}\n${applied.stdout}${applied.stderr}`);
  const status = await watch.settled('three brokers run and the topic is ready');
  const agents = new Set(status.brokers.map(({ agent }) => agent));
  expect(agents.size === 3, `they are on ${agents.size} agents: ${[...agents].join(', ')}`);
  return status.brokers.map((b) => `broker ${b.id} on ${b.agent} at ${b.endpoint}`).join(', ');
}

async function killBroker(flow: Flow): Promise<void> {
  const { report, settings, watch } = flow;
  const name = 'a broker killed with kill -9 comes back to its agent, port and disk';
  const agent = await agentWith(flow, 1);
  const here = agent !== undefined && (await isOnThisMachine(agent));
  if (settings.hooks.MESOS_KILL === undefined && !here) return skipFor(flow, name, 'MESOS_KILL');
  await report.step(name, async () => {
    const before = await watch.settled('the cluster is converged');
    const ids = await directoryIds(before);
    const { jvmPid: pid } = brokerOf(before, 1);
    expect(pid !== undefined && agent !== undefined, 'the status does not tell its pid');
    if (settings.hooks.MESOS_KILL === undefined) killHere(pid);
    else await runHook(settings, 'MESOS_KILL', { ...names(agent), pid: String(pid) });
    const after = await watch.settled(
      'broker 1 is back as another process',
      (s) =>
        brokerOf(s, 1).startedAtMs !== brokerOf(before, 1).startedAtMs &&
        brokerOf(s, 1).taskId !== brokerOf(before, 1).taskId,
    );
    await expectSamePlace(before, after, 1, ids);
    for (const id of [0, 2]) expectSameProcess(brokerOf(before, id), brokerOf(after, id));
    return `${place(brokerOf(after, 1))}; the others were left alone`;
  });
}

async function loseAgent(flow: Flow): Promise<void> {
  const { report, settings, operator, watch, undo } = flow;
  const name = 'an agent is lost and returns, and its broker is in its place';
  for (const hook of ['MESOS_AGENT_STOP', 'MESOS_AGENT_START'] as const) {
    if (settings.hooks[hook] === undefined) return skipFor(flow, name, hook);
  }
  await report.step(name, async () => {
    const before = await watch.settled('the cluster is converged');
    const ids = await directoryIds(before);
    const agent = await agentWith(flow, 2);
    expect(agent !== undefined, 'the agent of broker 2 is not listed');
    const start = () => runHook(settings, 'MESOS_AGENT_START', names(agent));
    const undoing = `the agent on ${agent.agent_info.hostname} is started again`;
    undo.set(undoing, start);
    await runHook(settings, 'MESOS_AGENT_STOP', names(agent));
    const taskId = brokerOf(before, 2).taskId;
    const lost = await until(
      `the master has given the agent on ${agent.agent_info.hostname} up (its agent_ping_timeout times max_agent_ping_timeouts)`,
      settings.waitMs,
      async () => {
        const task = (await operator.tasks()).find((one) => one.task_id.value === taskId);
        if (task === undefined) return 'its task was over';
        return task.state === 'TASK_UNREACHABLE' && 'its task was unreachable';
      },
    );
    await watch.until('broker 2 is missed', (s) => brokerOf(s, 2).state !== 'running');
    await start();
    undo.delete(undoing);
    const after = await watch.settled('broker 2 is back');
    await expectSamePlace(before, after, 2, ids);
    const same = brokerOf(after, 2).taskId === taskId;
    return `${lost}; ${same ? 'the same process went on' : 'it was started anew'}; ${place(brokerOf(after, 2))}`;
  });
}

async function restartScheduler({ scheduler, watch }: Flow): Promise<string> {
  const before = await watch.settled('the cluster is converged');
  const first = await scheduler.scheduler();
  await scheduler.kill('SIGKILL');
  await scheduler.start();
  const after = await watch.settled('the cluster is converged again');
  for (const broker of before.brokers) expectSameProcess(broker, brokerOf(after, broker.id));
  const next = await scheduler.scheduler();
  expect(
    first?.frameworkId !== undefined && first.frameworkId === next?.frameworkId,
    `its framework was ${first?.frameworkId} and is ${next?.frameworkId}`,
  );
  return `framework ${next.frameworkId}`;
}

async function failOverMaster(flow: Flow): Promise<void> {
  const { report, settings, operator, ground, name: frameworkName, scheduler, watch } = flow;
  const name = 'the master fails over: nothing restarts, and the scheduler subscribes with the next one';
  if (settings.hooks.MESOS_MASTER_FAILOVER === undefined) return skipFor(flow, name, 'MESOS_MASTER_FAILOVER');
  await report.step(name, async () => {
    const before = await watch.settled('the cluster is converged');
    const election = await operator.election();
    await runHook(settings, 'MESOS_MASTER_FAILOVER', {});
    // While there is no leader, nobody answers.
    const asked = <Value>(question: () => Promise<Value>) => question().catch(() => undefined);
    await until('another master leads, or the same one anew', settings.waitMs, async () => {
      const now = await asked(() => operator.election());
      return now !== undefined && now !== election;
    });
    // By where they listen: one that was lost meanwhile may have another id.
    const wanted = ground.agents.map(agentUrl);
    let missing: readonly string[] = [];
    await until(
      'all agents are back with it',
      settings.waitMs,
      async () => {
        const back = (await asked(() => operator.agents())) ?? [];
        missing = wanted.filter((url) => !back.some((a) => agentUrl(a) === url && a.active === true));
        return missing.length === 0;
      },
      () => `missing: ${missing.join(', ')}; agents that know no ZooKeeper notice after 75 s by default`,
    );
    await until('the scheduler is subscribed with it', settings.waitMs, async () => {
      const listed = (await asked(() => operator.frameworks())) ?? [];
      const ours = listed.find((f) => f.framework_info.name === frameworkName);
      return ours?.connected === true && (await scheduler.scheduler())?.connected === true;
    });
    const after = await watch.settled('the cluster is converged');
    for (const broker of before.brokers) expectSameProcess(broker, brokerOf(after, broker.id));
    return `${await operator.election()}`;
  });
}

async function drainAgent(flow: Flow): Promise<void> {
  const { report, operator, watch, undo } = flow;
  const name = 'DRAIN_AGENT takes a broker away and nothing else, and REACTIVATE_AGENT brings it back';
  const agent = await agentWith(flow, 0);
  const strangers = agent === undefined ? [] : await strangersOn(flow, agent);
  if (strangers.length > 0) {
    return report.skip(
      name,
      `others have tasks on ${agent?.agent_info.hostname}, which it would kill: ${strangers.slice(0, 5).join(', ')}; give MESOS_MASTER a cluster of the test's own`,
    );
  }
  await report.step(name, async () => {
    const before = await watch.settled('the cluster is converged');
    const ids = await directoryIds(before);
    expect(agent !== undefined, 'the agent of broker 0 is not listed');
    const agent_id = { value: agentId(agent) };
    const reactivate = () => operator.act({ type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id } });
    const undoing = `the agent on ${agent.agent_info.hostname} is reactivated`;
    undo.set(undoing, reactivate);
    // A google.protobuf.Duration, not Mesos' own: `nanoseconds` would be an unknown field, and ignored.
    await operator.act({ type: 'DRAIN_AGENT', drain_agent: { agent_id, max_grace_period: { seconds: 60 } } });
    await watch.until('broker 0 is gone from it', (s) => brokerOf(s, 0).state !== 'running');
    const drained = async (): Promise<string | undefined> =>
      (await operator.agents()).find((one) => agentId(one) === agent_id.value)?.drain_info?.state;
    await until('the agent is DRAINED', flow.settings.waitMs, async () => (await drained()) === 'DRAINED');
    const meanwhile = await watch.until('the others run', (s) =>
      [1, 2].every((id) => brokerOf(s, id).state === 'running'),
    );
    const waits = brokerOf(meanwhile, 0);
    expect(
      waits.agent === undefined || waits.agent === brokerOf(before, 0).agent,
      `broker 0, a voter, was moved to ${waits.agent}`,
    );
    await reactivate();
    undo.delete(undoing);
    const after = await watch.settled('broker 0 is back');
    await expectSamePlace(before, after, 0, ids);
    for (const id of [1, 2]) expectSameProcess(brokerOf(before, id), brokerOf(after, id));
    return `meanwhile: ${waits.waiting?.why ?? waits.lastEnd?.why ?? waits.state}; ${place(brokerOf(after, 0))}`;
  });
}

async function tearDown({ world, operator, scheduler, name, settings }: Flow): Promise<string> {
  const before = await leftOf(operator, [name]);
  expect(
    ['task ', 'volume ', 'reservation of '].every((kind) => before.some((one) => one.startsWith(kind))),
    `there is less than brokers that run must have, so that nothing left would prove nothing:\n${before.join('\n')}`,
  );
  // As an operator does it; that nothing is left is not taken from its own word.
  const args = ['teardown', '--confirm', name, '--timeout', `${Math.ceil(settings.waitMs / 1_000)}s`];
  const { code, stdout, stderr } = await world.run(args, { timeoutMs: settings.waitMs + 60_000 });
  expect(code === 0, `kafka-mesos ${args.join(' ')} ended with ${code}\n${stdout}${stderr}`);
  const left = await leftOf(operator, [name]);
  expect(left.length === 0, `it says that nothing is left, and there is\n${left.join('\n')}`);
  const status = await scheduler.ended(settings.waitMs);
  expect(status === 0, `the scheduler ended with ${status}\n${scheduler.complaints()}`);
  return `${before.length} things before, nothing after`;
}

function compare(writer: Writer, values: readonly string[]): string {
  const found = new Set(values);
  const lost = [...writer.acknowledged].filter((value) => !found.has(value));
  expect(
    lost.length === 0,
    `${lost.length} of ${writer.acknowledged.size} acknowledged records are lost: ${lost.slice(0, 20).join(' ')} …`,
  );
  expect(writer.acknowledged.size > 0, 'none was acknowledged at all');
  const errors = [...writer.errors].map(([error, count]) => `${error} ${count}`);
  return `${writer.acknowledged.size} records; the client was told: ${errors.join(', ') || 'no error'}`;
}

function skipFor({ report }: Chapter, name: string, hook: HookName): void {
  report.skip(name, `set ${hook}: ${variables[hook]}`);
}

function names(agent: Agent): { readonly agent: string; readonly address: string } {
  return { agent: agent.agent_info.hostname, address: addressOf(agent) };
}

/** Undefined when there is no such broker, or its agent is not listed. */
async function agentWith({ operator, scheduler }: Flow, id: number): Promise<Agent | undefined> {
  const wanted = (await scheduler.cluster(clusterName))?.brokers.find((b) => b.id === id)?.agentId;
  return (await operator.agents()).find((agent) => agentId(agent) === wanted);
}

async function strangersOn({ operator, name }: Flow, agent: Agent): Promise<readonly string[]> {
  const frameworks = await operator.frameworks();
  const ours = frameworks.find((f) => f.framework_info.name === name)?.framework_info.id?.value;
  return (await operator.tasks())
    .filter((task) => task.agent_id.value === agentId(agent) && task.framework_id.value !== ours)
    .map((task) => task.task_id.value);
}

/** Only what is ours: where processes have ids of their own in a container, this may be anybody's. */
function killHere(pid: number): void {
  let command: string;
  try {
    command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    throw new Failure(`process ${pid} cannot be looked at: ${(error as Error).message}\n→ set MESOS_KILL`);
  }
  expect(
    command.includes(`-Dkafka.mesos.volume=`) && command.includes(clusterName),
    `process ${pid} of this machine is not the broker, which has that id in a container of its own\n→ set MESOS_KILL`,
  );
  process.kill(pid, 'SIGKILL');
}

async function expectSamePlace(
  before: ClusterStatus,
  after: ClusterStatus,
  id: number,
  idsBefore: ReadonlyMap<number, string>,
): Promise<void> {
  const [was, is] = [brokerOf(before, id), brokerOf(after, id)];
  expect(is.agent === was.agent, `broker ${id} was on ${was.agent} and is on ${is.agent}`);
  expect(is.endpoint === was.endpoint, `broker ${id} was at ${was.endpoint} and is at ${is.endpoint}`);
  const directory = (await directoryIds(after)).get(id);
  expect(
    directory !== undefined && directory === idsBefore.get(id),
    `broker ${id} had the directory ${idsBefore.get(id)} and has ${directory}`,
  );
}

function expectSameProcess(before: BrokerStatus, after: BrokerStatus): void {
  expect(
    before.taskId === after.taskId && before.jvmPid === after.jvmPid,
    `broker ${before.id} was restarted: task ${before.taskId}, pid ${before.jvmPid} became ${after.taskId}, pid ${after.jvmPid}; its last end: ${after.lastEnd?.why ?? 'not told'}`,
  );
}

function place(broker: BrokerStatus): string {
  return `${broker.agent} at ${broker.endpoint}, the same directory id`;
}
