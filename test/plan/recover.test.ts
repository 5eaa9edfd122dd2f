import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Desired, DesiredBroker } from '../../src/model/desired.ts';
import type { TaskSpec } from '../../src/model/mesos.ts';
import type { MesosInventory, TaskEntry } from '../../src/model/mesos-inventory.ts';
import type { BrokerRecord, ClusterMemory, ClusterRecord, Placement } from '../../src/model/records.ts';
import { plan } from '../../src/plan/plan.ts';
import { type Recovered, recover } from '../../src/plan/recover.ts';
import {
  framework,
  makeBroker,
  makeDesired,
  makeInput,
  makeOffer,
  makePlacement,
  makeSpec,
  nowMs,
  reservedFor,
} from './builders.ts';

/** Forms the cluster and launches its voters: what the store then has, and what Mesos then runs. */
function launched(desired: Desired): {
  readonly cluster: ClusterRecord;
  readonly records: readonly BrokerRecord[];
  readonly tasks: readonly TaskSpec[];
} {
  const empty: ClusterMemory = { spec: makeSpec(desired), brokers: new Map() };
  const made = plan(
    makeInput([empty], {
      mesos: { offers: [1, 2, 3].map((n) => makeOffer(`agent-${n}`, { attributes: { rack: `r${n}` } })) },
      kafka: { demo: { known: false, why: 'new' } },
    }),
  );
  const records: BrokerRecord[] = [];
  const tasks: TaskSpec[] = [];
  let cluster: ClusterRecord | undefined;
  for (const { action } of made.steps) {
    if (action.kind === 'bind-cluster') cluster = action.record;
    if (action.kind !== 'broker') continue;
    records.push(action.record);
    if (action.call?.kind === 'accept')
      tasks.push(...action.call.operations.flatMap((o) => (o.kind === 'launch' ? [o.task] : [])));
  }
  assert.ok(cluster);
  return { cluster, records, tasks };
}

function entryOf(task: TaskSpec, changes: Partial<TaskEntry> = {}): TaskEntry {
  return {
    taskId: task.taskId,
    frameworkId: 'F',
    agentId: task.agentId,
    state: 'TASK_RUNNING',
    labels: task.labels,
    resources: task.resources,
    ...changes,
  };
}

function inventoryOf(
  tasks: readonly TaskEntry[],
  changes: Partial<MesosInventory> = {},
  agentTasks: readonly TaskSpec[] = [],
): MesosInventory {
  return {
    frameworks: [
      { id: 'F', name: framework.name, roles: [framework.role], connected: false, completed: false },
    ],
    tasks,
    agents: agentTasks.map((t) => ({
      agentId: t.agentId,
      hostname: t.agentId,
      active: true,
      attributes: { rack: `r${t.agentId.at(-1)}` },
      resources: t.resources,
    })),
    recoveredAgents: [],
    ...changes,
  };
}

function recovered(desired: Desired, inventory: MesosInventory, kafka: [string, KafkaOf][] = []): Recovered {
  return recover({
    nowMs: nowMs + 60_000,
    author: 'ann',
    frameworkName: framework.name,
    role: framework.role,
    inventory,
    specs: [{ desired, digest: 'd' }],
    kafka: new Map(kafka),
  });
}
type KafkaOf = Parameters<typeof recover>[0]['kafka'] extends ReadonlyMap<string, infer T> ? T : never;

const secretive = makeDesired({
  brokers: [0, 1, 2].map((id) =>
    makeBroker(id, {
      rack: { kind: 'attribute', name: 'rack' },
      environment: { TOKEN: 'hunter2' },
      jvmOptions: ['-Djavax.net.ssl.keyStorePassword=hunter2'],
      config: { 'num.io.threads': '4', 'ssl.keystore.password': 'hunter2' },
    }),
  ),
});

