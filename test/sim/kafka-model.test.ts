import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BrokerLaunch, NodeRole } from '../../src/model/launch.ts';
import { sampleLaunch } from '../executor/helpers.ts';
import { createVirtualClock } from './clock.ts';
import { createKafkaModel, type Disk, type Instance } from './kafka-model.ts';
import { createDice } from './randomness.ts';

const sessionMs = 10_000;

/** A controller, brokers 1 and 3, and one partition on both of them. */
async function cluster() {
  const clock = createVirtualClock(0);
  const losses: string[] = [];
  const kafka = createKafkaModel('c', {
    clock,
    dice: createDice(1, 'kafka'),
    onLoss: ({ name }, id, missing) => losses.push(`${name}: broker ${id} misses ${missing}`),
  });
  const launch = (nodeId: number, role: NodeRole): BrokerLaunch =>
    sampleLaunch(9092, {
      nodeId,
      roles: [role],
      storage: {
        mode: 'join',
        volumes: [],
        initialVoters: [{ nodeId: 9, host: 'h', port: 9093, directoryId: 'd' }],
      },
    });
  const start = (id: number, taskId: string, agentName: string, disk: Disk): Instance =>
    kafka.start(launch(id, id === 9 ? 'controller' : 'broker'), taskId, agentName, disk);
  const pass = (ms: number): Promise<void> => clock.run(clock.nowMs() + ms, () => false);
  start(9, 'nine', 'agent-9', { logs: new Map() });
  const one = start(1, 'one', 'agent-1', { logs: new Map() });
  const old = start(3, 'old', 'agent-old', { logs: new Map() });
  await pass(5_000);
  const topic = {
    spec: { name: 'logs', partitions: 1, replicationFactor: 2, config: {} },
    config: new Map<string, string>(),
    partitions: [],
  };
  kafka.view.topics.set('logs', topic);
  kafka.view.addPartitions(topic, 1);
  return { kafka, start, pass, losses, one, old };
}

test('a process that fell silent comes back under its own registration', async () => {
  const { kafka, pass, old, losses } = await cluster();
  kafka.cut('agent-old', true);
  await pass(sessionMs);
  assert.not(kafka.serves(old));
  kafka.cut('agent-old', false);
  await pass(sessionMs + 5_000);
  assert.ok(kafka.serves(old));
  assert.equal(kafka.partitions()[0]?.isr, [1, 3]);
  assert.equal(losses, []);
});

test('a process whose registration another one has taken never serves again, not even while that one is silent', async () => {
  const { kafka, start, pass, one, old, losses } = await cluster();
  kafka.cut('agent-old', true);
  await pass(sessionMs);
  const replacement = start(3, 'new', 'agent-new', { logs: new Map() });
  await pass(sessionMs + 5_000);
  assert.ok(kafka.serves(replacement));
  // Now broker 3 is the last in sync, by the disk of its replacement.
  kafka.stop(one, true);
  assert.equal(kafka.partitions()[0]?.isr, [3]);
  kafka.cut('agent-new', true);
  await pass(sessionMs);
  kafka.cut('agent-old', false);
  await pass(60_000);
  assert.not(kafka.serves(old));
  assert.equal(losses, []);
  assert.is(kafka.partitions()[0]?.leader, -1);
  kafka.cut('agent-new', false);
  await pass(5_000);
  assert.ok(kafka.serves(replacement));
  assert.is(kafka.partitions()[0]?.leader, 3);
  assert.equal(losses, []);
});

test('a process that was unregistered never serves again', async () => {
  const { kafka, pass, old } = await cluster();
  kafka.cut('agent-old', true);
  await pass(sessionMs);
  kafka.view.unregister(3);
  kafka.cut('agent-old', false);
  await pass(60_000);
  assert.not(kafka.serves(old));
});

test.run();
