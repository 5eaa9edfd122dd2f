import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fieldsBelow, findField } from '../../src/cli/explained.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { assertGolden } from './golden.ts';
import { runHere, testContext, withHome } from './run-cli.ts';

test('fields at 80 and 200 columns', async () => {
  const texts: string[] = [];
  for (const width of [80, 200]) {
    for (const path of [
      '',
      'spec.pools',
      'spec.pools.memory',
      'spec.topics -r',
      'scheduler',
      'scheduler.logLevel',
    ]) {
      let text = '';
      const out = (part: string) => {
        text += part;
      };
      const context = testContext({ io: { ...testContext().io, width, out } });
      const args = path.split(' ').filter((part) => part !== '');
      assert.is(await runProgram(context, ['explain', ...args]), 0, path);
      assert.ok(
        text.split('\n').every((one) => Array.from(one).length <= width),
        `${path} at ${width}`,
      );
      texts.push(`$ kafka-mesos explain ${path}   # ${width} columns\n${text}`);
    }
  }
  assertGolden('explain.txt', texts.join('\n'));
});

test('every field of both schemas is found by the path that it is told under', () => {
  const all = [...fieldsBelow(''), ...fieldsBelow('scheduler')];
  assert.ok(all.length > 200);
  for (const { path } of all) assert.is(findField(path)?.path, path);
  const schema = JSON.parse(
    readFileSync(new URL('../../schema/scheduler-config.schema.json', import.meta.url), 'utf8'),
  );
  assert.equal(
    findField('scheduler')?.children.map((one) => one.name),
    Object.keys(schema.properties),
  );
});

test('a path that is none is answered with what was meant', async () => {
  await withHome(async (home) => {
    for (const [path, says] of [
      ['pools.memory', 'did you mean spec.pools[].memory?'],
      ['spec.pool', 'did you mean spec.pools?'],
      ['spec.pools[0].storge.size', 'did you mean spec.pools[].storage?'],
      ['stickiness', 'did you mean spec.defaults.stickiness, or spec.pools[].stickiness'],
      ['spec.pools.nothing', 'kafka-mesos explain spec.pools shows what there is'],
      ['nothing', 'kafka-mesos explain shows what there is'],
      ['scheduler.mastr', 'did you mean scheduler.master?'],
      ['scheduler.listen.host', 'kafka-mesos explain scheduler.listen shows what there is'],
    ] as const) {
      const run = await runHere(['explain', path], { home });
      assert.is(run.exitCode, 1, path);
      assert.match(run.stderr, says);
      assert.match(run.stderr, 'KM_CLI_NO_FIELD');
    }
    const json = await runHere(['explain', 'spec.topics.partitions', '-o', 'json'], { home });
    assert.is(JSON.parse(json.stdout).path, 'spec.topics[].partitions');
  });
});

test.run();
