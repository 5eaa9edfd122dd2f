/** What may become of a framework in the end: its id is lost from the store, or Mesos removes it, and another one follows. */
import type { BrokerRecord, FrameworkRecord, SpecRecord } from '../../src/model/records.ts';
import { recordPaths } from '../../src/model/store.ts';
import type { MesosCluster } from './mesos-cluster.ts';
import type { Dice } from './randomness.ts';
import type { Schedulers } from './schedulers.ts';
import type { StoreModel } from './store-model.ts';
import { Violation } from './truth.ts';

type World = {
  readonly cluster: MesosCluster;
  readonly schedulers: Schedulers;
  readonly store: StoreModel;
  readonly run: (forMs: number) => Promise<void>;
};

/** Tasks live, and the store does not know as whom: nobody may register anew. The record comes back by hand. */
export async function loseFrameworkId({ cluster, schedulers, store, run }: World): Promise<void> {
  const before = frameworkIds(cluster);
  schedulers.holdBack(true);
  for (const scheduler of [...schedulers.all()]) schedulers.crash(scheduler);
  await run(15_000);
  const value = store.durable.get(recordPaths.framework);
  await store.edit(recordPaths.framework, undefined);
  schedulers.holdBack(false);
  await run(60_000);
  if (schedulers.ends.get('KM_CONFLICT_FRAMEWORK_LOST') === undefined) {
    throw new Violation('a scheduler began without its framework id while tasks of it run');
  }
  if (frameworkIds(cluster) !== before)
    throw new Violation('a framework was registered anew beside its tasks');
  await store.edit(recordPaths.framework, value);
  await run(90_000);
  if (schedulers.leader()?.reconciler()?.counters().connected !== true) {
    throw new Violation('no scheduler came back with the record');
  }
}

/**
 * Torn down by an operator, as after its failover timeout: whoever runs ends, and nobody registers anew by itself.
 * An agent that is away goes on with its executors until it is back. Resolves to the framework's id.
 */
export async function removeFramework(
  { cluster, schedulers, store, run }: World,
  away?: string,
): Promise<string> {
  if (away !== undefined) cluster.stopAgent(away, false);
  // One that was registered and forgotten before its id was stored may be there too, without tasks.
  const value = Object.values(cluster.state.frameworks).find((f) => f.streamId !== undefined)?.id;
  if (value === undefined) throw new Violation('there is no framework to tear down');
  const others = Object.keys(cluster.state.frameworks).filter((id) => id !== value);
  cluster.operate({ type: 'TEARDOWN', teardown: { framework_id: { value } } });
  await run(60_000);
  if (schedulers.ends.get('KM_CONFLICT_FRAMEWORK_REMOVED') === undefined) {
    throw new Violation('the scheduler of a framework that was removed did not end');
  }
  if (frameworkIds(cluster) !== others.join(' '))
    throw new Violation('a framework that was removed was registered anew');
  const { removed } = (store.durable.get(recordPaths.framework) ?? {}) as Partial<FrameworkRecord>;
  if (removed === undefined) throw new Violation('that the framework was removed is not in the store');
  return value;
}

const anewWithinMs = 15 * 60_000;

/**
 * Started with consent, a scheduler registers anew and gets every cluster back on the disks that it had; one that dies
 * on the way is followed by one with the same consent, as a supervisor would have it.
 */
export async function registerAnew(
  { cluster, schedulers, store, run }: World,
  removedId: string,
  {
    dice,
    isSettled,
    away,
  }: { readonly dice: Dice; readonly isSettled: () => boolean; readonly away: string | undefined },
): Promise<void> {
  const before = brokersOf(store);
  schedulers.registerAnew(removedId);
  for (let deaths = dice.between(0, 2); deaths > 0; deaths -= 1) {
    await run(dice.between(1_000, 8_000));
    for (const scheduler of [...schedulers.all()]) schedulers.crash(scheduler);
  }
  if (away !== undefined) {
    await run(dice.between(0, 60_000));
    cluster.startAgent(away);
  }
  for (let passedMs = 0; passedMs < anewWithinMs; passedMs += 5_000) {
    await run(5_000);
    if (schedulers.leader()?.reconciler()?.frameworkId() !== undefined && isSettled()) break;
  }
  if (!isSettled()) {
    const told = schedulers.leader()?.reconciler()?.statuses();
    throw new Violation(`clusters did not come back under a new framework: ${JSON.stringify(told)}`);
  }
  const after = brokersOf(store);
  for (const [path, { clusterName, id, placement, task }] of before) {
    const now = after.get(path);
    // One on its way out goes on with that.
    if (!isWanted(store, clusterName, id)) continue;
    // What was down or out of reach before may have lost its disk.
    if (task?.state !== 'TASK_RUNNING' || task.unreachableSinceMs !== undefined) continue;
    if (now?.placement?.incarnation !== placement?.incarnation) {
      throw new Violation(`${path} did not come back on the disk that it had under the removed framework`);
    }
    if (now?.task === undefined || now.task.taskId === task.taskId) {
      throw new Violation(`${path} did not start under the new framework`);
    }
  }
  const isSame = Object.keys(cluster.state.frameworks).includes(removedId);
  if (isSame) throw new Violation('the framework that was removed is back');
}

function isWanted({ durable }: StoreModel, clusterName: string, id: number): boolean {
  const { desired } = (durable.get(recordPaths.spec(clusterName)) ?? {}) as Partial<SpecRecord>;
  return desired?.deletion === undefined && desired?.brokers.some((b) => b.id === id) === true;
}

const brokersOf = (store: StoreModel): ReadonlyMap<string, BrokerRecord> =>
  new Map(
    [...store.durable].flatMap(([path, value]) =>
      path.includes('/brokers/') ? [[path, value as BrokerRecord] as const] : [],
    ),
  );

const frameworkIds = ({ state }: MesosCluster): string => Object.keys(state.frameworks).join(' ');
