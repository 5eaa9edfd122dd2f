/** The scheduler's processes: one, or several of which one leads; each ends and comes back as a standby. */
import type { KafkaMesosError } from '../../src/model/errors.ts';
import type { FrameworkSettings, MesosEvent, MesosPort } from '../../src/model/mesos.ts';
import type { PlanInput } from '../../src/model/observed.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { Store } from '../../src/model/store.ts';
import { plan as realPlan } from '../../src/plan/plan.ts';
import { requireLeadership } from '../../src/reconciler/guard.ts';
import type { Reconciler } from '../../src/reconciler/ports.ts';
import { createReconciler } from '../../src/reconciler/reconciler.ts';
import { createSeededRandom } from '../../src/sys/random.ts';
import { createSteadyClock } from '../../src/sys/steady-clock.ts';
import type { VirtualClock } from './clock.ts';
import { createElection, type Election, type Membership } from './election.ts';
import type { Faults } from './faults.ts';
import { createKafkaAdminModel } from './kafka-admin-model.ts';
import type { KafkaModel } from './kafka-model.ts';
import type { MesosCluster } from './mesos-cluster.ts';
import {
  createMesosClientModel,
  type MesosClientModel,
  type NetworkWatch,
  type Switchboard,
} from './network.ts';
import type { Dice } from './randomness.ts';
import { createSchedulerProcess, type SchedulerProcess } from './scheduler-process.ts';
import type { StoreModel } from './store-model.ts';

/** Bugs that a test plants around the ports of the loop. */
export type Planted = {
  readonly fence?: 'dropped';
  readonly store?: (store: Store) => Store;
  readonly mesos?: (port: MesosPort) => MesosPort;
  readonly mayAct?: (real: () => boolean) => () => boolean;
  readonly plan?: (real: (input: PlanInput) => Plan) => (input: PlanInput) => Plan;
};

export type Scheduler = {
  readonly process: SchedulerProcess;
  readonly epoch: () => number;
  /** Present from the moment at which it leads. */
  readonly reconciler: () => Reconciler | undefined;
  readonly client: () => MesosClientModel | undefined;
};

export type Schedulers = {
  start(): void;
  /** Who leads, as far as they know themselves; the newest of them. */
  leader(): Scheduler | undefined;
  all(): readonly Scheduler[];
  crash(scheduler: Scheduler): void;
  readonly election: Election | undefined;
  /** One more beside those that are there. */
  startAnother(): void;
  /** No process comes back any more until this is called with false. */
  holdBack(isHeld: boolean): void;
  /** From now on all are started with this consent. */
  registerAnew(removedFrameworkId: string): void;
  /** Why processes ended, by code. */
  readonly ends: ReadonlyMap<string, number>;
};

export type SchedulersWatch = {
  readonly network: (scheduler: Scheduler) => NetworkWatch;
  readonly written: (path: string, value: unknown, before: unknown, scheduler: Scheduler) => void;
  readonly removed: (path: string, before: unknown, scheduler: Scheduler) => void;
  readonly unregistered: (kafka: KafkaModel, brokerId: number) => void;
  readonly planned: (input: PlanInput, plan: Plan) => void;
  readonly ended: (error: KafkaMesosError, scheduler: Scheduler) => void;
  readonly crashed: (scheduler: Scheduler) => void;
};

