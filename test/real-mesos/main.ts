/**
 * `npm run test:mesos [-- preflight | conformance | flow]`: client conformance and the end-to-end flow against
 * the Mesos that MESOS_MASTER names. Without it, it says that it was skipped. Exit code 0 unless something failed.
 */
import { randomBytes } from 'node:crypto';
import { removeAll } from './cleanup.ts';
import { createOperator } from './operator.ts';
import { preflight } from './preflight.ts';
import { createReport, expect, forgetInterrupt, heedInterrupts } from './report.ts';
import { readSettings, type Settings, skipText } from './settings.ts';

const report = createReport((text) => void process.stdout.write(text));
const chapters = ['preflight', 'conformance', 'flow'];

let settings: Settings | undefined;
try {
  const unknown = process.argv.slice(2).filter((one) => !chapters.includes(one));
  expect(unknown.length === 0, `${unknown.join(' ')}: there are the chapters ${chapters.join(', ')}`);
  settings = readSettings(process.env);
  if (settings === undefined) report.skip('test:mesos', skipText());
} catch (error) {
  await report.step('what was asked for can be done', () => Promise.reject(error));
}
if (settings !== undefined) {
  await run(settings).catch((error) => {
    report.resume();
    return report.step('the run goes through', () => Promise.reject(error));
  });
}
report.say(report.summary());
process.exitCode = report.failed() > 0 ? 1 : 0;

async function run(settings: Settings): Promise<void> {
  heedInterrupts();
  const wanted = process.argv.slice(2);
  const wants = (chapter: string): boolean => wanted.length === 0 || wanted.includes(chapter);
  const id = randomBytes(3).toString('hex');
  const names = { wire: `kafka-mesos-test-${id}-wire`, flow: `kafka-mesos-test-${id}` };
  const operator = createOperator(settings);
  try {
    const ground = await preflight(settings, operator, report);
    for (const chapter of ['conformance', 'flow']) {
      if (ground === undefined) report.skip(chapter, 'for the preflight failed');
      else if (!wants(chapter)) report.skip(chapter, `for it was not asked for (${wanted.join(' ')})`);
    }
    if (ground === undefined) return;
    if (!wants('conformance') && !wants('flow')) return;
    report.say(`\nThe frameworks of this run are named ${names.flow} and ${names.wire}.`);
    const chapter = { settings, operator, report, ground };
    try {
      // Loaded when they are wanted: to say that all is skipped needs no Kafka client.
      if (wants('conformance')) {
        const { checkConformance } = await import('./conformance.ts');
        await checkConformance({ ...chapter, name: names.wire });
      }
      if (wants('flow')) {
        const { runFlow } = await import('./flow.ts');
        await runFlow({ ...chapter, name: names.flow });
      }
    } finally {
      forgetInterrupt();
      report.chapter('Clean-up');
      await report.step(`nothing of ${names.flow} is left in Mesos`, () =>
        removeAll(operator, Object.values(names), settings.waitMs),
      );
    }
  } finally {
    operator.close();
  }
}
