/** Prometheus' own tool over the page, the alert rules and their tests, where it can be had. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { leading, metricsOf, wholeStatus } from '../metrics/support.ts';

const examples = fileURLToPath(new URL('../../examples/monitoring', import.meta.url));
const isThere = spawnSync('promtool', ['--version']).status === 0;

function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: examples, input, encoding: 'utf8' });
  assert.is(status, 0, `promtool ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout + stderr;
}

(isThere ? test : test.skip)(
  'promtool takes the page, the configuration, the rules and their tests',
  async () => {
    const metrics = metricsOf(() => ({ ...leading, specs: wholeStatus.specs }));
    metrics.lead(() => ({ clusters: [wholeStatus.cluster], kafka: new Map(), appliedAtMs: new Map() }));
    metrics.apiRequest({ route: '/v1/clusters/:name', method: 'GET', status: 200, durationMs: 3 });
    assert.is(promtool(['check', 'metrics'], await metrics.render()), '');
    assert.match(promtool(['check', 'rules', 'alerts.yaml']), /SUCCESS: 27 rules found/);
    assert.match(promtool(['test', 'rules', 'alerts_test.yaml']), 'SUCCESS');
    // The files that it names are on the machine of a Prometheus.
    promtool(['check', 'config', '--syntax-only', 'prometheus.yml']);
    const refused = spawnSync('promtool', ['check', 'metrics'], { input: 'a_total 1 2 3 x\n' });
    assert.is.not(refused.status, 0, 'what is wrong is refused');
  },
);

test.run();
