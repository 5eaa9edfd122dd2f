/** Schedulers by name: which one a command asks, and what the file may and may not say. */

import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Home } from '../../src/cli/home.ts';
import { readContexts } from '../../src/cli/read-contexts.ts';
import { resolveTarget } from '../../src/cli/target.ts';
import { KafkaMesosError } from '../../src/model/errors.ts';
import { clusterStatus } from '../api/fixtures.ts';
import { runHere, testContext, withHome, withScheduler } from './run-cli.ts';

async function file(home: Home, text: string): Promise<KafkaMesosError | undefined> {
  writeFileSync(home.contextsFile, text);
  return readContexts(home.contextsFile).then(
    () => undefined,
    (error) => error,
  );
}

test('contexts are made, chosen, listed and forgotten; the file is for its owner and keeps its comments', async () => {
  await withHome(async (home) => {
    const run = async (...args: readonly string[]) => {
      const done = await runHere(['context', ...args], { home });
      assert.is(done.exitCode, 0, done.stderr);
      return done;
    };
    assert.match((await run('list')).stderr, 'Make one: kafka-mesos context set');
    await run(
      'set',
      'a',
      '--api',
      'https://km1:7443/',
      '--api',
      'https://km2:7443',
      '--token-file',
      '/etc/t',
    );
    assert.is(statSync(home.contextsFile).mode & 0o777, 0o600);
    writeFileSync(home.contextsFile, `# ours\n${readFileSync(home.contextsFile, 'utf8')}`);
    chmodSync(home.contextsFile, 0o644);
    await run('set', 'b', '--api', 'http://127.0.0.1:7090', '--cluster', 'events');
    await run('use', 'b');
    await run('set', 'a', '--cluster', 'other');
    assert.is(statSync(home.contextsFile).mode & 0o777, 0o600);
    assert.is((await run('current')).stdout, 'b\n');
    assert.is(
      (await run('list')).stdout,
      [
        '   NAME  API                                 TOKEN FILE  CLUSTER',
        '   a     https://km1:7443, https://km2:7443  /etc/t      other',
        '*  b     http://127.0.0.1:7090                           events',
        '',
      ].join('\n'),
    );
    const text = readFileSync(home.contextsFile, 'utf8');
    assert.match(text, /^# ours\n/);
    await run('use', '--none');
    assert.is((await runHere(['context', 'current'], { home })).exitCode, 1);
    await run('use', 'a');
    await run('remove', 'a');
    assert.equal(await readContexts(home.contextsFile), {
      all: [{ name: 'b', api: ['http://127.0.0.1:7090'], cluster: 'events' }],
    });
    for (const [args, code] of [
      [['use', 'x'], 1],
      [['remove', 'x'], 1],
      [['use'], 64],
      [['use', 'b', '--none'], 64],
      [['set', 'c'], 64],
      [['set', '-c', '--api', 'http://x'], 64],
      [['set', 'c', '--api', 'x'], 64],
      [['set', 'c', '--api', 'http://ann:secret@km'], 64],
    ] as const) {
      const failed = await runHere(['context', ...args], { home });
      assert.is(failed.exitCode, code, args.join(' '));
      assert.match(failed.stderr, /\n {2}→ /);
    }
    assert.not(existsSync(join(home.directory, 'cli.log')));
  });
});

test('a broken file is named with line and column, and every mistake in it', async () => {
  await withHome(async (home) => {
    const { contextsFile: path } = home;
    for (const [text, ...places] of [
      [
        'curent: a\ncontexts:\n  a:\n    api: http://a\n    token: x\n',
        '1:1: there is no "curent" here; did you mean current?',
        '5:5: a token does not belong into this file',
      ],
      ['contexts:\n  a: [1]\n', '2:6: context a has to be a map'],
      ['contexts:\n  a:\n    api: nowhere\n', '3:10: "nowhere" is not a URL'],
      ['contexts:\n  a:\n    api: [http://a, ftp://b]\n', '3:21: "ftp://b" is not a URL'],
      ['contexts:\n  a: {}\n', '2:3: context a has no api'],
      ['contexts:\n  a: {api: http://a, cluster: 7}\n', '2:31: cluster has to be a text'],
      ['current: b\ncontexts:\n  a: {api: http://a}\n', '1:10: there is no context b'],
      ['contexts:\n  a: {api: http://a}\n  a: {api: http://b}\n', '3:3: Map keys must be unique'],
      ['contexts: {a: {api: http://a}\n', ':'],
      ['[]\n', '1:1: the file has to be a map'],
    ] as const) {
      const error = await file(home, text);
      assert.instance(error, KafkaMesosError, text);
      assert.is(error?.code, 'KM_CLI_CONTEXTS');
      for (const place of places) assert.match(error?.message ?? '', `${path}:${place.replace(/^:$/, '')}`);
    }
    for (const text of ['', '# nothing\n', 'contexts:\n', '{}\n']) {
      assert.is(await file(home, text), undefined, text);
      const made = await runHere(['context', 'set', 'a', '--api', 'http://a'], { home });
      assert.is(made.exitCode, 0, made.stderr);
    }
  });
});

test('who is asked: --api, --context, the environment, the current context, the scheduler of the home', async () => {
  await withScheduler({}, async (home, _asked, server) => {
    const target = (options: object, env: Record<string, string> = {}) =>
      resolveTarget(testContext({ home, env }), options);
    assert.equal((await target({})).urls, [server.url]);
    await file(
      home,
      'current: b\ncontexts:\n  a: {api: http://a, tokenFile: /ta}\n  b: {api: http://b, tokenFile: /tb, cluster: c}\n',
    );
    assert.equal(await target({}), { urls: ['http://b'], tokenFile: '/tb', cluster: 'c', contextName: 'b' });
    assert.equal((await target({}, { KAFKA_MESOS_CONTEXT: 'a' })).urls, ['http://a']);
    const env = { KAFKA_MESOS_CONTEXT: 'a', KAFKA_MESOS_API: 'http://env' };
    assert.equal(await target({}, env), { urls: ['http://env'], tokenFile: home.tokenFile });
    assert.equal((await target({ context: 'b' }, env)).urls, ['http://b']);
    assert.equal(await target({ api: 'http://flag/' }, env), {
      urls: ['http://flag'],
      tokenFile: home.tokenFile,
    });
    assert.equal(await target({ api: 'http://flag', context: 'a', tokenFile: '/t' }), {
      urls: ['http://flag'],
      tokenFile: '/t',
      contextName: 'a',
    });
    assert.equal((await target({ local: true })).urls, [server.url]);
    const unknown = await target({ context: 'x' }).catch((error: KafkaMesosError) => error);
    assert.is((unknown as KafkaMesosError).code, 'KM_CLI_NO_CONTEXT');
    for (const args of [
      ['--local', '--context', 'a'],
      ['--local', '--api', 'http://a'],
    ]) {
      assert.is((await runHere(['status', ...args], { home })).exitCode, 64);
    }
  });
});

test('where no scheduler of the home runs, the contexts are named', async () => {
  await withHome(async (home) => {
    await file(home, 'contexts:\n  a: {api: http://a}\n  b: {api: http://b}\n');
    const run = await runHere(['status'], { home });
    assert.match(
      run.stderr,
      '→ choose a context (there is a, b): kafka-mesos context use a; or start one by',
    );
  });
});

test('an error says which context it was, and the cluster of the context is the one meant', async () => {
  const clusters = () => [clusterStatus(), clusterStatus({ name: 'events' })];
  await withScheduler({ clusters }, async (home, _asked, server) => {
    await runHere(
      ['context', 'set', 'prod', '--api', server.url, '--cluster', 'events', '--token-file', home.tokenFile],
      { home },
    );
    await runHere(['context', 'use', 'prod'], { home });
    assert.match((await runHere(['describe', 'cluster'], { home })).stdout, 'Cluster events');
    assert.match((await runHere(['describe', 'cluster', 'demo'], { home })).stdout, 'Cluster demo');
    const other = await runHere(['describe', 'cluster', 'dmo'], { home });
    assert.match(
      other.stderr,
      `KM_CLI_NO_CLUSTER; asked context prod, ${server.url}\n  → did you mean demo?`,
    );
    await runHere(['context', 'set', 'prod', '--cluster', 'gone'], { home });
    const gone = await runHere(['get', 'brokers'], { home });
    assert.match(gone.stderr, 'there is no cluster named gone, which the context names');
    await runHere(['context', 'set', 'prod', '--token-file', join(home.directory, 'no')], { home });
    const token = await runHere(['status'], { home });
    assert.match(token.stderr, 'kafka-mesos context set prod --token-file FILE');
  });
});

test.run();
