/** The examples for Prometheus and Grafana ask for nothing but what is exported, and tell of commands that there are. */
import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { catalog, type MetricName, type MetricSpec } from '../../src/metrics/catalog.ts';
import { createMeter } from '../../src/metrics/meter.ts';
import { runHere, withHome } from '../cli/run-cli.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

type Rule = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
};
const rules = (
  parse(read('examples/monitoring/alerts.yaml')) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[];
  }
).groups.flatMap((group) => group.rules);

type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
};
const dashboard = JSON.parse(read('examples/monitoring/dashboard.json')) as {
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly definition?: string }[];
  };
};

/** Labels by series name: ours, those that prom-client adds to the page, and `up`. */
const exported = new Map<string, ReadonlySet<string>>();
/** What Prometheus itself adds. */
const added = ['job', 'instance'];

test.before(async () => {
  exported.set('up', new Set(added));
  for (const [name, { type, labels }] of Object.entries(catalog) as [MetricName, MetricSpec][]) {
    const all = new Set([...Object.keys(labels), ...added]);
    if (type !== 'histogram') exported.set(name, all);
    else {
      exported.set(`${name}_bucket`, new Set([...all, 'le']));
      exported.set(`${name}_sum`, all);
      exported.set(`${name}_count`, all);
    }
  }
  for (const [, name = ''] of (await createMeter().render([])).matchAll(
    /^# TYPE ((?:process|nodejs)_\S+)/gm,
  )) {
    exported.set(name, new Set([...added, 'version', 'kind', 'space', 'type']));
  }
});

/** What is wrong with an expression, for whoever wrote it. */
function mistakes(expr: string): readonly string[] {
  const text = expr
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$cluster', '.+')
    .replaceAll('$job', 'kafka-mesos');
  const found: string[] = [];
  const names = new Set<string>();
  const used: string[] = [];
  parser.parse(text).iterate({
    enter(node) {
      const word = text.slice(node.from, node.to);
      if (node.type.isError) found.push(`cannot be parsed at ${node.from}: ${text}`);
      if (node.name === 'Identifier' && node.node.parent?.name === 'VectorSelector') {
        names.add(word);
        if (!exported.has(word)) found.push(`nobody exports ${word}`);
      }
      if (node.name === 'LabelName') used.push(word);
      if (node.name === 'UnquotedLabelMatcher') found.push(...unknownWords(metricOf(node.node, text), word));
    },
  });
  if (names.size === 0) found.push(`it asks for nothing: ${text}`);
  const labels = new Set([...names].flatMap((name) => [...(exported.get(name) ?? [])]));
  return [
    ...found,
    ...used.filter((label) => !labels.has(label)).map((label) => `no label ${label}: ${text}`),
  ];
}

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

const metricOf = (matcher: SyntaxNode, text: string): string => {
  const metric = matcher.parent?.parent?.getChild('Identifier');
  return metric ? text.slice(metric.from, metric.to) : '';
};

/** Words that no page ever has. */
function unknownWords(metric: string, matcher: string): readonly string[] {
  const [, label = '', values = ''] = /^(\w+)\s*[=!~]+\s*"(.*)"$/.exec(matcher) ?? [];
  const spec: MetricSpec | undefined = Object.entries(catalog).find(([name]) => name === metric)?.[1];
  const known = spec?.labels[label] ?? [];
  return known.length === 0
    ? []
    : values
        .split('|')
        .flatMap((value) => (known.includes(value) ? [] : [`no ${label} ${value}: ${metric}`]));
}

test('a mistake in an expression is found', () => {
  assert.equal(mistakes('kafka_mesos_brokers{state!~"running|stoped"}'), [
    'no state stoped: kafka_mesos_brokers',
  ]);
  assert.equal(mistakes('kafka_mesos_cluster_condition{condition="stalled"}'), [
    'no condition stalled: kafka_mesos_cluster_condition',
  ]);
  assert.equal(mistakes('sum by (job) (kafka_mesos_leading) == 0'), []);
  assert.equal(mistakes('rate(kafka_mesos_pass_duration_seconds_bucket{le="1"}[5m])'), []);
  assert.equal(mistakes('kafka_mesos_leader'), ['nobody exports kafka_mesos_leader']);
  assert.equal(mistakes('kafka_mesos_pass_duration_seconds'), [
    'nobody exports kafka_mesos_pass_duration_seconds',
  ]);
  assert.equal(mistakes('sum by (broker) (kafka_mesos_brokers)'), [
    'no label broker: sum by (broker) (kafka_mesos_brokers)',
  ]);
  assert.equal(mistakes('kafka_mesos_held{why="x"}'), ['no label why: kafka_mesos_held{why="x"}']);
  assert.is.not(mistakes('sum(kafka_mesos_brokers').length, 0);
  assert.is.not(mistakes('1 + 1').length, 0);
});

