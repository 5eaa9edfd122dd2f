/** How the scheduler process ends when Mesos says so; on ZooKeeper's word it is test/zookeeper that tests it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { recordPaths } from '../../src/model/store.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { startScriptedMaster } from '../mesos/scripted-master.ts';
import { builtCli, type CliRun, runCli, withHome } from './run-cli.ts';

await builtCli();

/** The scheduler of a store that knows framework F, whose subscription is answered by this ERROR. */
async function answeredBy(message: string): Promise<{ readonly run: CliRun; readonly record: unknown }> {
  const master = await startScriptedMaster();
  try {
    let result: { readonly run: CliRun; readonly record: unknown } | undefined;
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
      const after = await openFileStore(home.store);
      result = { run, record: (await after.read(recordPaths.framework))?.value };
      await after.close();
    });
    if (result === undefined) throw new Error('it did not end');
    return result;
  } finally {
    await master.close();
  }
}

test('the framework was removed: 76, and no other one is registered in its place', async () => {
  const { run, record } = await answeredBy('Framework has been removed');
  assert.is(run.exitCode, 76, run.stderr);
  assert.is(run.exitCode, exitCodes.frameworkRemoved);
  assert.match(run.stderr, 'KM_CONFLICT_FRAMEWORK_REMOVED');
  assert.match(run.stderr, 'remove the store’s framework record only if you want to register anew');
  assert.equal(record, { schema: 1, frameworkId: 'F' }, 'what it was stays in the store');
});

test('another scheduler took over: 75, to be started again', async () => {
  const { run } = await answeredBy('Framework failed over');
  assert.is(run.exitCode, 75, run.stderr);
  assert.match(run.stderr, 'KM_CONFLICT_FAILED_OVER');
});

test.run();
