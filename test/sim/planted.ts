/** Bugs, each around one port of the loop, and the words of the invariant that has to notice it. */
import type { PlanInput } from '../../src/model/observed.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import type { Run } from './directions.ts';
import type { Planted } from './schedulers.ts';

export type PlantedBug = {
  readonly what: string;
  readonly planted: Planted;
  /** What an invariant says of it. */
  readonly noticedBy: RegExp;
  /** It met it once: tried first. */
  readonly run: Run;
};

const withRecords = (input: PlanInput, change: (record: BrokerRecord) => BrokerRecord): PlanInput => ({
  ...input,
  clusters: input.clusters.map((memory) => ({
    ...memory,
    brokers: new Map([...memory.brokers].map(([id, record]) => [id, change(record)])),
  })),
});

/** All waiting is over, and every agent has had its time to come. */
const withoutWaiting = (input: PlanInput): PlanInput => ({
  ...withRecords(input, (record) => ({
    ...record,
    ...(record.stickyUntilMs === undefined ? {} : { stickyUntilMs: 1 }),
    ...(record.task?.unreachableSinceMs === undefined
      ? {}
      : { task: { ...record.task, unreachableSinceMs: 1 } }),
  })),
  mesos: { ...input.mesos, subscribedAtMs: 1 },
});

export const plantedBugs: readonly PlantedBug[] = [
  {
    what: 'drop the fence',
    run: { seed: 1, direction: 'taken over' },
    planted: { fence: 'dropped', mayAct: () => () => true },
    noticedBy: /after epoch \d+ began/,
  },
  {
    what: 'act on after the session at ZooKeeper may have ended',
    run: { seed: 2, direction: 'elected' },
    planted: { mayAct: () => () => true },
    noticedBy: /arrived after its session had expired/,
  },
  {
    what: 'acknowledge before the store has it',
    run: { seed: 11, direction: 'grown' },
    planted: {
      store: (store) => ({
        ...store,
        write: async (path, value, version) => {
          const { task, last } = value as Partial<BrokerRecord>;
          return last !== undefined && task === undefined ? version : await store.write(path, value, version);
        },
      }),
    },
    noticedBy: /acknowledged before it was stored/,
  },
  {
    what: 'launch what the store does not know',
    run: { seed: 2, direction: 'elected' },
    planted: {
      store: (store) => ({
        ...store,
        write: async (path, value, version) =>
          (value as Partial<BrokerRecord>).task?.state === 'TASK_STAGING'
            ? version + 1_000_000
            : await store.write(path, value, version),
      }),
    },
    noticedBy: /without a stored intent/,
  },
  {
    what: 'ignore the stickiness timer',
    run: { seed: 17, direction: 'mounted' },
    planted: { plan: (real) => (input) => real(withoutWaiting(input)) },
    noticedBy: /inside its stickiness period/,
  },
  {
    what: 'take unreachable for dead',
    run: { seed: 7, direction: 'lost' },
    planted: {
      plan: (real) => (input) =>
        real(
          withRecords(input, (record) => {
            if (record.task?.unreachableSinceMs === undefined) return record;
            const { task: _dead, placement: _lost, ...rest } = record;
            return { ...rest, formatted: false, superseded: [...rest.superseded, record.task] };
          }),
        ),
    },
    noticedBy: /two live tasks|inside its stickiness period|dropped from/,
  },
  {
    what: 'take whoever is out of reach for fenced, whatever the controller says',
    run: { seed: 1, direction: 'serves on' },
    planted: { plan: (real) => (input) => real(withMissedFenced(input)) },
    noticedBy: /two live tasks/,
  },
  {
    what: 'relocate the last in-sync replica',
    run: { seed: 1, direction: 'last replica' },
    planted: {
      // What is rolled is decided on the truth; what is relocated on a rosier reading.
      plan: (real) => (input) => {
        const made = real(input);
        const steps = real(withHealthyReplicas(input)).steps.filter(
          (step) =>
            isRevive(step) || (isLaunch(step) && !made.steps.some((s) => s.brokerId === step.brokerId)),
        );
        return { ...made, steps: [...made.steps, ...steps] };
      },
    },
    noticedBy: /last in-sync replica|acknowledged writes/,
  },
  {
    what: 'forget a kill',
    run: { seed: 14, direction: 'replaced' },
    planted: {
      // The first is lost on the way, and none follows.
      mesos: (port) => {
        const ordered = new Set<string>();
        return {
          async send(call) {
            if (call.kind === 'kill' && !ordered.has(call.taskId)) ordered.add(call.taskId);
            else await port.send(call);
          },
        };
      },
      plan: (real) => (input) => {
        const made = real(input);
        const forgotten = made.steps.filter((step) => repeatsKill(step, input));
        return {
          ...made,
          steps: made.steps.filter((step) => !forgotten.includes(step)),
          held: [...made.held, ...forgotten.map(waitForIt)],
        };
      },
    },
    noticedBy: /was forgotten/,
  },
  {
    what: 'take what an operator asked for a difference to be repaired',
    run: { seed: 1, direction: 'a broker less' },
    planted: { plan: (real) => (input) => real(withRecords(input, ({ intent: _asked, ...rest }) => rest)) },
    noticedBy: /was forgotten|against the (?:stop|pause)/,
  },
  {
    what: 'forget to store what a broker left behind',
    run: { seed: 6, direction: 'removed' },
    planted: {
      store: (store) => ({
        ...store,
        write: async (path, value, version) => {
          const { leftBehind: _left, ...rest } = value as Partial<BrokerRecord>;
          return await store.write(path, path.includes('/brokers/') ? rest : value, version);
        },
      }),
    },
    noticedBy: /no record (?:says that it was left|has it)|has of it/,
  },
];