test('alert rules ask for what is exported, and say what to do', () => {
  assert.ok(rules.length > 20);
  assert.is(new Set(rules.map((rule) => rule.alert)).size, rules.length);
  for (const { alert, expr, labels, annotations } of rules) {
    assert.equal(mistakes(expr), [], alert);
    assert.match(labels.severity, /^(critical|warning|info)$/, alert);
    assert.ok(annotations.summary.length < 120, alert);
    assert.match(annotations.description, /Run |Look |Start /, `${alert} says what comes next`);
  }
});

test('every alert is tested to fire', () => {
  const tests = read('examples/monitoring/alerts_test.yaml');
  const counted =
    /count\(count by \(alertname\).*\n.*\n\s+exp_samples: \[\{ labels: '\{\}', value: (\d+) \}\]/.exec(tests);
  const single = new Set(
    [...tests.matchAll(/alertname="(\w+)",alertstate="firing"\}\)', eval_time[^\n]*value: [1-9]/g)].map(
      ([, name]) => name,
    ),
  );
  const apart = ['KafkaMesosNoLeader', 'KafkaMesosTwoLeaders', 'KafkaMesosNotFollowed'];
  for (const name of apart) assert.ok(single.has(name), name);
  assert.match(tests, /alertname="KafkaMesosLeaderChanges"\}\)'\n\s+eval_time: 40m\n.*value: 1/);
  assert.is(Number(counted?.[1]), rules.length - apart.length - 1);
});

test('the dashboard asks for what is exported, and explains each panel', () => {
  const panels = dashboard.panels.filter((panel) => panel.type !== 'row');
  assert.ok(panels.length > 15);
  assert.is(new Set(dashboard.panels.map((panel) => panel.id)).size, dashboard.panels.length);
  for (const { title, description = '', targets = [] } of panels) {
    assert.ok(description.length > 20, `${title} explains itself`);
    assert.ok(targets.length > 0, title);
    for (const { expr, legendFormat } of targets) {
      assert.equal(mistakes(expr), [], title);
      assert.match(expr, /job="\$job"/, `${title} is of one framework`);
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.match(
          expr,
          new RegExp(`\\b${label}\\b|kafka_mesos_(cluster_phase|specs_state)`),
          `${title}: ${label}`,
        );
      }
    }
  }
  for (const { name, type, definition = '' } of dashboard.templating.list) {
    if (type !== 'query') continue;
    const selector = /^label_values\((.*), (\w+)\)$/.exec(definition);
    assert.equal(mistakes(selector?.[1] ?? ''), [], name);
  }
  const places = dashboard.panels.flatMap(({ title, gridPos: { x, y, w, h } }) => {
    assert.ok(x + w <= 24, `${title} is too wide`);
    return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
  });
  assert.is(new Set(places).size, places.length, 'no panel lies on another');
});

test('what a metric or an alert tells to run is a command', async () => {
  const texts = [
    ...rules.map((rule) => rule.annotations.description),
    ...Object.values(catalog).map(({ help }) => help),
  ].join('\n');
  const said = [...texts.matchAll(/kafka-mesos ((?:[a-z]+ ?){1,2})/g)].map(([, words = '']) => words.trim());
  assert.ok(said.length > 20);
  await withHome(async (home) => {
    for (const words of new Set(said)) {
      const [first = '', second = ''] = words.split(' ');
      const { stdout } = await runHere([first, second, '--help'], { home });
      const name = ['describe', 'get', 'broker', 'dist'].includes(first) ? `${first} ${second}` : first;
      assert.ok(stdout.startsWith(`Usage: kafka-mesos ${name} `), `kafka-mesos ${words}`);
    }
  });
});

test('names, types and helps are as Prometheus has them', async () => {
  for (const [name, { type, help, labels }] of Object.entries(catalog) as [MetricName, MetricSpec][]) {
    assert.match(name, /^kafka_mesos_[a-z]+(_[a-z]+)*$/);
    assert.is(name.endsWith('_total'), type === 'counter', name);
    assert.ok(!/_(ms|millis|mib|kb|percent)\b/.test(name), `${name} is in base units`);
    assert.match(help, /\.$/, name);
    for (const label of Object.keys(labels))
      assert.not(['broker', 'topic', 'agent', 'task', 'offer'].includes(label), name);
  }
  const page = await createMeter().render([]);
  for (const name of Object.keys(catalog)) assert.match(page, `# TYPE ${name} `);
  // As promtool has it of the whole page.
  assert.not.match(page, /^# TYPE \S+_total (?!counter)/m);
});

test.run();
