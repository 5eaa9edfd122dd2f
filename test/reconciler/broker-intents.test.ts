import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterMemory } from '../../src/model/records.ts';
import { storeIntent } from '../../src/reconciler/broker-intents.ts';
import type { Memory } from '../../src/reconciler/memory.ts';
import { makeBroker, makeDesired, makeMemory, makeRecord, nowMs } from '../plan/builders.ts';

function memoryOf(cluster: ClusterMemory): Memory {
  return { cluster: () => cluster, writeBroker: async () => {} } as unknown as Memory;
}
const paused = { kind: 'pause', author: 'ann', atMs: nowMs } as const;

test('of a broker that has left the spec, what was asked can be taken back, and nothing new be asked', async () => {
  const desired = makeDesired({ brokers: [makeBroker(0)] });
  const left = makeRecord(makeDesired({ brokers: [makeBroker(0), makeBroker(1)] }), makeBroker(1), {
    intent: paused,
  });
  const memory = memoryOf(makeMemory(desired, [left]));
  const asked = { clusterName: 'demo', brokerId: 1 };
  const now = await storeIntent(memory, { ...asked, request: undefined }, nowMs);
  assert.is(now.record.intent, undefined);
  assert.is(now.news?.message, 'no more to be left alone: it was taken back');
  let refused = '';
  await storeIntent(memory, { ...asked, request: { kind: 'stop', author: 'ann' } }, nowMs).catch(
    (error: { code: string }) => {
      refused = error.code;
    },
  );
  assert.is(refused, 'KM_CONFLICT_INTENT');
});

test.run();
