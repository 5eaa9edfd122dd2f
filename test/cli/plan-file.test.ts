/** Saved plans: exactly what was shown is asked for, and no file that is not as it was written. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Home } from '../../src/cli/home.ts';
import type { PlanAnswer } from '../../src/model/api.ts';
import { ConflictError } from '../../src/model/errors.ts';
import { runHere, withScheduler } from './run-cli.ts';

const changes: PlanAnswer = {
  clusters: [
    {
      name: 'demo',
      revision: 6,
      index: 'revision=aa,broker 2=bb',
      steps: [{ mark: '+', what: 'start broker 0', why: [], brokerId: 0 }],
      held: [],
      executors: { cpus: 0.1, memoryMiB: 128, count: 1 },
    },
  ],
  warnings: [],
};
const service = { plan: async () => changes };

function specFile(home: Home): string {
  const path = join(home.directory, 'demo.yaml');
  writeFileSync(path, 'kind: KafkaCluster\n');
  return path;
}

async function save(home: Home, ...more: readonly string[]): Promise<string> {
  const out = join(home.directory, 'demo.plan');
  const run = await runHere(['plan', '-f', specFile(home), '--out', out, ...more], { home });
  assert.is(run.exitCode, more.length > 0 ? 2 : 0, run.stderr);
  assert.match(run.stdout, '+ start broker 0');
  assert.match(run.stderr, `kafka-mesos apply --plan ${out}`);
  return out;
}

test('what was planned is applied, whatever became of the spec file', async () => {
  await withScheduler(service, async (home, asked) => {
    const out = await save(home, '--detailed-exitcode');
    assert.is(statSync(out).mode & 0o777, 0o600);
    writeFileSync(specFile(home), 'kind: Other\n');
    const run = await runHere(['apply', '--plan', out], { home });
    assert.is(run.exitCode, 0, run.stderr);
    assert.match(run.stdout, /^Planned by .*:\n\nCluster demo \(revision 6\)\n/);
    const { author, ...request } = (asked.at(-1)?.request ?? {}) as Record<string, unknown>;
    assert.type(author, 'string');
    assert.equal(request, {
      files: [{ path: specFile(home), text: 'kind: KafkaCluster\n' }],
      expectedRevisions: { demo: 6 },
      expectedIndexes: { demo: 'revision=aa,broker 2=bb' },
    });
    const json = await runHere(['apply', '--plan', out, '-o', 'json'], { home });
    assert.is(JSON.parse(json.stdout).clusters[0].name, 'demo');
  });
});

test('a refusal says what moved and what to do', async () => {
  const apply = async () => {
    throw new ConflictError(
      'KM_CONFLICT_PLAN',
      'the plan is out of date; cluster demo: broker 2 is failed now',
      {
        remedy: 'plan again',
      },
    );
  };
  await withScheduler({ ...service, apply }, async (home) => {
    const run = await runHere(['apply', '--plan', await save(home), '--wait'], { home });
    assert.is(run.exitCode, 1);
    assert.match(run.stderr, /broker 2 is failed now\n {2}KM_CONFLICT_PLAN; asked http.*\n {2}→ plan again/);
  });
});

test('no other file is taken for a plan', async () => {
  await withScheduler(service, async (home, asked) => {
    const out = await save(home);
    const good = readFileSync(out, 'utf8');
    for (const [text, says] of [
      [good.replace('KafkaCluster', 'KafkaClusters'), /was edited or cut off/],
      [good.slice(0, -20), /is no saved plan/],
      [good.replace('"format": 1', '"format": 0'), /is a plan of another version \(0\.0\.0, format 0\)/],
      ['null', /is no saved plan/],
      ['[]', /is no saved plan/],
      ['kind: KafkaCluster', /is no saved plan/],
    ] as const) {
      writeFileSync(out, text);
      const run = await runHere(['apply', '--plan', out], { home });
      assert.is(run.exitCode, 1, text.slice(0, 20));
      assert.match(run.stderr, says);
      assert.match(run.stderr, `→ plan again: kafka-mesos plan -f SPEC --out ${out}`);
    }
    assert.is(asked.filter(({ method }) => method === 'apply').length, 0);
    const missing = await runHere(['apply', '--plan', `${out}.no`], { home });
    assert.match(missing.stderr, 'there is no such file');
    const folder = await runHere(['plan', '-f', specFile(home), '--out', home.directory], { home });
    assert.is(folder.exitCode, 1);
    assert.match(folder.stderr, 'it is a directory');
  });
});

test('a plan of another framework is refused before anything is asked', async () => {
  await withScheduler(service, async (home, asked) => {
    const out = await save(home);
    await withScheduler(
      {
        scheduler: () => ({
          version: '0.0.0',
          frameworkName: 'other',
          role: 'kafka',
          master: 'm:5050',
          connected: true,
          startedAtMs: 0,
          pass: 1,
          leadership: { state: 'leading' },
          orphans: [],
        }),
      },
      async (elsewhere) => {
        const run = await runHere(['apply', '--plan', out], { home: elsewhere });
        assert.is(run.exitCode, 1);
        assert.match(run.stderr, 'for the framework kafka, and this scheduler runs other');
      },
    );
    assert.is(asked.filter(({ method }) => method === 'apply').length, 0);
  });
});

test('a scheduler that gives no index saves no plan, and a plan says which file owns its cluster', async () => {
  const [cluster] = changes.clusters;
  if (cluster === undefined) return assert.unreachable();
  const { index: _index, ...older } = cluster;
  const source = { state: 'following', path: 'demo.yaml', message: 'followed' } as const;
  const plan = async () => ({ clusters: [{ ...older, source }], warnings: [] });
  await withScheduler({ plan }, async (home) => {
    const out = join(home.directory, 'demo.plan');
    const run = await runHere(['plan', '-f', specFile(home), '--out', out], { home });
    assert.is(run.exitCode, 1);
    assert.match(run.stderr, 'this scheduler is older');
    assert.not(existsSync(out));
    assert.match(run.stdout, 'demo.yaml of the directory of specs owns it: followed\n  → change it there');
  });
});

test('a plan stands in the place of spec files', async () => {
  await withScheduler(service, async (home) => {
    const out = await save(home);
    for (const args of [
      ['apply', '--plan', out, '-f', specFile(home)],
      ['apply', '--plan', out, '--dry-run'],
      ['plan', '-f', specFile(home), '--out', out, '--cluster', 'demo'],
    ]) {
      assert.is((await runHere(args, { home })).exitCode, 64, args.join(' '));
    }
  });
});

test.run();
