/** What people read of the steps that were taken. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Effects } from '../../src/execute/execute.ts';
import type { Step, StepMark } from '../../src/model/plan.ts';
import { eventSentence } from '../../src/model/status.ts';
import { createEventLog } from '../../src/reconciler/event-log.ts';
import { executePlan } from '../../src/reconciler/execute-plan.ts';
import { silentLogger } from '../../src/sys/logger.ts';

test('the events say what was started, and of what was changed or ended also why', async () => {
  const step = (mark: StepMark, what: string, ...why: string[]): Step => ({
    mark,
    what,
    why,
    clusterName: 'demo',
    action: { kind: 'create-topic', topic: { name: 't', partitions: 1, replicationFactor: 1, config: {} } },
  });
  const events = createEventLog();
  await executePlan(
    {
      steps: [
        step('+', 'start broker 0', 'the spec has it'),
        step('~', 'restart broker 1', 'heap: 1 → 2', 'cpus: 1 → 2'),
        step('·', 'forget it', 'it is done'),
      ],
      held: [],
      declined: [],
    },
    {
      effects: () => ({}) as Effects,
      attempt: async () => true,
      events,
      logger: silentLogger,
      nowMs: 0,
    },
  );
  assert.equal(events.of('demo').map(eventSentence), [
    'start broker 0',
    'restart broker 1: heap: 1 → 2 and 1 more',
  ]);
});

test.run();
