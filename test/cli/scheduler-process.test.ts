/** How the scheduler process ends when Mesos says so; on ZooKeeper's word it is test/zookeeper that tests it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import type { FrameworkRecord } from '../../src/model/records.ts';
import { recordPaths } from '../../src/model/store.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { startScriptedMaster } from '../mesos/scripted-master.ts';
import { builtCli, type CliRun, runCli, withHome } from './run-cli.ts';

await builtCli();

/**
 * The scheduler of a store that knows framework F, whose subscription is answered by this ERROR; and how another one
 * ended after it, where that ends by itself.
 */
async function answeredBy(
  message: string,
  endsAgain: boolean,
): Promise<{ readonly run: CliRun; readonly record: unknown; readonly again?: CliRun }> {
  const master = await startScriptedMaster();
  try {
    let result: Awaited<ReturnType<typeof answeredBy>> | undefined;
    await withHome(async (home) => {
      const store = await openFileStore(home.store);
      await store.claim();
      await store.write(recordPaths.framework, { schema: 1, frameworkId: 'F' }, 0);
      await store.close();
      const ended = runCli(['scheduler', '--master', master.address], { home });
      const subscribe = await master.next();
      assert.is(subscribe.call.type, 'SUBSCRIBE');
      assert.equal(subscribe.call.framework_id, { value: 'F' });
      const stream = subscribe.stream();
      stream.send({ type: 'ERROR', error: { message } });
      stream.end();
      const run = await ended;
      assert.is(master.waiting(), 0, 'it subscribes no second time');
      const again = endsAgain ? await runCli(['scheduler', '--master', master.address], { home }) : undefined;
      assert.is(master.waiting(), 0, 'nor is it asked anything');
      const after = await openFileStore(home.store);
      const record = (await after.read(recordPaths.framework))?.value;
      result = { run, record, ...(again === undefined ? {} : { again }) };
      await after.close();
    });
    if (result === undefined) throw new Error('it did not end');
    return result;
  } finally {
    await master.close();
  }
}

test('the framework was removed: 76, and no other one is registered in its place', async () => {
  const { run, record, again } = await answeredBy('Framework has been removed', true);
  assert.is(run.exitCode, 76, run.stderr);
  assert.is(run.exitCode, exitCodes.frameworkRemoved);
  assert.match(run.stderr, 'KM_CONFLICT_FRAMEWORK_REMOVED');
  assert.match(run.stderr, 'start the scheduler once with --register-anew F');
  const { removed, ...rest } = record as FrameworkRecord;
  assert.equal(rest, { schema: 1, frameworkId: 'F' }, 'what it was stays in the store');
  assert.ok(removed?.message);
  assert.is(again?.exitCode, 76, again?.stderr);
  assert.match(again?.stderr ?? '', 'start the scheduler once with --register-anew F');
});

test('another scheduler took over: 75, to be started again', async () => {
  const { run } = await answeredBy('Framework failed over', false);
  assert.is(run.exitCode, 75, run.stderr);
  assert.match(run.stderr, 'KM_CONFLICT_FAILED_OVER');
});

test.run();