test('what was stored at the launch is made again from labels and reservations alone', () => {
  const { cluster, records, tasks } = launched(secretive);
  const inventory = inventoryOf(
    tasks.map((t) => entryOf(t)),
    {},
    tasks,
  );
  const { framework: made, clusters, problems } = recovered(secretive, inventory);
  assert.equal(problems, []);
  assert.equal(made, { schema: 1, frameworkId: 'F' });
  const [rebuilt] = clusters;
  assert.equal(rebuilt?.cluster?.clusterId, cluster.clusterId);
  assert.equal(rebuilt?.cluster?.voters, cluster.voters);
  assert.ok(rebuilt?.cluster?.formedAtMs);
  for (const record of records) {
    const again = rebuilt?.brokers.find((b) => b.id === record.id);
    assert.equal(again?.placement, record.placement);
    assert.is(again?.launches, record.launches);
    assert.is(again?.formatted, true);
    assert.is(again?.task?.taskId, record.task?.taskId);
    assert.is(again?.task?.launchedAtMs, record.task?.launchedAtMs);
    assert.equal(again?.task?.startedWith, record.task?.startedWith);
    assert.is(again?.task?.report?.endpoint, `agent-${record.id + 1}:${record.placement?.ports.CLIENT}`);
  }
});

test('labels hold no value that may be secret', () => {
  const { tasks } = launched(secretive);
  assert.is(tasks.length, 3);
  for (const task of tasks) assert.not.match(JSON.stringify(task.labels), /hunter2/);
});

test('the loop does nothing to what was recovered, and knows the tasks as its own', () => {
  const { tasks } = launched(secretive);
  const inventory = inventoryOf(
    tasks.map((t) => entryOf(t)),
    {},
    tasks,
  );
  const [rebuilt] = recovered(secretive, inventory).clusters;
  assert.ok(rebuilt?.cluster);
  const memory: ClusterMemory = {
    spec: rebuilt.spec,
    cluster: rebuilt.cluster,
    brokers: new Map(rebuilt.brokers.map((b) => [b.id, b])),
  };
  const made = plan(makeInput([memory], { nowMs: nowMs + 60_000 }));
  assert.equal(
    made.steps.filter((s) => s.mark !== '·').map((s) => s.what),
    [],
  );
  assert.equal(made.held, []);
});

test('a broker that does not run is found by its reservation, on the agent with its volume', () => {
  const { cluster, records, tasks } = launched(makeDesired());
  const [stopped, ...others] = tasks;
  const inventory = inventoryOf(
    others.map((t) => entryOf(t)),
    {},
    tasks,
  );
  const [rebuilt] = recovered(makeDesired(), inventory).clusters;
  const again = rebuilt?.brokers.find((b) => b.id === 0);
  assert.is(stopped?.name, 'demo-0');
  assert.not.ok(again?.task);
  assert.is(again?.formatted, true);
  assert.equal(again?.placement?.ports, records[0]?.placement?.ports);
  assert.is(again?.placement?.directoryId, cluster.voters[0]?.directoryId);
});

test('dynamic settings come from Kafka, only of keys that are declared', () => {
  const desired = makeDesired({
    brokers: [0, 1, 2].map((id) => makeBroker(id, { config: { 'num.io.threads': '4' } })),
  });
  const { cluster, tasks } = launched(desired);
  const inventory = inventoryOf(
    tasks.map((t) => entryOf(t)),
    {},
    tasks,
  );
  const truth = {
    clusterId: cluster.clusterId,
    brokerConfig: new Map([[1, { 'num.io.threads': '6', 'log.retention.ms': '5' }]]),
    brokers: new Set([0, 1, 2]),
    minInsyncReplicas: '2',
  };
  const { clusters, problems } = recovered(desired, inventory, [['demo', truth]]);
  assert.equal(problems, []);
  assert.equal(clusters[0]?.brokers[1]?.dynamicConfig, { 'num.io.threads': { value: '6', applied: true } });
  assert.equal(clusters[0]?.cluster?.minInsyncReplicas, { value: '2', applied: true });
});

test('an agent that has not come back forbids to write', () => {
  const { tasks } = launched(makeDesired());
  const inventory = inventoryOf(
    tasks.map((t) => entryOf(t)),
    { recoveredAgents: [{ agentId: 'agent-9', hostname: 'host-9' }] },
    tasks,
  );
  assert.match(
    recovered(makeDesired(), inventory).problems.join(),
    /agent host-9 \(agent-9\) has not come back/,
  );
});

test('a voter without a trace keeps its place and counts as formatted', () => {
  const { cluster, tasks } = launched(makeDesired());
  const [, ...others] = tasks;
  const inventory = inventoryOf(
    others.map((t) => entryOf(t)),
    {},
    others,
  );
  const { clusters, problems } = recovered(makeDesired(), inventory);
  assert.equal(problems, []);
  const again = clusters[0]?.brokers.find((b) => b.id === 0);
  assert.equal(again?.placement, cluster.voters[0]?.placement);
  assert.is(again?.formatted, true);
});

