import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type FirstSubscription, refuseSecondFramework } from '../../src/cli/first-subscription.ts';
import { writeRecovery } from '../../src/cli/recover-store.ts';
import { ProtocolError, UnavailableError } from '../../src/model/errors.ts';
import type { MesosInventory } from '../../src/model/mesos-inventory.ts';
import { recordPaths } from '../../src/model/store.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { silentLogger } from '../../src/sys/logger.ts';

const framework = { name: 'kafka-mesos', role: 'kafka' };
const empty: MesosInventory = { frameworks: [], tasks: [], agents: [], recoveredAgents: [] };
const withOurs: MesosInventory = {
  ...empty,
  frameworks: [{ id: 'F-1', name: 'kafka-mesos', roles: ['kafka'], connected: true, completed: false }],
};

const away = new UnavailableError('KM_UNAVAILABLE_MASTER', 'no');

/** Asks with these answers in turn, the last one for ever; what was decided, after how many, and what was warned of. */
async function decide(answers: readonly (MesosInventory | Error)[], how: Partial<FirstSubscription> = {}) {
  let asked = 0;
  let waits = 0;
  const warnings: unknown[] = [];
  const pausesMs: number[] = [];
  const error = await refuseSecondFramework({
    inventory: async () => {
      const answer = answers[Math.min(asked, answers.length - 1)] ?? empty;
      asked += 1;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    framework,
    clock: {
      setTimer: (delayMs, run) => {
        pausesMs.push(delayMs);
        queueMicrotask(run);
        return { cancel() {} };
      },
    },
    logger: { ...silentLogger, warn: (message: string) => warnings.push(message) } as typeof silentLogger,
    async onWait() {
      waits += 1;
    },
    signal: new AbortController().signal,
    ...how,
  });
  return { error, asked, warnings, waits, pausesMs };
}

test('a master that knows no framework of our name is subscribed to at once', async () => {
  const { error, asked, warnings, waits } = await decide([empty]);
  assert.equal({ error, asked, warnings, waits }, { error: undefined, asked: 1, warnings: [], waits: 0 });
});

test('a framework that the store has lost is not joined by a second one', async () => {
  const { error } = await decide([withOurs]);
  assert.is(error?.code, 'KM_CONFLICT_FRAMEWORK_LOST');
  assert.match(error?.message ?? '', /framework F-1,/);
  assert.match(error?.remedy ?? '', /restore the store.*--recover.*--framework-name/);
});

test('the master may notice late that the scheduler before is gone', async () => {
  assert.is((await decide([withOurs, empty])).error, undefined);
});

test('a master that does not let us ask is no reason not to start, and is warned of', async () => {
  const denied = await decide([new ProtocolError('KM_PROTOCOL_MESOS_CREDENTIALS', 'no')]);
  assert.is(denied.error, undefined);
  assert.is(denied.asked, 1);
  assert.is(denied.warnings.length, 1);
});

test('a master that is away is asked until it is back, however long: it may have our framework then', async () => {
  const hour = Array.from({ length: 240 }, () => away);
  const { error, asked, warnings, waits, pausesMs } = await decide([...hour, withOurs]);
  assert.is(error?.code, 'KM_CONFLICT_FRAMEWORK_LOST');
  assert.is(asked, 245);
  assert.is(waits, 1);
  assert.equal(pausesMs.slice(0, 6), [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  assert.ok(warnings.length > 50 && warnings.length < 70, `about one a minute: ${warnings.length}`);
  const nonsense = new ProtocolError('KM_PROTOCOL_MESOS_ANSWER', 'a page of a proxy');
  assert.is((await decide([nonsense, away, withOurs])).error?.code, 'KM_CONFLICT_FRAMEWORK_LOST');
  assert.is((await decide([...hour, empty])).error, undefined);
});

test('whoever stops while the master is away is done at once, and asks no more', async () => {
  const stop = new AbortController();
  let cancelled = 0;
  const waiting = decide([away], {
    signal: stop.signal,
    clock: {
      setTimer: () => ({
        cancel() {
          cancelled += 1;
        },
      }),
    },
  });
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  const { error, asked } = await waiting;
  assert.equal({ error, asked, cancelled }, { error: undefined, asked: 1, cancelled: 1 });
});

test('beside the framework whose place is taken reservations are known, and tasks or a scheduler are not', async () => {
  const reserved: MesosInventory = {
    ...withOurs,
    frameworks: withOurs.frameworks.map((f) => ({ ...f, connected: false })),
    agents: [
      {
        agentId: 'A',
        hostname: 'a',
        attributes: {},
        active: true,
        resources: [
          {
            name: 'cpus',
            scalar: 1,
            reservations: [{ kind: 'dynamic', role: 'kafka', labels: { framework: 'kafka-mesos' } }],
          },
        ],
      },
    ],
  };
  assert.is((await decide([reserved])).error?.code, 'KM_CONFLICT_FRAMEWORK_LOST');
  // Registered by a scheduler that died before it could store the id: nothing runs as it.
  assert.is((await decide([reserved], { removedId: 'F-0' })).error, undefined);
  const other = (await decide([withOurs], { removedId: 'F-0' })).error;
  assert.match(other?.message ?? '', /framework F-1,.* the store does not know it/);
  const again = (await decide([withOurs], { removedId: 'F-1' })).error;
  assert.match(again?.message ?? '', /framework F-1,.* which it had removed before/);
  assert.match(again?.remedy ?? '', /TEARDOWN of F-1/);
});

test('recovery takes a store that holds a framework and nothing more, unless that one is torn down', async () => {
  const recovery = {
    recovered: {
      framework: { schema: 1 as const, frameworkId: 'F-1' },
      clusters: [],
      problems: [],
      notes: [],
    },
    plan: { clusters: [], warnings: [] },
  };
  const write = async (record: object) => {
    const store = createMemoryStoreBackend().connect();
    await store.claim();
    await store.write(recordPaths.framework, { schema: 1, frameworkId: 'F-2', ...record }, 0);
    await writeRecovery(store, recovery);
    return (await store.read(recordPaths.framework))?.value;
  };
  assert.equal(await write({}), { schema: 1, frameworkId: 'F-1' });
  await write({ teardown: { atMs: 0, author: 'ann' } }).then(
    () => assert.unreachable(),
    (error: { code: string }) => assert.is(error.code, 'KM_CONFLICT_RECOVERY'),
  );
});

test.run();
