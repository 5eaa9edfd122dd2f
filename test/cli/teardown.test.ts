import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { TeardownAnswer } from '../../src/model/teardown.ts';
import { runCli, runHere, withScheduler } from './run-cli.ts';

const volume = { kind: 'volume' as const, agentId: 'S1', hostname: 'h1', what: 'v of broker 1 of demo' };
const away = {
  kind: 'record' as const,
  agentId: 'S2',
  hostname: 'h2',
  what: 'the place of broker 2 of demo',
};

test('teardown: asks until the master shows nothing, and exits with 0', async () => {
  const answers: TeardownAnswer[] = [
    { done: false, clusters: ['demo'], left: [volume] },
    { done: true, clusters: [], left: [] },
  ];
  await withScheduler(
    { teardown: async () => answers.shift() ?? { done: true, clusters: [], left: [] } },
    async (home) => {
      const run = await runCli(['teardown', '--confirm', 'kafka'], { home });
      assert.is(run.exitCode, 0, run.stderr);
      assert.match(run.stderr, 'Left: cluster demo, 1 × volume');
      assert.match(run.stderr, 'the master shows no task, reservation or volume of kafka');
    },
  );
});

test('teardown: a dead agent does not hold it up; what is left is named with its remedy', async () => {
  const asked: boolean[] = [];
  const teardown = async ({ abandon }: { abandon: boolean }): Promise<TeardownAnswer> => {
    asked.push(abandon);
    return abandon
      ? { done: true, clusters: [], left: [away] }
      : { done: false, clusters: ['demo'], left: [volume, away] };
  };
  await withScheduler({ teardown }, async (home) => {
    const run = await runHere(['teardown', '--confirm', 'kafka', '--timeout', '1s'], { home });
    assert.is(run.exitCode, 2, run.stderr);
    assert.match(run.stdout, /volume +h1 \(S1\) +v of broker 1 of demo/);
    assert.match(run.stdout, /record +h2 \(S2\)/);
    assert.match(run.stderr, 'Not everything is gone');
    assert.match(run.stderr, 'DESTROY_VOLUMES');
    assert.match(run.stderr, '--abandon');
    assert.not(asked.includes(true));
    const end = await runHere(['teardown', '--confirm', 'kafka', '--timeout', '1s', '--abandon'], { home });
    assert.is(end.exitCode, 2, end.stderr);
    assert.match(end.stderr, 'abandoned what is listed');
  });
});

test('teardown: the name has to be given', async () => {
  await withScheduler({}, async (home, asked) => {
    const run = await runHere(['teardown'], { home });
    assert.is(run.exitCode, 64);
    assert.match(run.stderr, '--confirm');
    assert.equal(asked, []);
  });
});

test.run();
