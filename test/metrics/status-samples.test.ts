/** What is so just now, as a page says it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { catalog, type MetricSpec } from '../../src/metrics/catalog.ts';
import type { LeaderView } from '../../src/metrics/status-samples.ts';
import type { ClusterStatus, HeldSummary } from '../../src/model/status.ts';
import { clusterStatus } from '../api/fixtures.ts';
import { makeDesired, makeKafka } from '../plan/builders.ts';
import { leading, metricsOf, readPage, wholeStatus } from './support.ts';

const held = (reason: string, stalled: boolean): HeldSummary => ({
  need: 'start broker',
  reason,
  message: 'words of any kind',
  stalled,
  details: [],
});

const broker = (id: number, change: Partial<ClusterStatus['brokers'][number]> = {}) => ({
  id,
  pool: 'main',
  roles: ['broker'],
  state: 'running' as const,
  restarts: 0,
  failures: 0,
  drift: [],
  warnings: [],
  ...change,
});

async function pageOf(view: LeaderView, status = leading) {
  const metrics = metricsOf(() => status);
  metrics.lead(() => view);
  return readPage(await metrics.render());
}

const none = { kafka: new Map(), appliedAtMs: new Map() };

test('brokers by state, held needs by reason, the disk that is fullest', async () => {
  const disk = (path: string, freeBytes: number, totalBytes: number) => ({
    path,
    state: 'fine' as const,
    freeBytes,
    totalBytes,
  });
  const page = await pageOf({
    ...none,
    appliedAtMs: new Map([['demo', 1_500]]),
    clusters: [
      clusterStatus({
        revision: 7,
        phase: 'held',
        brokers: [
          broker(0, { disks: [disk('/a', 40, 100), disk('/b', 900, 1_000)] }),
          broker(1, { disks: [disk('/a', 60, 1_000), { ...disk('/b', 50, 50), state: 'failed' }] }),
          broker(2, { state: 'failed' }),
        ],
        held: [held('backing-off', false), held('backing-off', false), held('backing-off', true)],
      }),
    ],
  });
  assert.is(page.of('kafka_mesos_brokers{cluster="demo",state="running"}'), 2);
  assert.is(page.of('kafka_mesos_brokers{cluster="demo",state="failed"}'), 1);
  assert.is(page.of('kafka_mesos_brokers{cluster="demo",state="waiting"}'), 0);
  assert.is(page.of('kafka_mesos_held{cluster="demo",reason="backing-off",stalled="false"}'), 2);
  assert.is(page.of('kafka_mesos_held{cluster="demo",reason="backing-off",stalled="true"}'), 1);
  assert.is(page.of('kafka_mesos_cluster_phase{cluster="demo",phase="held"}'), 1);
  assert.is(page.of('kafka_mesos_cluster_phase{cluster="demo",phase="converged"}'), 0);
  assert.is(page.of('kafka_mesos_cluster_condition{cluster="demo",condition="Ready"}'), 1);
  assert.is(page.of('kafka_mesos_cluster_revision{cluster="demo"}'), 7);
  assert.is(page.of('kafka_mesos_cluster_revision_applied_timestamp_seconds{cluster="demo"}'), 1.5);
  assert.is(page.of('kafka_mesos_disk_min_free_bytes{cluster="demo"}'), 40);
  assert.is(page.of('kafka_mesos_disk_min_free_ratio{cluster="demo"}'), 0.06);
  assert.is(page.of('kafka_mesos_disks{cluster="demo",state="failed"}'), 1);
});

test('partitions as Kafka has them, and nothing of a Kafka that is not known', async () => {
  const kafka = makeKafka(makeDesired());
  const partition = { partition: 0, leader: 1, replicas: [0, 1, 2], isr: [0, 1, 2], elr: [] };
  const partitions = [
    partition,
    { ...partition, partition: 1, isr: [0, 1] },
    { ...partition, partition: 2, isr: [0] },
    { ...partition, partition: 3, isr: [0], leader: -1 },
  ];
  const topics = [
    { name: 'a', internal: false, minIsr: 2, partitions },
    { name: 'b', internal: true, partitions: [{ ...partition, isr: [0] }] },
  ];
  const value = { ...kafka, observedAtMs: 9_000, tookMs: 40, topics };
  const clusters = [clusterStatus(), clusterStatus({ name: 'other' })];
  const page = await pageOf({ ...none, clusters, kafka: new Map([['demo', { known: true, value }]]) });
  assert.is(page.of('kafka_mesos_kafka_known{cluster="demo"}'), 1);
  assert.is(page.of('kafka_mesos_kafka_reading_timestamp_seconds{cluster="demo"}'), 9);
  assert.is(page.of('kafka_mesos_kafka_reading_duration_seconds{cluster="demo"}'), 0.04);
  assert.is(page.of('kafka_mesos_partitions{cluster="demo"}'), 5);
  assert.is(page.of('kafka_mesos_partitions_under_replicated{cluster="demo"}'), 4);
  assert.is(page.of('kafka_mesos_partitions_under_min_isr{cluster="demo"}'), 2, 'not of an unknown min ISR');
  assert.is(page.of('kafka_mesos_partitions_offline{cluster="demo"}'), 1);
  assert.is(page.of('kafka_mesos_kafka_known{cluster="other"}'), 0);
  assert.is(page.of('kafka_mesos_partitions_offline{cluster="other"}'), undefined);
});

test('the directory of specs and who follows it', async () => {
  const source = {
    state: 'pinned' as const,
    path: 'demo.yaml',
    aheadCommits: 3,
    message: 'pinned to revision 5, git is 3 commits ahead',
  };
  const problem = { code: 'X', file: 'a', line: 1, column: 1, path: '', message: '' };
  const page = await pageOf(
    { ...none, clusters: [clusterStatus({ source }), clusterStatus({ name: 'other' })] },
    {
      ...leading,
      specs: {
        directory: '/specs',
        state: 'broken',
        message: '',
        readAtMs: 3_000,
        files: 2,
        clusters: 2,
        problems: [
          { ...problem, severity: 'error' },
          { ...problem, severity: 'error' },
        ],
      },
    },
  );
  assert.is(page.of('kafka_mesos_specs_state{state="broken"}'), 1);
  assert.is(page.of('kafka_mesos_specs_state{state="read"}'), 0);
  assert.is(page.of('kafka_mesos_specs_problems{severity="error"}'), 2);
  assert.is(page.of('kafka_mesos_specs_problems{severity="warning"}'), 0);
  assert.is(page.of('kafka_mesos_specs_read_timestamp_seconds'), 3);
  assert.is(page.of('kafka_mesos_cluster_source{cluster="demo",state="pinned"}'), 1);
  assert.is(page.of('kafka_mesos_cluster_source{cluster="demo",state="following"}'), 0);
  assert.is(page.of('kafka_mesos_cluster_source_ahead_commits{cluster="demo"}'), 3);
  assert.is(page.of('kafka_mesos_cluster_source{cluster="other",state="following"}'), undefined);
});

test('every word on a page is one of those that are documented', async () => {
  const { cluster, specs } = wholeStatus;
  const page = await pageOf(
    { ...none, clusters: [{ ...cluster, held: [held('backing-off', true)] }] },
    { ...leading, specs },
  );
  const unknown: string[] = [];
  for (const series of page.series) {
    const [, name = '', labels = ''] = /^(kafka_mesos_\w+){(.*)}$/.exec(series) ?? [];
    const spec: MetricSpec | undefined = Object.entries(catalog).find(([one]) => one === name)?.[1];
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      const words = spec?.labels[label] ?? [];
      if (words.length > 0 && !words.includes(value)) unknown.push(series);
    }
  }
  assert.equal(unknown, []);
  // And each word of what is always whole is there.
  for (const [name, { labels }] of Object.entries(catalog) as [string, MetricSpec][]) {
    for (const value of labels.state ?? labels.phase ?? labels.condition ?? []) {
      assert.ok(
        page.series.some((one) => one.startsWith(`${name}{`) && one.includes(`"${value}"`)),
        `${name} ${value}`,
      );
    }
  }
});

test('a standby tells its leadership, and nothing that the leader knows better', async () => {
  const metrics = metricsOf(() => ({
    ...leading,
    connected: false,
    leadership: { state: 'standby', standbys: 1 },
  }));
  const page = readPage(await metrics.render());
  assert.is(page.of('kafka_mesos_leading'), 0);
  assert.is(page.of('kafka_mesos_standbys'), 1);
  assert.is(page.of('kafka_mesos_master_connected'), undefined);
  assert.is(page.of('kafka_mesos_last_successful_pass_timestamp_seconds'), undefined);
  assert.equal(
    page.series.filter((one) => /cluster=/.test(one)),
    [],
  );
});

test('what is over is gone from the next page, and what is not known is not 0', async () => {
  const metrics = metricsOf();
  let clusters = [clusterStatus({ held: [held('gave-up', true)] }), clusterStatus({ name: 'gone' })];
  metrics.lead(() => ({ ...none, clusters }));
  assert.is(readPage(await metrics.render()).of('kafka_mesos_cluster_revision{cluster="gone"}'), 1);
  clusters = [clusterStatus()];
  const page = readPage(await metrics.render());
  assert.equal(
    page.series.filter((one) => /gone|gave-up/.test(one)),
    [],
  );
  assert.is(page.of('kafka_mesos_leading_since_timestamp_seconds'), 5);
  const silent = metricsOf(() => Promise.reject(new Error('the store is away')));
  const other = readPage(await silent.render());
  assert.is(other.of('kafka_mesos_leading'), undefined);
  assert.is(other.of('kafka_mesos_standbys'), undefined);
  assert.is(other.of('kafka_mesos_build_info{version="1.2.3",node="'.concat(process.versions.node, '"}')), 1);
});

test('ten clusters of a hundred brokers are a page of some hundred series', async () => {
  const clusters = Array.from({ length: 10 }, (_, index) =>
    clusterStatus({
      name: `cluster-${index}`,
      conditions: (['Ready', 'Reconciling', 'Stalled', 'DiskTrouble'] as const).map((type) => ({
        type,
        status: false,
        reason: 'x',
        message: 'x',
      })),
      brokers: Array.from({ length: 100 }, (_unused, id) =>
        broker(id, { disks: [{ path: '/a', state: 'fine', freeBytes: 1, totalBytes: 2 }] }),
      ),
      held: Array.from({ length: 300 }, (_unused, id) =>
        held(['backing-off', 'no-matching-offer'][id % 2] ?? '', id % 3 === 0),
      ),
      source: { state: 'following', path: 'x.yaml', message: '' },
    }),
  );
  const value = makeKafka(makeDesired());
  const kafka = new Map(clusters.map(({ name }) => [name, { known: true as const, value }]));
  const page = await pageOf({ clusters, kafka, appliedAtMs: new Map(clusters.map(({ name }) => [name, 1])) });
  const ofCluster = page.series.filter((one) => one.includes('cluster="cluster-3"'));
  assert.ok(ofCluster.length < 60, `${ofCluster.length} of one cluster`);
  assert.ok(page.series.length < 1_000, `${page.series.length} in all`);
});

test.run();
