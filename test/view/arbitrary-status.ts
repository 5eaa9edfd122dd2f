/** Any status that the types allow, with texts of any kind. */
import * as fc from 'fast-check';
import {
  type BrokerStatus,
  brokerStates,
  type ClusterEvent,
  type ClusterStatus,
  type HeldSummary,
  type Progress,
  type StepSummary,
  type TopicStatus,
  type Waiting,
} from '../../src/model/status.ts';
import { anyText } from '../any-text.ts';
import { noonMs } from './samples.ts';

const text = fc.oneof(
  fc.constantFrom('', 'agent-1', 'waits for agent-2, where its data is', 'x'.repeat(300)),
  fc.string({ maxLength: 60 }),
  anyText(60),
  fc.stringMatching(/^[一-龥가-힣ぁ-ん 😀-😏é]{0,40}$/u),
);
const atMs = fc.integer({ min: noonMs - 1e10, max: noonMs + 1e10 });
const amount = fc.oneof(fc.nat(20), fc.nat());
const optional = { requiredKeys: [] as [] };

const waiting: fc.Arbitrary<Waiting> = fc
  .tuple(
    fc.record({ why: text, stalled: fc.boolean() }),
    fc.record({ untilMs: atMs, remedy: text }, optional),
  )
  .map(([needed, more]) => ({ ...needed, ...more }));

const progress: fc.Arbitrary<Progress> = fc
  .tuple(
    fc.record({ label: text, doneBytes: amount, totalBytes: amount }),
    fc.record({ bytesPerSecond: fc.double({ min: 0, max: 1e12, noNaN: true }), etaMs: amount }, optional),
  )
  .map(([needed, more]) => ({ ...needed, ...more }));

const broker: fc.Arbitrary<BrokerStatus> = fc
  .tuple(
    fc.record({
      id: fc.nat(100_000),
      pool: text,
      roles: fc.subarray(['broker', 'controller']),
      state: fc.constantFrom(...brokerStates),
      restarts: amount,
      failures: amount,
      drift: fc.array(text, { maxLength: 4 }),
      warnings: fc.array(text, { maxLength: 4 }),
    }),
    fc.record(
      {
        phase: text,
        agent: text,
        rack: text,
        endpoint: text,
        startedAtMs: atMs,
        inSync: fc.record({ inSync: amount, total: amount }),
        waiting,
        lastEnd: fc.record({ atMs, state: text, why: text }),
        progress,
      },
      optional,
    ),
  )
  .map(([needed, more]) => ({ ...needed, ...more }));

const topic: fc.Arbitrary<TopicStatus> = fc
  .tuple(
    fc.record({
      name: text,
      partitions: amount,
      replicationFactor: amount,
      state: fc.constantFrom<TopicStatus['state']>('missing', 'ready', 'offline', 'differs', 'unknown'),
    }),
    fc.record({ waiting }, optional),
  )
  .map(([needed, more]) => ({ ...needed, ...more }));

const held: fc.Arbitrary<HeldSummary> = fc
  .tuple(
    fc.record({
      need: text,
      reason: text,
      message: text,
      stalled: fc.boolean(),
      details: fc.array(text, { maxLength: 6 }),
    }),
    fc.record({ brokerId: fc.nat(10), untilMs: atMs, remedy: text }, optional),
  )
  .map(([needed, more]) => ({ ...needed, ...more }));

const step: fc.Arbitrary<StepSummary> = fc.record({
  mark: fc.constantFrom('+', '~', '-', '·'),
  what: text,
  why: fc.array(text, { maxLength: 3 }),
});

const event: fc.Arbitrary<ClusterEvent> = fc.record({
  seq: amount,
  atMs,
  brokerId: fc.nat(10),
  severity: fc.constantFrom<ClusterEvent['severity']>('info', 'warning', 'error'),
  message: text,
});

export const anyStatus: fc.Arbitrary<ClusterStatus> = fc.record({
  name: text,
  labels: fc.constant({}),
  revision: amount,
  digest: text,
  phase: fc.constantFrom<ClusterStatus['phase']>('forming', 'converging', 'rolling', 'held', 'converged'),
  conditions: fc.constant([]),
  kafkaVersion: text,
  bootstrap: fc.array(text, { maxLength: 5 }),
  brokers: fc.array(broker, { maxLength: 40 }),
  topics: fc.array(topic, { maxLength: 10 }),
  steps: fc.array(step, { maxLength: 10 }),
  held: fc.array(held, { maxLength: 8 }),
  events: fc.array(event, { maxLength: 12 }),
  observedAtMs: atMs,
});
