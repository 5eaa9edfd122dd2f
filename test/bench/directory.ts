/** What a directory of many small clusters costs: the real follower and loop over the store in files. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFollowingService, type Following } from '../../src/cli/following-service.ts';
import { createFollower, type Follower } from '../../src/gitops/follower.ts';
import { createGit } from '../../src/gitops/git.ts';
import { InvariantError } from '../../src/model/errors.ts';
import type { Reconciler } from '../../src/reconciler/ports.ts';
import { createReconciler } from '../../src/reconciler/reconciler.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { systemRandom } from '../../src/sys/random.ts';
import { createSteadyClock } from '../../src/sys/steady-clock.ts';
import { artifacts, framework } from '../plan/builders.ts';
import { testFolder } from '../test-folder.ts';
import { type Result, result } from './result.ts';

/** To take ten thousand needs most of an hour on a slow disk. */
const many = Number(process.env.BENCH_CLUSTERS ?? 3_000);
const few = Math.ceil(many / 10);

type Figures = {
  /** Started on an empty store: the directory read, each cluster stored, and the pass after the last. */
  readonly takeMs: number;
  /** A look at a directory in which nothing has changed. */
  readonly lookMs: number;
  readonly passMs: number;
  readonly statusMs: number;
  /** The next scheduler, from the store to its first pass. */
  readonly startMs: number;
  readonly heapMiB: number;
};

type Scheduler = {
  readonly reconciler: Reconciler;
  readonly follower: Follower;
  readonly following: Following;
};

async function start(folder: string): Promise<Scheduler> {
  const reconciler = createReconciler({
    clock: createSteadyClock(systemClock, () => performance.now()),
    random: systemRandom,
    logger: silentLogger,
    store: await openFileStore(join(folder, 'store')),
    mesos: { send: async () => {} },
    connectKafka: () => {
      throw new InvariantError('KM_BUG_BENCH', 'no broker runs');
    },
    framework,
    artifacts: () => artifacts,
    mayAct: () => true,
    onFatal: (error) => {
      throw error;
    },
  });
  await reconciler.start();
  reconciler.onMesosEvent({ kind: 'subscribed', frameworkId: 'f' });
  const follower = createFollower({
    directory: 'specs',
    path: join(folder, 'specs'),
    git: createGit(),
    known: () => reconciler.memory().map(({ spec }) => spec),
    removed: reconciler.removed,
    async take({ cluster, source, author }) {
      await reconciler.apply([cluster], author, {}, { kind: 'directory', source });
    },
    onChange: () => {},
    clock: systemClock,
    logger: silentLogger,
  });
  return { reconciler, follower, following: createFollowingService(reconciler, follower) };
}

async function ms(work: () => unknown): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** Of one to three brokers, all kept stopped. */
const specOf = (name: string, brokers: number): string => `apiVersion: kafka-mesos/v1
kind: KafkaCluster
metadata: { name: ${name} }
spec:
  defaults: { state: stopped }
  pools: [ { name: main, ids: 0..${brokers - 1}, cpus: 0.5, storage: { size: 1GiB } } ]
`;

async function measure(clusters: number): Promise<Figures> {
  const folder = mkdtempSync(join(testFolder, 'kafka-mesos-bench-'));
  try {
    for (let n = 0; n < clusters; n += 1) {
      const directory = join(folder, 'specs', String(n % 100));
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `c${n}.yaml`), specOf(`c${n}`, 1 + (n % 3)));
    }
    const first = await start(folder);
    // A directory that was just written is looked at again until it rests.
    const takeMs = await ms(async () => {
      while (first.follower.status().state !== 'read') await first.follower.look();
      await first.reconciler.reconcileNow('c0');
    });
    const taken = first.reconciler.memory().length;
    if (taken !== clusters) throw new Error(`${taken} of ${clusters} clusters were taken`);
    const lookMs = await ms(() => first.follower.look());
    const passMs = await ms(() => first.reconciler.reconcileNow('nobody'));
    let statuses: unknown;
    const statusMs = await ms(() => {
      statuses = first.following.statuses();
    });
    globalThis.gc?.();
    const heapMiB = Math.round(process.memoryUsage().heapUsed / 2 ** 20);
    if ((statuses as readonly unknown[]).length !== clusters) throw new Error('a status is missing');
    await first.follower.close();
    await first.reconciler.stop();
    let next: Scheduler | undefined;
    const startMs = await ms(async () => {
      next = await start(folder);
      await next.reconciler.reconcileNow('nobody');
    });
    await next?.follower.close();
    await next?.reconciler.stop();
    return { takeMs, lookMs, passMs, statusMs, startMs, heapMiB };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Each figure of many clusters against the same of a tenth of them: ten is linear. */
export async function* measureDirectory(): AsyncIterable<Result> {
  const reference = await measure(few);
  const ours = await measure(many);
  const meanings = {
    takeMs: 'first look at a directory, each cluster stored in files, and the pass after the last',
    lookMs: 'look at a directory in which nothing has changed',
    passMs: 'pass in which nothing differs',
    statusMs: 'statuses of all clusters, with how each stands to its file',
    startMs: 'the next scheduler, until its first pass is over',
  } as const;
  for (const [name, meaning] of Object.entries(meanings) as [keyof typeof meanings, string][]) {
    yield result({
      bench: `directory ${name.replace('Ms', '')}`,
      ours: [ours[name]],
      reference: [reference[name]],
      heapMiB: ours.heapMiB,
      meaning: `${meaning}: ${many} clusters of one to three stopped brokers against ${few}; ${many / few} is linear`,
    });
  }
}
