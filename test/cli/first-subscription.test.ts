import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { refuseSecondFramework } from '../../src/cli/first-subscription.ts';
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

/** Asks with these answers in turn, the last one for ever; what was decided, after how many, and what was warned of. */
async function decide(...answers: readonly (MesosInventory | Error)[]) {
  let asked = 0;
  const warnings: unknown[] = [];
  const error = await refuseSecondFramework({
    inventory: async () => {
      const answer = answers[Math.min(asked, answers.length - 1)] ?? empty;
      asked += 1;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    framework,
    clock: {
      setTimer: (_delayMs, run) => {
        queueMicrotask(run);
        return { cancel() {} };
      },
    },
    logger: { ...silentLogger, warn: (message: string) => warnings.push(message) } as typeof silentLogger,
  });
  return { error, asked, warnings };
}

test('a master that knows no framework of our name is subscribed to at once', async () => {
  assert.equal(await decide(empty), { error: undefined, asked: 1, warnings: [] });
});

test('a framework that the store has lost is not joined by a second one', async () => {
  const { error } = await decide(withOurs);
  assert.is(error?.code, 'KM_CONFLICT_FRAMEWORK_LOST');
  assert.match(error?.message ?? '', /framework F-1,/);
  assert.match(error?.remedy ?? '', /restore the store.*--recover.*--framework-name/);
});

test('the master may notice late that the scheduler before is gone', async () => {
  assert.is((await decide(withOurs, empty)).error, undefined);
});

test('a master that cannot be asked is no reason not to start, and is warned of', async () => {
  const denied = await decide(new ProtocolError('KM_PROTOCOL_MESOS_CREDENTIALS', 'no'));
  assert.is(denied.error, undefined);
  assert.is(denied.asked, 1);
  assert.is(denied.warnings.length, 1);
  const away = new UnavailableError('KM_UNAVAILABLE_MASTER', 'no');
  assert.is((await decide(away)).warnings.length, 1);
  assert.is((await decide(away, withOurs)).error?.code, 'KM_CONFLICT_FRAMEWORK_LOST', 'it comes back');
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
