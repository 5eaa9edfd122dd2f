/** What the loop costs at the size of a large company: its idle pass, and the matching of offers. */

import { createMeter } from '../../src/metrics/meter.ts';
import { leaderSamples } from '../../src/metrics/status-samples.ts';
import type { Offer } from '../../src/model/mesos.ts';
import type { ClusterMemory } from '../../src/model/records.ts';
import { emptyRecord } from '../../src/plan/need.ts';
import { plan } from '../../src/plan/plan.ts';
import { clusterStatus } from '../../src/plan/status.ts';
import {
  makeBroker,
  makeCluster,
  makeDesired,
  makeInput,
  makeMemory,
  makeOffer,
  makeSpec,
} from '../plan/builders.ts';
import { type Result, result } from './result.ts';

const rounds = 7;
const clusterCount = 10;
const brokersPerCluster = 100;
const topicsPerCluster = 100;
const agentCount = 2_000;
const waitingCount = 100;

/** Everything runs and nothing differs: what one pass and the statuses after it take, in CPU milliseconds. */
export async function* measureIdle(): AsyncIterable<Result> {
  const one = idleWorld(1);
  const all = idleWorld(clusterCount);
  const ours: number[] = [];
  const reference: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    reference.push(idlePassMs(one));
    ours.push(idlePassMs(all));
  }
  globalThis.gc?.();
  yield result({
    bench: 'idle pass',
    ours,
    reference,
    heapMiB: Math.round(process.memoryUsage().heapUsed / 2 ** 20),
    meaning: `plan() and status of ${clusterCount} clusters of ${brokersPerCluster} brokers and ${topicsPerCluster * 10} partitions each, when nothing differs, against one such cluster: CPU time; ${clusterCount} is linear`,
  });
  // A calm scheduler is offered nothing, however many agents there are: so it is once, after each subscription.
  const offers = Array.from({ length: agentCount }, (_, index) => makeOffer(`agent-${index}`));
  const offered: number[] = [];
  const suppressed: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    suppressed.push(idlePassMs(all));
    offered.push(idlePassMs(all, offers));
  }
  yield result({
    bench: 'idle pass with offers',
    ours: offered,
    reference: suppressed,
    meaning: `the same ${clusterCount} clusters with the offers of ${agentCount} agents in hand, which are turned down, against none: CPU time`,
  });
}

function idleWorld(count: number): readonly ClusterMemory[] {
  return Array.from({ length: count }, (_, index) => {
    const desired = makeDesired({
      name: `cluster-${index}`,
      brokers: Array.from({ length: brokersPerCluster }, (_unused, id) =>
        makeBroker(id, { roles: id < 3 ? ['broker', 'controller'] : ['broker'] }),
      ),
      topics: Array.from({ length: topicsPerCluster }, (_unused, topic) => ({
        name: `topic-${topic}`,
        partitions: 10,
        replicationFactor: 3,
        config: {},
      })),
    });
    return makeMemory(desired);
  });
}

function idlePassMs(clusters: readonly ClusterMemory[], offers: readonly Offer[] = []): number {
  const input = makeInput(clusters, { mesos: { offers, suppressed: offers.length === 0 } });
  const before = process.cpuUsage();
  const made = plan(input);
  for (const memory of clusters) {
    const { phase } = clusterStatus({ input, memory, plan: made, events: [], rates: new Map() });
    if (phase !== 'converged') throw new Error(`${memory.spec.desired.name} is ${phase}`);
  }
  const { user, system } = process.cpuUsage(before);
  if (made.steps.some((s) => s.mark !== '·')) throw new Error('an idle pass has steps');
  return (user + system) / 1_000;
}

/** A page of metrics of all that, statuses included, and the statuses alone: CPU milliseconds that the loop waits for. */
export async function* measureScrape(): AsyncIterable<Result> {
  const world = idleWorld(clusterCount);
  const input = makeInput(world);
  const made = plan(input);
  const statuses = () =>
    world.map((memory) => clusterStatus({ input, memory, plan: made, events: [], rates: new Map() }));
  const meter = createMeter();
  const page = () =>
    meter.render(leaderSamples({ clusters: statuses(), kafka: input.kafka, appliedAtMs: new Map() }));
  const ours: number[] = [];
  const reference: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    reference.push(await cpuMs(async () => statuses()));
    ours.push(await cpuMs(page));
  }
  yield result({
    bench: 'scrape',
    ours,
    reference,
    meaning: `a page of metrics of ${clusterCount} clusters of ${brokersPerCluster} brokers and ${topicsPerCluster * 10} partitions each, against their statuses alone, which it is made from: CPU time`,
  });
}

async function cpuMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

/** Brokers that wait for offers of many agents, with constraints and racks, against the same without. */
export async function* measureMatching(): AsyncIterable<Result> {
  const offers = Array.from({ length: agentCount }, (_, index) =>
    makeOffer(`agent-${String(index).padStart(4, '0')}`, {
      attributes: { rack: `r${index % 5}`, disk: index % 2 === 0 ? 'ssd' : 'hdd' },
    }),
  );
  const matchMs = (constrained: boolean): number => {
    const desired = makeDesired({
      brokers: [0, 1, 2, ...Array.from({ length: waitingCount }, (_, i) => 3 + i)].map((id) =>
        makeBroker(id, {
          roles: id < 3 ? ['broker', 'controller'] : ['broker'],
          ...(constrained
            ? {
                constraints: [
                  { kind: 'unique', attribute: 'hostname' },
                  { kind: 'like', attribute: 'disk', pattern: 'ssd' },
                  { kind: 'groupBy', attribute: 'rack', minimum: 5 },
                ],
                rack: { kind: 'attribute', name: 'rack' },
              }
            : { constraints: [] }),
        }),
      ),
    });
    const running = makeMemory(desired);
    const brokers = new Map(
      desired.brokers.map(
        (b) => [b.id, b.id < 3 ? running.brokers.get(b.id) : emptyRecord(desired.name, b.id)] as const,
      ),
    );
    const input = makeInput(
      [
        {
          spec: makeSpec(desired),
          cluster: makeCluster(desired),
          brokers: brokers as ClusterMemory['brokers'],
        },
      ],
      { mesos: { offers } },
    );
    const startedMs = performance.now();
    const made = plan(input);
    const ms = performance.now() - startedMs;
    const launches = made.steps.filter(({ action }) => action.kind === 'broker').length;
    if (launches < waitingCount) throw new Error(`it planned ${launches} launches`);
    return ms;
  };
  const ours: number[] = [];
  const reference: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    reference.push(matchMs(false));
    ours.push(matchMs(true));
  }
  yield result({
    bench: 'offers matched',
    ours,
    reference,
    perSecond: Math.round((agentCount * rounds * 1_000) / ours.reduce((sum, ms) => sum + ms, 0)),
    meaning: `plan() with ${waitingCount} brokers that wait and offers of ${agentCount} agents, constraints (unique, like, groupBy) and racks on, against none; offers a second`,
  });
}
