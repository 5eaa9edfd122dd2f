/** The embedded Mesos removes the framework: the scheduler goes on as another one, with brokers that are stubs. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { bundlePrograms, createWorld, stubSpec, type World } from '../crash/world.ts';

const spec = stubSpec('removed', '0..2');
const timeoutMs = 180_000;
const programs = await bundlePrograms('test/executor/stub-main.ts', { withKafkaClients: false });
test.after(() => programs.remove());

const converged = ({ phase, brokers }: ClusterStatus) =>
  phase === 'converged' && brokers.every(({ state }) => state === 'running');
const homes = ({ brokers }: ClusterStatus) => brokers.map(({ id, agent, endpoint }) => [id, agent, endpoint]);
const tasks = ({ brokers }: ClusterStatus) => brokers.map(({ taskId }) => taskId);

async function operate(world: World, call: object): Promise<string> {
  const answer = await fetch(new URL('/api/v1', world.mesos.masterUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(call),
  });
  const text = await answer.text();
  assert.ok(answer.ok, text);
  return text;
}

type Framework = { readonly framework_info: { readonly id: { readonly value: string } } };

/** Of frameworks that are there, and of those that are over. */
async function frameworks(world: World): Promise<{ readonly live: string[]; readonly over: string[] }> {
  const { get_frameworks: known } = JSON.parse(await operate(world, { type: 'GET_FRAMEWORKS' })) as {
    get_frameworks: { frameworks?: readonly Framework[]; completed_frameworks?: readonly Framework[] };
  };
  const ids = (some: readonly Framework[] = []) => some.map((f) => f.framework_info.id.value).sort();
  return { live: ids(known.frameworks), over: ids(known.completed_frameworks) };
}

async function volumes(world: World): Promise<readonly string[]> {
  const agents = await operate(world, { type: 'GET_AGENTS' });
  return [...new Set([...agents.matchAll(/"persistence":\{"id":"([^"]+)"/g)].map((m) => m[1] ?? ''))].sort();
}

test('a framework that Mesos removed is followed by another one, on the same volumes, with consent only', async () => {
  const world = await createWorld({ programs, spec, stubBrokers: 3 });
  try {
    world.start();
    const before = await world.bringUp(converged, timeoutMs);
    if (before === 'died') throw new Error(world.log());
    const [first = ''] = (await frameworks(world)).live;
    const disks = await volumes(world);
    assert.is(disks.length, 3);

    await operate(world, { type: 'TEARDOWN', teardown: { framework_id: { value: first } } });
    assert.is(await world.schedulerEnd(), exitCodes.frameworkRemoved, world.log());
    assert.match(world.log(), `start the scheduler once with --register-anew ${first}`);
    world.start();
    assert.is(await world.schedulerEnd(), exitCodes.frameworkRemoved, world.log());
    world.start(undefined, 'another');
    assert.is(await world.schedulerEnd(), exitCodes.frameworkRemoved, world.log());
    assert.equal(await frameworks(world), { live: [], over: [first] });

    // It dies when it is registered, before it can store as whom: nothing is lost by it but a name.
    world.start({ side: 'before', count: 1, matching: '^framework ' }, first);
    await world.schedulerEnd();
    assert.is((await frameworks(world)).live.length, 1);
    world.start();
    assert.is(await world.schedulerEnd(), exitCodes.frameworkRemoved, world.log());

    world.start(undefined, first);
    const after = await world.bringUp(converged, timeoutMs);
    if (after === 'died') throw new Error(world.log());
    assert.equal(homes(after), homes(before), 'the same agents and ports');
    assert.not(tasks(after).some((id) => tasks(before).includes(id)));
    assert.equal(await volumes(world), disks, 'the same volumes, and no other one');
    const { live, over } = await frameworks(world);
    assert.equal(over, [first]);

    // A supervisor starts it with the same arguments: that consent is over.
    await world.stopScheduler();
    world.start(undefined, first);
    const again = await world.bringUp(converged, timeoutMs);
    if (again === 'died') throw new Error(world.log());
    assert.equal(tasks(again), tasks(after));
    assert.equal(await frameworks(world), { live, over });
  } finally {
    await world.close();
  }
});

test.run();