test('a broker without a trace is none only if Kafka says so', () => {
  const { cluster, tasks } = launched(makeDesired());
  const grown = makeDesired({
    brokers: [
      ...makeDesired().brokers,
      (({ controllerListener: _none, ...plain }) => ({ ...plain, roles: ['broker' as const] }))(
        makeBroker(3),
      ),
    ],
  });
  const inventory = inventoryOf(
    tasks.map((t) => entryOf(t)),
    {},
    tasks,
  );
  const problemsOf = (brokers: readonly number[] | undefined): string =>
    recovered(
      grown,
      inventory,
      brokers === undefined
        ? []
        : [['demo', { clusterId: cluster.clusterId, brokerConfig: new Map(), brokers: new Set(brokers) }]],
    ).problems.join();
  assert.match(
    problemsOf(undefined),
    /broker 3 of demo has neither task nor reservation, and Kafka cannot be asked/,
  );
  assert.match(
    problemsOf([0, 1, 2, 3]),
    /broker 3 of demo has neither task nor reservation, and Kafka knows it/,
  );
  assert.is(problemsOf([0, 1, 2]), '');
});

test('a broker on a disk of its agent’s own that does not run counts as formatted', () => {
  const { cluster, tasks } = launched(makeDesired());
  const hostPath = (id: number) =>
    (({ controllerListener: _none, ...plain }) => ({
      ...plain,
      roles: ['broker' as const],
      storage: {
        kind: 'hostPath' as const,
        volumes: [{ name: 'data', sizeMiB: 1000, disk: 'root' as const, hostPath: '/data/3' }],
      },
    }))(makeBroker(id));
  const [first] = tasks;
  assert.ok(first);
  const owned: TaskSpec = {
    ...first,
    agentId: 'agent-4',
    resources: first.resources
      .filter((r) => r.disk === undefined)
      .map((r) => ({
        ...r,
        reservations: r.reservations.map((v) => ({
          ...v,
          labels: { ...v.labels, broker: '3', incarnation: 'i3' },
        })),
      })),
  };
  const inventory = inventoryOf(
    tasks.map((t) => entryOf(t)),
    {},
    [...tasks, owned],
  );
  const answer = (broker: Desired['brokers'][number]): Recovered =>
    recovered(makeDesired({ brokers: [...makeDesired().brokers, broker] }), inventory, [
      ['demo', { clusterId: cluster.clusterId, brokerConfig: new Map(), brokers: new Set([0, 1, 2, 3]) }],
    ]);
  const again = answer(hostPath(3)).clusters[0]?.brokers.find((b) => b.id === 3);
  assert.is(again?.formatted, true);
  assert.is(again?.placement?.volumes[0]?.path, '/data/3');
  const { storage } = makeBroker(3);
  assert.match(
    answer({ ...hostPath(3), storage }).problems.join(),
    /broker 3 of demo does not run and has reservations without a volume/,
  );
});

test('nothing may be written when something does not add up', () => {
  const { tasks } = launched(makeDesired());
  const entries = tasks.map((t) => entryOf(t));
  const problemsOf = (inventory: MesosInventory, kafka: [string, KafkaOf][] = []): string =>
    recovered(makeDesired(), inventory, kafka).problems.join('\n');
  assert.match(
    problemsOf(
      inventoryOf([
        entryOf(tasks[0] as TaskSpec, { labels: { framework: framework.name } }),
        ...entries.slice(1),
      ]),
    ),
    /carries no labels that this version reads/,
  );
  assert.match(
    problemsOf(
      inventoryOf([
        ...entries,
        entryOf(tasks[0] as TaskSpec, { taskId: 'x', labels: { ...tasks[0]?.labels, cluster: 'other' } }),
      ]),
    ),
    /cluster other has tasks or volumes, but none of the spec files declares it/,
  );
  assert.match(
    problemsOf(
      inventoryOf(entries, {
        frameworks: [
          { id: 'F', name: framework.name, roles: [framework.role], connected: true, completed: false },
        ],
      }),
    ),
    /has a scheduler that is connected/,
  );
  assert.match(
    problemsOf(
      inventoryOf(entries, {
        frameworks: [
          { id: 'F', name: framework.name, roles: [framework.role], connected: false, completed: true },
        ],
      }),
    ),
    /was torn down/,
  );
  assert.match(
    problemsOf(inventoryOf([], {}, tasks)),
    /has volumes but no running task that names its cluster id/,
  );
  assert.match(
    problemsOf(inventoryOf(entries), [
      ['demo', { clusterId: 'other', brokerConfig: new Map(), brokers: new Set<number>() }],
    ]),
    /says that its cluster id is other/,
  );
});

