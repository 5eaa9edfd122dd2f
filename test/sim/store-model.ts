/** A store that is elsewhere: every operation takes its time, some answers are lost, and every crash point is here. */
import { UnavailableError } from '../../src/model/errors.ts';
import type { Store } from '../../src/model/store.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import type { Faults } from './faults.ts';
import type { Dice } from './randomness.ts';
import type { SchedulerProcess } from './scheduler-process.ts';

export type StoreModel = {
  /** By a person's hand, past every scheduler; undefined removes. */
  edit(path: string, value: unknown): Promise<void>;
  /** What is durable just now, by path. The values are the writers' own: not to be changed. */
  readonly durable: ReadonlyMap<string, unknown>;
  newestEpoch(): number;
  connect(process: SchedulerProcess, hooks: StoreHooks): StoreConnection;
};

export type StoreConnection = { readonly store: Store; epoch(): number };

export type StoreHooks = {
  /** Before and after each write; the process ends in it. */
  readonly crash: () => void;
  readonly isReachable: () => boolean;
  readonly onWrite: (path: string, value: unknown, before: unknown) => void;
  readonly onRemove: (path: string, before: unknown) => void;
};

export function createStoreModel(deps: {
  readonly dice: Dice;
  readonly faults: Faults;
  /** False: a planted bug, writes of whoever led before still go through. */
  readonly isFenced: boolean;
  readonly note: (line: string) => void;
}): StoreModel {
  const { dice, faults, note } = deps;
  const backend = createMemoryStoreBackend();
  const durable = new Map<string, unknown>();
  let newestEpoch = 0;
  const unavailable = (message: string): UnavailableError =>
    new UnavailableError('KM_UNAVAILABLE_STORE', message, { outcome: 'unknown' });
  return {
    durable,
    newestEpoch: () => newestEpoch,
    async edit(path, value) {
      const hand = backend.connect();
      await hand.claim();
      const version = (await hand.read(path))?.version ?? 0;
      if (value === undefined) await hand.remove(path, version);
      else await hand.write(path, value, version);
      if (value === undefined) durable.delete(path);
      else durable.set(path, value);
    },
    connect(process, hooks) {
      const inner = backend.connect();
      let epoch = 0;
      const forever = new Promise<never>(() => {});
      const there = async (): Promise<void> => {
        await process.hop(dice.between(1, 8));
        if (!hooks.isReachable()) throw unavailable('the store does not answer');
      };
      const crash = async (): Promise<never> => {
        hooks.crash();
        return await forever;
      };
      const store: Store = {
        async read(path) {
          await there();
          return await inner.read(path);
        },
        async list(path) {
          await there();
          return await inner.list(path);
        },
        async write(path, value, expectedVersion) {
          if (faults.crashes('crash before persist', kindOf(path))) return await crash();
          await there();
          if (faults.strikes('store unavailable, not written')) throw unavailable('the store did not answer');
          // Whoever claims again is the newest, so that nothing of it is refused.
          if (!deps.isFenced) await inner.claim();
          const version = await inner.write(path, value, expectedVersion);
          const before = durable.get(path);
          durable.set(path, value);
          note(`write ${path}`);
          hooks.onWrite(path, value, before);
          if (faults.crashes('crash after persist', kindOf(path))) return await crash();
          await process.hop(dice.between(1, 8));
          if (faults.strikes('store unavailable, written')) throw unavailable('the store’s answer was lost');
          return version;
        },
        async remove(path, expectedVersion) {
          if (faults.crashes('crash before persist', `removal of ${kindOf(path)}`)) return await crash();
          await there();
          if (faults.strikes('store unavailable, not written')) throw unavailable('the store did not answer');
          await inner.remove(path, expectedVersion);
          const before = durable.get(path);
          durable.delete(path);
          note(`remove ${path}`);
          hooks.onRemove(path, before);
          if (faults.crashes('crash after persist', `removal of ${kindOf(path)}`)) return await crash();
          await process.hop(dice.between(1, 8));
          if (faults.strikes('store unavailable, written')) throw unavailable('the store’s answer was lost');
        },
        async claim() {
          if (faults.crashes('crash before persist', 'claim')) return await crash();
          await there();
          epoch = await inner.claim();
          newestEpoch = Math.max(newestEpoch, epoch);
          note(`claim ${epoch} by scheduler ${process.number}`);
          if (faults.crashes('crash after persist', 'claim')) return await crash();
          return epoch;
        },
        close: () => inner.close(),
      };
      return { store, epoch: () => epoch };
    },
  };
}

/** `broker` of `clusters/NAME/brokers/3`: what kind of record is at a path. */
function kindOf(path: string): string {
  const [root = '', , kind = root] = path.split('/');
  return kind.replace(/s$/, '').replace('event', 'events');
}
