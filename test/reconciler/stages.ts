/** How far a harness has come: subscribed, its first brokers launched, all of them serving. */
import { makeDesired, makeKafka, makeOffer } from '../plan/builders.ts';
import { createHarness, type Harness, settle } from './harness.ts';

export const desired = makeDesired();
export const digest = 'd1';

export async function subscribed(harness = createHarness()): Promise<Harness> {
  await harness.reconciler.start();
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await settle();
  return harness;
}

/** Three voters launched; the broker records are stored. */
export async function launched(harness = createHarness()): Promise<Harness> {
  await subscribed(harness);
  await harness.reconciler.apply([{ desired, digest }], 'ann');
  harness.reconciler.onMesosEvent({
    kind: 'offers',
    offers: [1, 2, 3].map((n) => makeOffer(`agent-${n}`, { receivedAtMs: harness.clock.nowMs() })),
  });
  await settle();
  return harness;
}

export async function taskOf(harness: Harness, id: number): Promise<string> {
  return (await harness.broker(id))?.task?.taskId ?? '';
}

export const running = (endpoint: string): string =>
  JSON.stringify({ protocol: 1, phase: 'serving', formatted: true, endpoint });

export async function serving(harness = createHarness()): Promise<Harness> {
  await launched(harness);
  harness.kafka = makeKafka(desired);
  for (const id of [0, 1, 2])
    await harness.update({
      taskId: await taskOf(harness, id),
      state: 'TASK_RUNNING',
      agentId: `agent-${id + 1}`,
      data: running(`agent-${id + 1}:31000`),
      uuid: `u${id}`,
    });
  return harness;
}
