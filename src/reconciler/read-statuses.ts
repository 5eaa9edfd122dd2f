/** What a store alone tells of clusters, for who observes neither Mesos nor Kafka. */
import type { FrameworkSettings } from '../model/mesos.ts';
import type { PlanInput } from '../model/observed.ts';
import { sourceFromRecord } from '../model/source-line.ts';
import type { ClusterStatus, Condition } from '../model/status.ts';
import type { Store } from '../model/store.ts';
import { emptyMesosTable } from '../observe/mesos-table.ts';
import { clusterStatus } from '../plan/status.ts';
import { createSeededRandom, uuid } from '../sys/random.ts';
import { eventsInStatus } from './event-log.ts';
import { loadMemory } from './memory.ts';
import type { EventReader } from './read-events.ts';

/** `why` says who would know more; it becomes each condition's message, as their reason is `Unknown`. */
export async function readStatuses(
  store: Store,
  eventReader: EventReader,
  framework: FrameworkSettings,
  nowMs: number,
  why: string,
): Promise<readonly ClusterStatus[]> {
  const clusters = (await loadMemory(store)).clusters();
  const random = createSeededRandom(0);
  const nothing = { uri: '', sha512: '' };
  const input: PlanInput = {
    nowMs,
    wallMs: nowMs,
    framework,
    clusters,
    isTornDown: false,
    mesos: emptyMesosTable,
    kafka: new Map(),
    kafkaRefusals: new Map(),
    artifacts: {
      executor: nothing,
      node: { byPlatform: {}, defaultPlatform: '' },
      kafka: {},
      kafkaMissing: {},
    },
    newUuid: () => uuid(random),
  };
  const unknown = (type: Condition['type']): Condition => ({
    type,
    status: false,
    reason: 'Unknown',
    message: `read from the store by a standby: ${why}`,
  });
  const { events } = await eventReader.page({ limit: Number.MAX_SAFE_INTEGER });
  const byCluster = Map.groupBy(events, (event) => event.clusterName);
  return clusters.map((memory) => {
    const status = clusterStatus({
      input,
      memory,
      plan: { steps: [], held: [], declined: [] },
      events: (byCluster.get(memory.spec.desired.name) ?? [])
        .slice(-eventsInStatus)
        .map(({ clusterName: _name, ...event }) => event),
      rates: new Map(),
    });
    const source = sourceFromRecord(memory.spec, 'only the leader reads it');
    return {
      ...status,
      ...(source === undefined ? {} : { source }),
      conditions: [unknown('Ready'), unknown('Reconciling'), unknown('Stalled')],
      // What a broker differs in is compared with artifacts that only the leader has.
      brokers: status.brokers.map((broker) => ({ ...broker, drift: [] })),
    };
  });
}
