/** A scheduler that follows a directory, by the commands that people use; all brokers are kept stopped. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReconcileAnswer } from '../../src/model/api.ts';
import type { RevisionSummary } from '../../src/model/source.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { builtCli, runCli, withHome } from '../cli/run-cli.ts';
import { commitAll, git, newFolder, put, removeFolder, specOf } from './gitops-world.ts';

const stopped = (cpus: number) => specOf('demo', cpus, '  defaults: { state: stopped }\n');

test('local up --specs: committed, refused, taken over, rolled back, resumed, killed and led again', async () => {
  await builtCli();
  const folder = newFolder();
  git(folder, 'init', '-q');
  put(folder, 'specs/demo.yaml', stopped(0.5));
  commitAll(folder, 'Declare demo');
  const specs = join(folder, 'specs');
  await withHome(async (home) => {
    const run = async (...args: readonly string[]) => {
      const ended = await runCli(args, { home });
      assert.is(ended.exitCode, 0, `${args.join(' ')}: ${ended.stderr}`);
      return ended.stdout;
    };
    const ask = async <T>(...args: readonly string[]) => JSON.parse(await run(...args, '-o', 'json')) as T;
    const status = () => ask<ClusterStatus>('status', 'demo');
    try {
      await run('local', 'up', '--specs', specs);
      const read = await ask<ReconcileAnswer>('reconcile', '--now');
      assert.is(read.specs?.state, 'read', JSON.stringify(read));
      assert.match(await run('status'), `Specs      ${specs} @ `);
      assert.is((await status()).source?.state, 'following');

      put(folder, 'specs/demo.yaml', stopped(1));
      commitAll(folder, 'More cpus');
      await run('reconcile', '--now');
      assert.is((await status()).revision, 2);

      put(folder, 'by-hand.yaml', stopped(2));
      const refused = await runCli(['apply', '-f', join(folder, 'by-hand.yaml')], { home });
      assert.is(refused.exitCode, 1);
      assert.match(refused.stderr, `cluster demo belongs to the file ${specs}/demo.yaml`);
      await run('apply', '-f', join(folder, 'by-hand.yaml'), '--take-over');
      assert.is((await status()).source?.state, 'taken-over');

      assert.match(await run('rollback', '1'), /revision 4, pinned to revision 1, git is 1 commit ahead/);
      const history = await ask<readonly RevisionSummary[]>('history');
      assert.equal(
        history.map(({ revision, rollbackOf }) => [revision, rollbackOf]),
        [
          [4, 1],
          [3, undefined],
          [2, undefined],
          [1, undefined],
        ],
      );
      // The next scheduler knows it all.
      const { scheduler } = await ask<{ scheduler: { pid: number } }>('local', 'status');
      process.kill(scheduler.pid, 'SIGKILL');
      await run('local', 'up', '--specs', specs);
      await run('reconcile', '--now');
      const after = await status();
      assert.equal([after.revision, after.source?.state], [4, 'pinned']);
      assert.match(await run('resume'), /revision 5, .*demo\.yaml @ [0-9a-f]{7} by Ann/);
      assert.match(
        await run('suspend', '--reason', 'freeze'),
        /suspended by .* \(freeze\), git has the same/,
      );

      const other = await runCli(['local', 'up', '--specs', folder], { home });
      assert.is(other.exitCode, 1);
      assert.match(other.stderr, `follows ${specs}`);
    } finally {
      await runCli(['local', 'down', '--purge'], { home });
      removeFolder(folder);
    }
  });
});

test.run();
