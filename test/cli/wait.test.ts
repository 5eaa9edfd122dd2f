/** `wait`: 0 when it is so, 3 at the time-out with the reasons, 1 when it can never be; a scheduler may be away meanwhile. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureToken, publishApi } from '../../src/cli/home.ts';
import { parseWanted } from '../../src/cli/wait-condition.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { clusterStatus, fakeService, unplaced } from '../api/fixtures.ts';
import { runCli, runHere, serveFake, withHome, withScheduler } from './run-cli.ts';

const ready = (status: boolean, change: Partial<ClusterStatus> = {}) =>
  clusterStatus({
    phase: status ? 'converged' : 'converging',
    conditions: [{ type: 'Ready', status, reason: 'BrokersDown', message: 'broker 0 is failed' }],
    ...change,
  });

/** Each look sees the next; the last stays. */
function looks(...statuses: readonly (readonly ClusterStatus[])[]) {
  let look = 0;
  return () => statuses[Math.min(look++, statuses.length - 1)] ?? [];
}

test('it waits until it is so', async () => {
  const [one] = clusterStatus().brokers;
  if (one === undefined) return assert.unreachable();
  const broker = (state: 'starting' | 'running') => [ready(true, { brokers: [{ ...one, state }] })];
  for (const [args, clusters, says] of [
    [
      ['demo', '--for=condition=Ready'],
      looks([ready(false)], [ready(false)], [ready(true)]),
      'demo is Ready.',
    ],
    [['--for=condition=ready=FALSE'], looks([ready(true)], [ready(false)]), 'demo is not Ready.'],
    [['cluster', 'demo'], looks([ready(false)], [ready(true)]), 'demo is converged.'],
    [['broker', '0'], looks(broker('starting'), broker('running')), 'broker 0 of demo is running.'],
    [['demo', '--for=deleted'], looks([ready(true)], []), 'demo is deleted.'],
    [['demo', '--for=deleted'], looks([]), 'demo is deleted.'],
    [['broker', '7', '--for=deleted'], looks([ready(true)]), 'broker 7 of demo is deleted.'],
  ] as const) {
    await withScheduler({ clusters }, async (home) => {
      const run = await runHere(['wait', ...args], { home });
      assert.is(run.exitCode, 0, `${args.join(' ')}\n${run.stderr}`);
      assert.match(run.stderr, says);
      assert.is(run.stdout, '');
    });
  }
});

test('3 at the time-out, with how it stands, what holds it and where to look', async () => {
  await withScheduler({ clusters: () => [ready(false, { held: [unplaced] })] }, async (home) => {
    const run = await runHere(['wait', '--for', 'condition=Ready', '--timeout', '0s'], { home });
    assert.is(run.exitCode, 3, run.stderr);
    assert.match(run.stderr, 'demo is not Ready after');
    assert.match(run.stderr, 'converging; Ready is false: BrokersDown: broker 0 is failed');
    assert.match(run.stderr, '! start broker 0: no offer has room');
    assert.match(run.stderr, '→ add an agent');
    assert.match(run.stderr, 'kafka-mesos describe cluster demo');
  });
  const [one] = clusterStatus().brokers;
  const waiting = { why: unplaced.message, stalled: true };
  const brokers = one === undefined ? [] : [{ ...one, state: 'waiting' as const, waiting }];
  await withScheduler({ clusters: () => [ready(false, { held: [unplaced], brokers })] }, async (home) => {
    const { stderr } = await runHere(['wait', 'broker', '0', '--timeout', '0s'], { home });
    assert.match(stderr, /^broker 0 of demo is not running after .*: waiting$/m);
    assert.is(stderr.split('no offer has room').length, 3, `on its way, and once at the end:\n${stderr}`);
  });
});

test('what can never be is 1 or 64, with the next step', async () => {
  await withScheduler({ clusters: looks([ready(false)], []) }, async (home) => {
    const run = await runHere(['wait', 'demo'], { home });
    assert.is(run.exitCode, 1);
    assert.match(run.stderr, 'demo was removed and will never be converged');
    // Its own events went with it: only those of the framework tell of it.
    assert.match(run.stderr, /kafka-mesos events$/m);
  });
  await withScheduler({}, async (home) => {
    for (const [args, code, says] of [
      [['dmo'], 1, 'did you mean demo?'],
      [['broker', '7'], 1, 'there is 0'],
      [['broker'], 64, 'which broker?'],
      [['broker', 'x'], 64, 'no id of a broker'],
      [['demo', 'other'], 64, 'two things'],
      [['demo', '--cluster', 'other'], 64, 'two clusters'],
      [['--for', 'condition=Redy'], 64, 'did you mean --for=condition=Ready?'],
      [['--for', 'condition=Ready=maybe'], 64, 'true or false'],
      [['--for', 'convergd'], 64, 'did you mean --for=converged?'],
      [['--for', 'state=running'], 64, 'a cluster cannot be waited for'],
      [['broker', '0', '--for', 'state=runing'], 64, 'did you mean --for=state=running?'],
      [['broker', '0', '--for', 'condition=Ready'], 64, 'a broker cannot be waited for'],
    ] as const) {
      const run = await runHere(['wait', ...args], { home });
      assert.is(run.exitCode, code, args.join(' '));
      assert.match(run.stderr, says);
      assert.match(run.stderr, '→ ');
    }
  });
  assert.equal(parseWanted('condition=Stalled=false', 'cluster'), {
    kind: 'condition',
    type: 'Stalled',
    status: false,
  });
});

test('a scheduler that is started anew elsewhere is found again', async () => {
  await withHome(async (home) => {
    const token = await ensureToken(home);
    const serve = async (clusters: () => readonly ClusterStatus[]) => {
      const server = await serveFake(fakeService({ clusters }).service, token);
      await publishApi(home, server.url);
      return server;
    };
    let asked = 0;
    let heard: () => void = () => {};
    const isAsked = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const first = await serve(() => {
      asked += 1;
      if (asked === 2) heard();
      return [ready(false)];
    });
    const waiting = runHere(['wait', 'demo', '--timeout', '30s'], { home });
    await isAsked;
    await first.close();
    const second = await serve(() => [ready(true)]);
    const run = await waiting;
    assert.is(run.exitCode, 0, run.stderr);
    await second.close();
  });
});

test('Ctrl-C leaves with 130', async () => {
  await withScheduler({ clusters: () => [ready(false)] }, async (home) => {
    const run = await runCli(['wait'], { home, interruptWhen: (text) => text.includes('converging') });
    assert.is(run.exitCode, 130);
    assert.match(run.stderr, 'kafka-mesos status demo --watch');
  });
});

test.run();
