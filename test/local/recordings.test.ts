/** The model against the recordings of a real Mesos; `recordings-table.ts` says which. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { scenarios } from './recordings-table.ts';
import { replay } from './replay/replay.ts';

const folder = new URL('../fixtures/mesos-transcripts/', import.meta.url);

function fileOf(name: string, variant: 'json' | 'protobuf'): string {
  return `${name}${variant === 'protobuf' ? '.protobuf' : ''}.jsonl`;
}

test('the table names the 27 scenarios, each once, in order', () => {
  const numbers = scenarios.map((scenario) => Number(scenario.name.slice(0, 2)));
  assert.equal(
    numbers,
    Array.from({ length: 27 }, (_, index) => index + 1),
  );
  for (const scenario of scenarios) {
    if (scenario.state === 'unsupported') assert.ok(scenario.reason.length > 0, scenario.name);
  }
});

test('the table and the folder have the same recordings', () => {
  const named = new Set(
    scenarios.flatMap(({ name, variants = ['json'] }) => variants.map((one) => fileOf(name, one))),
  );
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonl'));
  assert.equal(files.toSorted(), [...named].toSorted());
});

for (const scenario of scenarios) {
  if (scenario.state !== 'passing') continue;
  for (const variant of scenario.variants ?? ['json']) {
    const file = fileOf(scenario.name, variant);
    test(`replays ${file}`, () => {
      const { slackMs, untilNote, cutAnswers } = scenario;
      const result = replay(fileURLToPath(new URL(file, folder)), {
        ...(slackMs?.[variant] === undefined ? {} : { slackMs: slackMs[variant] }),
        ...(untilNote === undefined ? {} : { untilNote }),
        ...(cutAnswers === undefined ? {} : { cutAnswers }),
      });
      assert.equal(result.failures, []);
      // A replay that compared nothing would pass for nothing.
      assert.ok(result.matchedEvents > 0 && result.comparedResponses > 0, file);
    });
  }
}

test.run();
