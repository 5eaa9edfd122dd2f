/** What may become of a framework in the end: its id is lost from the store, or Mesos removes it. */
import { recordPaths } from '../../src/model/store.ts';
import type { MesosCluster } from './mesos-cluster.ts';
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

/** Torn down by an operator: whoever runs ends, and nobody registers anew by itself. */
export async function removeFramework({ cluster, schedulers, run }: World): Promise<void> {
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
}

const frameworkIds = ({ state }: MesosCluster): string => Object.keys(state.frameworks).join(' ');