export function createSchedulers(deps: {
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly cluster: MesosCluster;
  readonly store: StoreModel;
  readonly switchboard: Switchboard;
  readonly framework: FrameworkSettings;
  readonly kafkaOf: (clusterName: string) => KafkaModel | undefined;
  readonly isKafkaReachable: () => boolean;
  /** 1: alone with a store of its own. More: an election among them. */
  readonly count: number;
  readonly planted: Planted;
  readonly watch: SchedulersWatch;
  readonly note: (line: string) => void;
}): Schedulers {
  const { clock, dice, faults, note, planted, watch } = deps;
  const election = deps.count === 1 ? undefined : createElection({ clock, dice, faults, note });
  const living: Scheduler[] = [];
  const ends = new Map<string, number>();
  let number = 0;
  let isHeldBack = false;
  let registerAnew: string | undefined;

  function boot(): void {
    if (isHeldBack) {
      clock.setTimer(1_000, boot);
      return;
    }
    number += 1;
    const process = createSchedulerProcess(number, clock, dice.between(-500, 500));
    note(`scheduler ${number} starts`);
    let reconciler: Reconciler | undefined;
    let client: MesosClientModel | undefined;
    let membership: Membership | undefined;
    let epoch = (): number => 0;
    const self: Scheduler = {
      process,
      epoch: () => epoch(),
      reconciler: () => reconciler,
      client: () => client,
    };
    living.push(self);

    const gone = (restartAfterMs: number): void => {
      process.die();
      client?.close();
      living.splice(living.indexOf(self), 1);
      // Where two were started by mistake, whoever was thrown out stays out.
      if (election !== undefined || living.length === 0) clock.setTimer(restartAfterMs, boot);
    };
    crashes.set(self, () => {
      if (process.isDead()) return;
      note(`scheduler ${process.number} crashes`);
      watch.crashed(self);
      gone(dice.between(3_000, 20_000));
    });
    const crash = (): void => crashes.get(self)?.();
    const end = (error: KafkaMesosError): void => {
      if (process.isDead()) return;
      note(`scheduler ${process.number} ends: ${error.code}`);
      ends.set(error.code, (ends.get(error.code) ?? 0) + 1);
      watch.ended(error, self);
      membership?.leave();
      gone(dice.between(1_000, 5_000));
    };
    const quit = (): void => {
      if (process.isDead()) return;
      note(`scheduler ${process.number} ends: its session is over`);
      ends.set('session over', (ends.get('session over') ?? 0) + 1);
      gone(dice.between(1_000, 5_000));
    };

    async function lead(): Promise<void> {
      const connection = deps.store.connect(process, {
        crash,
        isReachable: () => election?.isReachable(process) ?? true,
        onWrite: (path, value, before) => watch.written(path, value, before, self),
        onRemove: (path, before) => watch.removed(path, before, self),
      });
      epoch = connection.epoch;
      const isCertain = election === undefined ? () => true : () => membership?.mayAct() === true;
      const mayAct = planted.mayAct?.(isCertain) ?? isCertain;
      const port: MesosPort = { send: (call) => client?.port.send(call) ?? Promise.resolve() };
      const steady = createSteadyClock(process.clock, process.monotonicMs);
      const made = createReconciler({
        clock: steady,
        random: createSeededRandom(dice.next() * 2 ** 32),
        logger: {
          debug() {},
          info() {},
          warn: (message, fields) => note(`warn ${message} ${JSON.stringify(fields)}`),
          error: (message, fields) => note(`error ${message} ${JSON.stringify(fields)}`),
        },
        store: planted.store?.(connection.store) ?? connection.store,
        mesos: planted.mesos?.(port) ?? port,
        connectKafka: (name, bootstrap) =>
          createKafkaAdminModel({
            clock: steady,
            kafka: () => deps.kafkaOf(name),
            bootstrap,
            hop: () => process.hop(dice.between(1, 100)),
            isReachable: deps.isKafkaReachable,
            survives: async (when, what) => {
              if (!faults.crashes(`crash ${when} send`, what)) return;
              crash();
              await new Promise<never>(() => {});
            },
            losesAnswer: () => faults.strikes('kafka change unanswered'),
            onUnregister: watch.unregistered,
            note,
          }),
        framework: deps.framework,
        self: `scheduler ${process.number}`,
        artifacts: () => artifacts,
        mayAct,
        plan: (input) => {
          const made = (planted.plan?.(realPlan) ?? realPlan)(input);
          watch.planned(input, made);
          return made;
        },
        onFatal: end,
      });
      client = createMesosClientModel({
        clock,
        dice,
        faults,
        cluster: deps.cluster,
        process,
        nowMs: steady.nowMs,
        framework: deps.framework,
        frameworkId: made.frameworkId,
        requireLease: () => requireLeadership(mayAct),
        switchboard: deps.switchboard,
        crash,
        onEvent: (event: MesosEvent) => made.onMesosEvent(event),
        watch: watch.network(self),
        note,
      });
      try {
        await made.start({ registerAnew });
      } catch (error) {
        end(error as KafkaMesosError);
        return;
      }
      if (process.isDead()) return;
      reconciler = made;
      client.start();
    }

    if (election === undefined) void lead();
    else membership = election.join(process, { lead: () => void lead(), ended: quit });
  }
  const crashes = new Map<Scheduler, () => void>();

  return {
    election,
    ends,
    start() {
      for (let i = 0; i < deps.count; i += 1) boot();
    },
    all: () => living,
    leader: () => living.findLast((s) => s.reconciler() !== undefined && !s.process.isPaused()),
    startAnother: boot,
    crash: (scheduler) => crashes.get(scheduler)?.(),
    holdBack(isHeld) {
      isHeldBack = isHeld;
    },
    registerAnew(id) {
      registerAnew = id;
    },
  };
}

const artifacts = {
  executor: { uri: 'http://127.0.0.1/e.mjs', sha512: 'e' },
  node: {
    byPlatform: { 'linux-x64': { uri: 'http://127.0.0.1/node', sha512: 'n' } },
    defaultPlatform: 'linux-x64',
  },
  kafka: {
    '4.0.0': { uri: 'http://127.0.0.1/k40.tgz', sha512: 'k40' },
    '4.1.0': { uri: 'http://127.0.0.1/k41.tgz', sha512: 'k41' },
  },
  kafkaMissing: {},
};
