/** What `kafka-mesos plan` leaves out is what goes on by itself within moments, and nothing else. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PlanInput } from '../../src/model/observed.ts';
import type { ClusterMemory } from '../../src/model/records.ts';
import {
  artifacts,
  makeBroker,
  makeDesired,
  makeEnded,
  makeInput,
  makeMemory,
  makeOffer,
  makeRecord,
  nowMs,
  previewOf,
} from './builders.ts';

const desired = makeDesired();

function shown(memory: ClusterMemory, changes: Parameters<typeof makeInput>[1] = {}) {
  const input: PlanInput = makeInput([memory], changes);
  const { steps, held } = previewOf(input, memory);
  return {
    steps: steps.map((s) => `${s.mark} ${s.what}: ${s.why.join('; ')}`),
    held: held.map((h) => `${h.need}: ${h.message}`),
  };
}

test('a need that is held is shown although a step of the same name is', () => {
  const changed = makeDesired({ brokers: [0, 1, 2].map((id) => makeBroker(id, { heapMiB: 600 })) });
  const memory = { ...makeMemory(changed), brokers: makeMemory(desired).brokers };
  const record = makeRecord(desired, makeBroker(1));
  const intent = { kind: 'pause', author: 'ann', atMs: nowMs } as const;
  const paused = { ...memory, brokers: new Map([...memory.brokers, [1, { ...record, intent }]]) };
  const { steps, held } = shown(paused);
  assert.is(steps.filter((s) => s.startsWith('~ restart broker 1')).length, 1);
  assert.equal(held, ['restart broker 1: ann asked to leave it alone']);
});

test('a start that has to wait is held with until when, and no step', () => {
  const ended = { ...makeEnded(desired, makeBroker(1)), failures: 2, retryAtMs: nowMs + 60_000 };
  const { steps, held } = shown(makeMemory(desired, [ended]));
  assert.equal(steps, []);
  assert.is(held.length, 1);
  assert.match(held[0] ?? '', /^start broker 1: backs off after 2 failures/);
});

test('that nobody has offered anything yet is no finding, a refusal is one', () => {
  const { cluster: _cluster, ...rest } = makeMemory(desired);
  const fresh = { ...rest, brokers: new Map() };
  assert.equal(shown(fresh, { mesos: { offers: [] } }).held, []);
  const { steps, held } = shown(fresh, { mesos: { offers: [makeOffer('agent-1', { cpus: 0.1 })] } });
  assert.is(steps.filter((s) => s.startsWith('+ start broker')).length, 3);
  assert.ok(
    held.some((h) => /^start broker 0: no offer fits: agent-1: cpus/.test(h)),
    held.join('\n'),
  );
});

test('a version that nobody has asked for yet is fetched by applying; one that cannot be had holds', () => {
  const { cluster: _cluster, ...rest } = makeMemory(desired);
  const fresh = { ...rest, brokers: new Map() };
  const none = { ...artifacts, kafka: {}, kafkaMissing: {} };
  const { steps, held } = shown(fresh, { artifacts: none });
  assert.match(steps.find((s) => s.startsWith('+ start broker 0')) ?? '', /new: .*; Kafka .* fetched first$/);
  assert.equal(held, []);
  const version = desired.kafka.version;
  const failed = { ...none, kafkaMissing: { [version]: { why: 'no route', failed: true } } };
  assert.ok(shown(fresh, { artifacts: failed }).held.includes('start broker 0: no route'));
});

test.run();