const isLaunch = ({ action }: Plan['steps'][number]): boolean =>
  action.kind === 'broker' && action.call?.kind === 'accept';

const isRevive = ({ action }: Plan['steps'][number]): boolean =>
  action.kind === 'mesos' && action.call.kind === 'revive';

function repeatsKill({ action, clusterName }: Plan['steps'][number], input: PlanInput): boolean {
  if (action.kind !== 'broker' || action.call?.kind !== 'kill') return false;
  const memory = input.clusters.find((c) => c.spec.desired.name === clusterName);
  return memory?.brokers.get(action.record.id)?.task?.kill !== undefined;
}

function waitForIt(step: Plan['steps'][number]): Plan['held'][number] {
  return {
    clusterName: step.clusterName ?? '',
    ...(step.brokerId === undefined ? {} : { brokerId: step.brokerId }),
    need: step.what,
    reason: { kind: 'task-in-progress', doing: 'stopping it', sinceMs: 0 },
    stalled: false,
  };
}

/** As if the controller had fenced every broker whose agent is out of reach. */
function withMissedFenced(input: PlanInput): PlanInput {
  const isMissed = (clusterName: string, id: number): boolean =>
    input.clusters.find((c) => c.spec.desired.name === clusterName)?.brokers.get(id)?.task
      ?.unreachableSinceMs !== undefined;
  const kafka = [...input.kafka].map(([name, source]): [string, typeof source] => {
    if (!source.known) return [name, source];
    const brokers = source.value.brokers.map((b) => ({ ...b, fenced: b.fenced || isMissed(name, b.id) }));
    return [name, { known: true, value: { ...source.value, brokers } }];
  });
  return { ...input, kafka: new Map(kafka) };
}

/** As if every replica were in sync, and every broker served but those that are waited for. */
function withHealthyReplicas(input: PlanInput): PlanInput {
  const isAway = (clusterName: string, id: number): boolean => {
    const task = input.clusters.find((c) => c.spec.desired.name === clusterName)?.brokers.get(id)?.task;
    return task === undefined || task.unreachableSinceMs !== undefined;
  };
  const kafka = [...input.kafka].map(([name, source]): [string, typeof source] => {
    if (!source.known) return [name, source];
    const brokers = source.value.brokers.map((b) => ({ ...b, fenced: b.fenced && isAway(name, b.id) }));
    const everybody = brokers.map((b) => b.id);
    const topics = source.value.topics.map((t) => ({
      ...t,
      partitions: t.partitions.map((p) => ({ ...p, isr: everybody })),
    }));
    return [name, { known: true, value: { ...source.value, brokers, topics } }];
  });
  return { ...input, kafka: new Map(kafka) };
}
