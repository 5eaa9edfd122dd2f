/** What a cluster leaves that was removed beside its file, and what is told of files that are not followed. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { eventSentence } from '../../src/model/status.ts';
import { parseSpecFile } from '../../src/spec/parse.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { createHarness } from '../reconciler/harness.ts';
import { subscribed } from '../reconciler/stages.ts';
import {
  commitAll,
  createGitopsWorld,
  type GitopsWorld,
  inWorkTree,
  put,
  specOf,
  until,
} from './gitops-world.ts';

const byHand = (more: string) => parseSpecFile({ path: 'x', text: specOf('demo', 0.5, more) }).clusters;
const removals = ({ follower }: GitopsWorld) =>
  follower.status().problems.filter(({ code }) => code === 'KM_SPEC_REMOVED');
const removed = '  deletion: { policy: destroy, confirm: demo }\n';

test('what was destroyed beside its file is not formed anew by it, until resume', () =>
  inWorkTree(async ({ folder }) => {
    const backend = createMemoryStoreBackend();
    const one = await createGitopsWorld(folder, { harness: await subscribed(createHarness(backend)) });
    await one.follower.look();
    await one.harness.reconciler.apply(byHand(removed), 'carol', {}, { kind: 'command', takeOver: true });
    await until('it is gone', () => one.harness.reconciler.memory().length === 0);
    await one.follower.look();
    put(folder, 'specs/demo.yaml', specOf('demo', 2));
    commitAll(folder, 'More cpus');
    await one.follower.look();
    assert.is(one.revision('demo'), 0, 'neither a look forms it nor a commit');
    await one.close();
    await one.harness.reconciler.stop();

    const two = await createGitopsWorld(folder, { harness: await subscribed(createHarness(backend)) });
    await two.follower.look();
    assert.is(two.revision('demo'), 0, 'nor does the next leader');
    const { state, message } = two.follower.status();
    assert.is(state, 'read', 'the file has no mistake');
    assert.match(
      message,
      /; cluster demo was removed beside its file, which forms it anew after `kafka-mesos resume demo`$/,
    );
    const [problem] = removals(two);
    assert.match(
      problem?.message ?? '',
      /^cluster demo was removed at .* UTC, as carol asked for, while this file was not/,
    );
    assert.match(problem?.remedy ?? '', 'kafka-mesos resume demo');
    const said = two.harness.reconciler.events({ limit: 100 }).events.map(eventSentence);
    assert.ok(
      said.some((one) => /remove cluster demo.*as carol asked for/.test(one)),
      said.join('\n'),
    );

    assert.is(await two.following.resume('other', { author: 'bob' }), undefined);
    const resumed = await two.following.resume('demo', { author: 'bob' });
    assert.equal([resumed?.revision, resumed?.source?.state], [1, 'following']);
    assert.is(two.harness.reconciler.spec('demo')?.desired.brokers[0]?.cpus, 2);
    assert.equal(removals(two), []);
    assert.is(await two.harness.stored('removed/demo'), undefined);
    await two.close();
  }));

test('who applies by hand a cluster that was destroyed beside its file goes on beside it', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    const { reconciler } = world.harness;
    await reconciler.apply(byHand(removed), 'carol', {}, { kind: 'command', takeOver: true });
    await until('it is gone', () => reconciler.memory().length === 0);
    await reconciler.apply(byHand(''), 'carol', {}, { kind: 'command' });
    await world.follower.look();
    assert.equal([world.revision('demo'), world.source('demo')?.state], [1, 'taken-over']);
    assert.is(await world.harness.stored('removed/demo'), undefined);
    assert.equal(removals(world), []);
  }));

test('what keeps a file from being followed is an event, once, and wakes who looks on', () =>
  inWorkTree(async (world) => {
    await world.follower.look();
    const { reconciler } = world.harness;
    const told = () =>
      reconciler
        .events({ limit: 200 })
        .events.filter(({ message }) => /specs/.test(message))
        .map(({ clusterName, severity, message }) => [clusterName, severity, message] as const);
    assert.equal(told(), [], 'what is well is no news');
    let wakes = 0;
    reconciler.onChange(() => {
      wakes += 1;
    });
    put(world.folder, 'specs/demo.yaml', specOf('demo', 1).replace('cpus', 'cqus'));
    await until('broken', () => told().length === 2);
    assert.ok(wakes > 0);
    for (let n = 0; n < 3; n += 1) await world.follower.look();
    const [directory, cluster] = told();
    assert.equal(directory?.slice(0, 2), ['', 'warning']);
    assert.match(directory?.[2] ?? '', /^the directory specs: specs\/demo\.yaml:\d+:\d+ .*cqus/);
    assert.equal(cluster?.slice(0, 2), ['demo', 'warning']);
    assert.match(cluster?.[2] ?? '', /^broken: specs\/demo\.yaml:\d+:\d+ .*revision 1 holds$/);
    put(world.folder, 'specs/demo.yaml', specOf('demo', 1));
    await until('in order', () => told().length === 4);
    assert.equal(
      told()
        .slice(2)
        .map(([name, severity, message]) => `${name} ${severity} ${message}`),
      [
        ' info in order again: the directory specs: 1 file, 1 cluster',
        'demo info in order again: follows specs/demo.yaml',
      ],
    );
    renameSync(join(world.folder, 'specs/demo.yaml'), join(world.folder, 'kept'));
    await until('emptied', () => told().length === 5);
    assert.match(told()[4]?.[2] ?? '', 'no order to delete');
    renameSync(join(world.folder, 'specs'), join(world.folder, 'elsewhere'));
    await world.follower.look();
    await until('unreadable', () => told().length === 6);
    assert.match(told()[5]?.[2] ?? '', 'ENOENT');
  }));

test.run();
