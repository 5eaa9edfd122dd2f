/** What an operator asks of single brokers beside the spec, on real ones. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterStatus } from '../../src/model/status.ts';
import { broker, createWorld, quickJvm } from './harness.ts';

const test = suite('intents of operators');
const world = createWorld('intents');

/** The controller is on agent-3; of the other three agents one is a spare. */
const spec = (config: string) => `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: demo }
spec:
  config: { offsets.topic.num.partitions: 1, ${config} }
  defaults: { cpus: 0.3, memory: 512MiB, heap: 256MiB, storage: { size: 512MiB }, stopGrace: 10s, ${quickJvm} }
  pools:
    - { name: controllers, roles: [controller], ids: 100, constraints: ['hostname like agent-3'] }
    - { name: brokers, roles: [broker], ids: 1..2, constraints: [hostname unique, 'hostname like agent-[124]'] }
  topics:
    - { name: events, partitions: 2, replicationFactor: 2 }
`;
let file = '';

const identities = (status: ClusterStatus, ...ids: number[]) =>
  ids.map((id) => [broker(status, id).taskId, broker(status, id).jvmPid]);
const converged = (what: string) => world.until('demo', what, (s) => s.phase === 'converged');

test('restart: one broker once, the others not', async () => {
  file = world.spec('demo', spec('num.partitions: 1'));
  await world.ok(['apply', '-f', file, '--local', '--wait', '--timeout', '5m']);
  const before = await world.status('demo');
  assert.match(
    await world.ok(['broker', 'restart', '1', '--reason', 'a test']),
    /broker 1: to be restarted once/,
  );
  await world.until(
    'demo',
    'another task of broker 1',
    (s) => broker(s, 1).taskId !== broker(before, 1).taskId,
  );
  const after = await world.until(
    'demo',
    'restarted, and forgotten',
    (s) => s.phase === 'converged' && broker(s, 1).intent === undefined,
  );
  assert.is(broker(after, 1).agent, broker(before, 1).agent);
  assert.is.not(broker(after, 1).jvmPid, broker(before, 1).jvmPid);
  assert.equal(identities(after, 2, 100), identities(before, 2, 100));
});

test('stop: kept against the spec that wants it to run, and shown; start takes it back', async () => {
  await world.ok(['broker', 'stop', '2', '--for', '1h']);
  const stopped = await world.until('demo', 'stopped', (s) => broker(s, 2).state === 'stopped');
  assert.is(broker(stopped, 2).intent?.kind, 'stop');
  assert.ok(broker(stopped, 2).intent?.expiresAtMs);
  // Nobody repairs it, however often the same spec is applied.
  await world.ok(['apply', '-f', file]);
  assert.match(await world.ok(['plan', '-f', file]), /Plan: no changes\./);
  assert.match(await world.ok(['describe', 'broker', '2']), /Asked +stop by /);
  await world.ok(['broker', 'start', '2']);
  await converged('back');
});

test('pause: a changed spec restarts the others, and this one once it is resumed', async () => {
  await world.ok(['broker', 'pause', '1']);
  const before = await world.status('demo');
  file = world.spec('demo', spec('num.partitions: 2'));
  await world.ok(['apply', '-f', file]);
  const rolled = await world.until(
    'demo',
    'the others have restarted',
    (s) =>
      [2, 100].every(
        (id) => broker(s, id).taskId !== broker(before, id).taskId && broker(s, id).state === 'running',
      ) && s.held.some((h) => h.brokerId === 1 && h.reason === 'paused-by-operator'),
  );
  assert.equal(identities(rolled, 1), identities(before, 1));
  await world.ok(['broker', 'resume', '1']);
  const after = await world.until(
    'demo',
    'restarted in its turn',
    (s) => s.phase === 'converged' && broker(s, 1).taskId !== broker(before, 1).taskId,
  );
  assert.equal(identities(after, 2, 100), identities(rolled, 2, 100));
});

test('replace: an empty disk on the spare agent, filled again; a voter is refused', async () => {
  const before = await world.status('demo');
  const spare = ['agent-1', 'agent-2', 'agent-4'].find((name) =>
    [1, 2].every((id) => broker(before, id).agent !== name),
  );
  const refused = await world.run(['broker', 'replace', '100']);
  assert.is(refused.code, 1);
  assert.match(refused.stderr, /voter of the controller quorum/);
  await world.ok(['broker', 'replace', '1']);
  const after = await world.until(
    'demo',
    'replaced and in sync',
    (s) => s.phase === 'converged' && broker(s, 1).agent === spare,
  );
  assert.equal(broker(after, 1).inSync?.inSync, broker(after, 1).inSync?.total);
  assert.is(broker(after, 1).intent, undefined);
  assert.equal(identities(after, 2, 100), identities(before, 2, 100));
});

test.after(() => world.close());

test.run();
