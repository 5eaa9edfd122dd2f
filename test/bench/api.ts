/**
 * What the API costs the leader of 1,000 brokers: a real reconciler over a store with their records, its service, and a
 * server that is asked over sockets by another process, so that only the answering counts.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createApiClient } from '../../src/api/client.ts';
import { type ApiServer, startApiServer } from '../../src/api/server.ts';
import { createFollowingService } from '../../src/cli/following-service.ts';
import { createSchedulerService } from '../../src/cli/scheduler-service.ts';
import { specChecker } from '../../src/cli/spec-problems.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { makeBroker, makeDesired, makeKafka, makeMemory } from '../plan/builders.ts';
import { createHarness, type Harness, settle } from '../reconciler/harness.ts';
import { running } from '../reconciler/stages.ts';
import { median, type Result, result } from './result.ts';

const rounds = 7;
const watchers = 20;
const token = 'the-token-of-this-bench';

export async function* measureApi(): AsyncIterable<Result> {
  const [many, few] = [await serve(1_000), await serve(3)];
  const asker = fork(fileURLToPath(new URL('api-asker.ts', import.meta.url)), {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ask = async (order: object): Promise<number> => {
    asker.send(order);
    return ((await once(asker, 'message')) as [number])[0];
  };
  try {
    const cost = async ({ server }: World): Promise<number> => {
      const before = process.cpuUsage();
      const count = 10;
      await ask({ kind: 'get', url: server.url, path: '/v1/clusters/demo', count });
      return cpuMsSince(before) / count;
    };
    const bytes = await ask({ kind: 'get', url: many.server.url, path: '/v1/clusters/demo', count: 1 });
    const ours: number[] = [];
    const reference: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      reference.push(await cost(few));
      ours.push(await cost(many));
    }
    const look: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const before = process.cpuUsage();
      many.look();
      look.push(cpuMsSince(before));
    }
    yield result({
      bench: 'api: one cluster',
      ours,
      reference,
      meaning: `CPU time of the leader for GET of a cluster of 1,000 brokers and 10,000 partitions (${bytes} bytes), against one of three; several in a row, which share a look`,
    });
    yield result({
      bench: 'api: a look',
      ours: look,
      reference: ours,
      meaning: 'CPU time of what they share, against such a GET',
    });
    yield await measureStreams(many, ask);
    yield* measureView(many, few);
  } finally {
    asker.disconnect();
    await many.server.close();
    await few.server.close();
  }
}

/** Twenty readers and one, each of whom hears of a change of one broker. */
async function measureStreams(world: World, ask: (order: object) => Promise<number>): Promise<Result> {
  const cost = async (count: number): Promise<number> => {
    await ask({ kind: 'watch', url: world.server.url, count });
    const costs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      // So that no look of before is still awaited.
      await new Promise((resolve) => setTimeout(resolve, 600));
      const before = process.cpuUsage();
      const heard = ask({ kind: 'hear' });
      world.change(round);
      await heard;
      costs.push(cpuMsSince(before));
    }
    await ask({ kind: 'leave' });
    return median(costs);
  };
  const [reference, ours] = [await cost(1), await cost(watchers)];
  return result({
    bench: `api: ${watchers} streams`,
    ours: [ours],
    reference: [reference],
    meaning: `CPU time of the leader until each of ${watchers} readers has heard that one of 1,000 brokers changed, the loop's own passes included, against one reader`,
  });
}

/** What the live view does with an answer. */
async function* measureView(many: World, few: World): AsyncIterable<Result> {
  const { frameMs } = await import('./view.ts');
  const ask = async ({ server }: World) => {
    const client = createApiClient({ url: server.url, token });
    const before = process.cpuUsage();
    const [status] = await client.clusters();
    if (status === undefined) throw new Error('there is no cluster');
    return { ms: cpuMsSince(before), status };
  };
  const fetched = { ours: [] as number[], reference: [] as number[] };
  const drawn = { ours: [] as number[], reference: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const [ours, reference] = [await ask(many), await ask(few)];
    fetched.ours.push(ours.ms);
    fetched.reference.push(reference.ms);
    drawn.ours.push(await frameMs(ours.status, 80, 24));
    drawn.reference.push(await frameMs(reference.status, 80, 24));
  }
  yield result({
    bench: 'api: fetch',
    ...fetched,
    meaning: 'CPU time of asking, answering and reading 1,000 brokers, both ends together, against three',
  });
  yield result({
    bench: 'api: frame',
    ...drawn,
    meaning:
      'CPU time of a frame of the live view, 80 by 24, of such an answer of 1,000 brokers, against three',
  });
}

type World = {
  readonly server: ApiServer;
  readonly change: (round: number) => void;
  readonly look: () => void;
};

async function serve(brokerCount: number): Promise<World> {
  const desired = makeDesired({
    brokers: Array.from({ length: brokerCount }, (_, id) =>
      makeBroker(id, { roles: id < 3 ? ['broker', 'controller'] : ['broker'] }),
    ),
    topics: Array.from({ length: 100 }, (_, index) => ({
      name: `topic-${index}`,
      partitions: 100,
      replicationFactor: 3,
      config: {},
    })),
  });
  const backend = createMemoryStoreBackend();
  const harness = createHarness(backend);
  const writer = backend.connect();
  await writer.claim();
  const memory = makeMemory(desired);
  await writer.write('framework', { schema: 1, frameworkId: 'F' }, 0);
  await writer.write('clusters/demo/spec', memory.spec, 0);
  await writer.write('clusters/demo/cluster', memory.cluster, 0);
  for (const record of memory.brokers.values()) {
    await writer.write(`clusters/demo/brokers/${record.id}`, record, 0);
  }
  harness.kafka = makeKafka(desired);
  await harness.reconciler.start();
  harness.reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'F' });
  await settle();
  for (const { id, task, placement } of memory.brokers.values()) {
    harness.reconciler.onMesosEvent({
      kind: 'update',
      update: {
        taskId: task?.taskId ?? '',
        state: 'TASK_RUNNING',
        agentId: placement?.agentId ?? '',
        data: running(`agent-${id}.example.org:31000`),
        uuid: `u${id}`,
      },
    });
  }
  await settle();
  for (let i = 0; i < 5; i += 1) {
    harness.clock.advance(1_000);
    await settle();
  }
  const status = harness.reconciler.statuses()[0];
  if (status?.brokers.filter(({ state }) => state === 'running').length !== brokerCount) {
    throw new Error(`the cluster is ${status?.phase}: ${JSON.stringify(status?.held[0])}`);
  }
  const server = await startApiServer({
    service: serviceOf(harness),
    specs: specChecker,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1',
    logger: silentLogger,
  });
  return {
    server,
    look: () => void harness.reconciler.statuses(),
    change: (round) =>
      void harness.reconciler.setIntent('demo', 7, {
        kind: 'pause',
        author: 'ann',
        reason: `round ${round}`,
      }),
  };
}

function serviceOf({ reconciler }: Harness) {
  return createSchedulerService({
    reconciler,
    identity: { version: '1', frameworkName: 'kafka', role: 'kafka', master: 'm:5050', startedAtMs: 0 },
    self: { id: 'a', host: 'h', apiUrl: 'http://h' },
    leadsSinceMs: 0,
    standbys: async () => 1,
    connection: () => ({ state: 'subscribed', sinceMs: 0, master: 'm:5050' }),
    recallKafka: async () => {},
    following: createFollowingService(reconciler, undefined),
    inventory: async () => {
      throw new Error('nobody asks for it');
    },
  });
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
