/** `docs/metrics.md`, from the catalog of metrics. */
import { catalog, type MetricName, type MetricSpec } from '../src/metrics/catalog.ts';

/** Each section begins with this metric, and the order is the catalog's. */
const sections: Readonly<Partial<Record<MetricName, string>>> = {
  kafka_mesos_leading: 'Who decides',
  kafka_mesos_pass_duration_seconds: 'The loop',
  kafka_mesos_master_connected: 'Mesos and its offers',
  kafka_mesos_cluster_phase: 'Clusters',
  kafka_mesos_kafka_known: 'What Kafka says',
  kafka_mesos_disks: 'Disks',
  kafka_mesos_specs_state: 'The directory of specs',
  kafka_mesos_store_operations_total: 'Store, API and artifacts',
};

export function metricsPage(): string {
  const rows = (Object.entries(catalog) as readonly (readonly [MetricName, MetricSpec])[]).map(
    ([name, { type, labels, help }]) => {
      const title = sections[name];
      const begin =
        title === undefined
          ? ''
          : `\n## ${title}\n\n| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n`;
      return `${begin}| \`${name}\` | ${type} | ${Object.keys(labels)
        .map((label) => `\`${label}\``)
        .join(', ')} | ${help} |`;
    },
  );
  return `${head}${rows.join('\n')}\n${tail}${words()}`;
}

/** Labels whose words are known beforehand; those that several metrics share come once for all of them. */
function words(): string {
  const of = new Map<string, string[]>();
  for (const [name, { labels }] of Object.entries(catalog) as readonly (readonly [
    MetricName,
    MetricSpec,
  ])[]) {
    for (const [label, values] of Object.entries(labels)) {
      if (values.length === 0) continue;
      const key = `\`${label}\` | ${values.map((value) => `\`${value}\``).join(', ')} |`;
      of.set(key, [...(of.get(key) ?? []), `\`${name}\``]);
    }
  }
  return [...of].map(([key, names]) => `| ${names.join(', ')} | ${key}\n`).join('');
}

const head = `# Metrics

Made from \`src/metrics/catalog.ts\` by \`schema/generate.ts\`.

Every scheduler serves them to Prometheus at \`GET /metrics\` of its API (\`--listen\`), with the token of the API:

\`\`\`yaml
scrape_configs:
  - job_name: kafka-mesos
    authorization: { credentials_file: /etc/prometheus/kafka-mesos.token }
    static_configs: [{ targets: ['scheduler1:7070', 'scheduler2:7070'] }]
\`\`\`

[\`examples/monitoring\`](../examples/monitoring) has a whole \`prometheus.yml\`, alert rules and a dashboard.

Scrape the leader and the standbys. What is so of Mesos, the clusters and Kafka only the leader tells, so that nothing is
counted twice; a standby has its leadership, its store, its API and its process, and 0 in counters of the loop. What is
not known is absent, not 0. Counters begin anew with each process. A label is a cluster of the specs, or one of a few
words; none names a broker, a topic or an agent, so that a page of ten clusters with a hundred brokers each has about a
thousand series. What more a counter would make up is \`other\`.
`;

const tail = `
## The process

\`process_*\` and \`nodejs_*\` are those of prom-client: CPU, memory, open files, the start, and
\`nodejs_eventloop_lag_p99_seconds\`, which says when the loop of the process itself is too busy.

## Words of labels

\`cluster\` is a name of the specs, \`route\` the pattern of a route of the API or \`none\`, \`method\` that of the request;
\`state\` and \`reason\` of task failures, \`call\` and the \`kind\` of steps are words of Mesos and of the plan.

| Metric | Label | Words |
|---|---|---|
`;
