/** The day-two page with real brokers: what is committed comes about, what is broken does not, and each says why. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findRunningApi, readToken, resolveHome } from '../../src/cli/home.ts';
import type { RevisionSummary } from '../../src/model/source.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { commitAll, git, newFolder, put, removeFolder } from './gitops-world.ts';
import { createWorld, root, type World } from './harness.ts';

const pidsOf = ({ brokers }: ClusterStatus) => brokers.map((b) => b.jvmPid);

async function metricsOf(world: World): Promise<string> {
  const home = resolveHome({ KAFKA_MESOS_HOME: world.home }, homedir());
  const { url } = (await findRunningApi(home)) ?? {};
  const headers = { authorization: `Bearer ${await readToken(home.tokenFile)}` };
  const answer = await fetch(`${url}/metrics`, { headers });
  assert.is(answer.status, 200);
  return answer.text();
}

test('specs in git: bring up, change, break, roll back, go on, and hear why', async () => {
  const world = createWorld('day-two');
  const specs = newFolder();
  const file = join(specs, 'demo.yaml');
  /** A commit of the example with these lines under `config:`. */
  const commit = (config: Readonly<Record<string, number>>, subject: string): string => {
    const lines = Object.entries(config).map(([key, value]) => `    ${key}: ${value}\n`);
    const text = readFileSync(join(root, 'examples', 'three-brokers.yaml'), 'utf8');
    put(specs, 'demo.yaml', text.replace('  config:\n', `  config:\n${lines.join('')}`));
    return commitAll(specs, subject);
  };
  const converge = async () => {
    await world.ok(['reconcile', '--now']);
    await world.ok(['wait', 'demo', '--for=converged', '--timeout', '5m']);
    return world.status('demo');
  };
  try {
    git(specs, 'init', '-q');
    copyFileSync(join(root, 'examples', 'three-brokers.yaml'), file);
    const first = commitAll(specs, 'Declare demo');
    await world.ok(['local', 'up', '--specs', specs]);
    await world.ok(['reconcile', '--now']);
    await world.ok(['wait', 'demo', '--for=condition=Ready', '--timeout', '5m']);
    const begun = await converge();
    assert.is(begun.source?.commit?.id, first);
    assert.match(await world.ok(['describe', 'broker', '1']), /^Broker 1 .*\n/);

    // Kafka can change this while it runs: the same processes have it.
    const second = commit({ 'num.io.threads': 9 }, 'More threads for disks');
    const changed = await converge();
    assert.is(changed.revision, 2);
    assert.equal(pidsOf(changed), pidsOf(begun));
    const told = await world.ok(['events', 'demo']);
    assert.match(told, /revision 2 applied/);
    assert.match(told, /More threads for disks/);

    // A mistake is named with its place; nothing follows from it, and a metric tells.
    put(specs, 'demo.yaml', readFileSync(file, 'utf8').replace('cpus: 0.5', 'cpus: half'));
    commitAll(specs, 'Break it');
    await world.ok(['reconcile', '--now']);
    const broken = await world.status('demo');
    assert.is(broken.source?.state, 'broken');
    assert.is(broken.revision, 2);
    assert.equal(pidsOf(broken), pidsOf(begun));
    assert.match(await world.ok(['status', 'demo']), /demo\.yaml:\d+:\d+/);
    const metrics = await metricsOf(world);
    assert.match(metrics, 'kafka_mesos_cluster_source{cluster="demo",state="broken"} 1');
    assert.match(metrics, 'kafka_mesos_brokers{cluster="demo",state="running"} 3');

    // Back to the first revision, and pinned there whatever is committed.
    await world.ok(['rollback', '1', '--cluster', 'demo', '--reason', 'latency']);
    const back = await converge();
    assert.is(back.revision, 3);
    assert.is(back.source?.state, 'pinned');
    assert.equal(pidsOf(back), pidsOf(begun));
    commit({ 'num.io.threads': 9, 'num.partitions': 2 }, 'Two partitions by default');
    await world.ok(['reconcile', '--now']);
    const ahead = await world.status('demo');
    assert.is(ahead.revision, 3);
    assert.is(ahead.source?.message, 'pinned to revision 1 (latency), git is 3 commits ahead');

    // Followed again: this one takes a restart of each.
    await world.ok(['resume', 'demo']);
    const rolled = await converge();
    assert.is(rolled.revision, 4);
    for (const [at, pid] of pidsOf(rolled).entries()) {
      assert.type(pid, 'number');
      assert.is.not(pid, pidsOf(begun)[at], `broker ${at} was restarted`);
    }
    const history = JSON.parse(
      await world.ok(['history', 'demo', '-o', 'json']),
    ) as readonly RevisionSummary[];
    assert.equal(
      history.map((one) => [one.revision, one.rollbackOf, one.outcome?.kind, one.isCurrent]),
      [
        [4, undefined, 'converged', true],
        [3, 1, 'converged', false],
        [2, undefined, 'converged', false],
        [1, undefined, 'converged', false],
      ],
    );
    assert.is(history.find((one) => one.revision === 2)?.source?.commit?.id, second);

    // The file's: not a command's, until somebody takes it over. A plan that was looked at is applied, or refused.
    const own = world.spec(
      'own',
      readFileSync(file, 'utf8').replace('num.io.threads: 9', 'num.io.threads: 10'),
    );
    const refused = await world.run(['apply', '-f', own]);
    assert.is(refused.code, 1);
    assert.match(refused.stderr, `cluster demo belongs to the file ${file}`);
    const saved = join(world.home, 'own.plan');
    assert.is((await world.run(['plan', '-f', own, '--out', saved, '--detailed-exitcode'])).code, 2);
    await world.ok(['broker', 'restart', '1', '--cluster', 'demo']);
    const moved = await world.run(['apply', '--plan', saved, '--take-over']);
    assert.is(moved.code, 1);
    assert.match(moved.stderr, 'KM_CONFLICT_PLAN');
    await converge();
    await world.ok(['plan', '-f', own, '--out', saved]);
    await world.ok(['apply', '--plan', saved, '--take-over', '--wait']);
    const taken = await world.status('demo');
    assert.equal([taken.revision, taken.source?.state], [5, 'taken-over']);
    assert.match(execFileSync('git', ['-C', specs, 'log', '--format=%s', '-1'], { encoding: 'utf8' }), 'Two');
  } finally {
    await world.close();
    removeFolder(specs);
  }
});

test.run();