test('volumes found by reservation are in the order of the spec, the metadata first, however the agent lists them', () => {
  const volumes = ['meta', 'data-1', 'data-0'].map((name) => ({ name, sizeMiB: 100, disk: 'root' as const }));
  const desired = makeDesired({
    brokers: [0, 1, 2, 3].map((id) =>
      makeBroker(id, {
        storage: { kind: 'persistent', volumes },
        ...(id === 3 ? { roles: ['broker'] } : {}),
      }),
    ),
  });
  const { tasks } = launched({ ...desired, brokers: desired.brokers.slice(0, 3) });
  const broker = desired.brokers[3] as DesiredBroker;
  const resources = reservedFor('demo', broker, makePlacement('demo', broker), ['volumes', 'cpus']);
  const agent = { agentId: 'agent-4', hostname: 'agent-4', active: true, attributes: {} };
  for (const listed of [resources, resources.toReversed()]) {
    const inventory = inventoryOf(
      tasks.map((t) => entryOf(t)),
      {},
      tasks,
    );
    const { clusters, problems } = recovered(desired, {
      ...inventory,
      agents: [...inventory.agents, { ...agent, resources: listed }],
    });
    assert.equal(problems, []);
    const placed = clusters[0]?.brokers.find((b) => b.id === 3)?.placement?.volumes;
    assert.equal(
      placed?.map((v) => [v.name, v.sizeMiB, v.persistenceId]),
      ['meta', 'data-1', 'data-0'].map((name) => [name, 100, `demo-3-${name}-i3`]),
    );
  }
});

test('an IPv6 address is an endpoint in brackets', () => {
  const { tasks } = launched(makeDesired());
  const labels = (task: TaskSpec) => {
    const placement = JSON.parse(task.labels.placement ?? '') as Placement;
    return { ...task.labels, placement: JSON.stringify({ ...placement, host: '2001:db8::7' }) };
  };
  const inventory = inventoryOf(
    tasks.map((t) => entryOf(t, { labels: labels(t) })),
    {},
    tasks,
  );
  const [first] = recovered(makeDesired(), inventory).clusters[0]?.brokers ?? [];
  assert.match(first?.task?.report?.endpoint ?? '', /^\[2001:db8::7\]:\d+$/);
});

test('agents that could not be looked at are named', () => {
  const { tasks } = launched(makeDesired());
  const away = tasks[0] as TaskSpec;
  const inventory = inventoryOf(
    tasks.map((t) => entryOf(t, t === away ? { state: 'TASK_UNREACHABLE' } : {})),
    {},
    tasks.filter((t) => t !== away),
  );
  const { notes } = recovered(makeDesired(), inventory);
  assert.ok(
    notes.some((n) =>
      n.startsWith('agent agent-1 (agent-1) is unreachable: of what is on it only the tasks'),
    ),
    notes.join('\n'),
  );
  const all = recovered(
    makeDesired(),
    inventoryOf(
      tasks.map((t) => entryOf(t)),
      {},
      tasks,
    ),
  ).notes;
  assert.not(all.some((n) => n.startsWith('agent ')));
  assert.ok(
    all.some((n) => /not listed by the master: what is reserved on them could not be looked at/.test(n)),
  );
});

test('of two tasks of a broker the newest launch is current, the other superseded', () => {
  const { tasks } = launched(makeDesired());
  const entries = tasks.map((t) => entryOf(t));
  const old = entryOf(tasks[0] as TaskSpec, {
    taskId: 'demo.0.0.abc',
    labels: { ...tasks[0]?.labels, launches: '0' },
  });
  const { clusters, notes } = recovered(makeDesired(), inventoryOf([old, ...entries]));
  assert.is(clusters[0]?.brokers[0]?.task?.taskId, tasks[0]?.taskId);
  assert.equal(clusters[0]?.brokers[0]?.superseded, [{ taskId: 'demo.0.0.abc', agentId: 'agent-1' }]);
  assert.ok(notes.some((n) => n.includes('has 2 tasks')));
});

test.run();
