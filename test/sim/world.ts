/**
 * One seed: the real loop, plan, execution, translation and codec against the model of Mesos and a
 * model of Kafka, under virtual time and drawn faults; then healed, it must converge and fall silent.
 */
import { createHash } from 'node:crypto';
import type { Output, StartContainer } from '../../src/local/model/io.ts';
import type { AgentConfig, State } from '../../src/local/model/state.ts';
import { defaultSettings, initialState, nextWakeMs, step } from '../../src/local/model/step.ts';
import {
  decodeExecutorEvent,
  decodeSchedulerCall,
  decodeSchedulerEvent,
  encodeExecutorEvent,
  encodeSchedulerCall,
  encodeSchedulerEvent,
} from '../../src/mesos/codec.ts';
import { toCall, toEvent, toSubscribe } from '../../src/mesos/translate.ts';
import type { ExecutorCall, SchedulerCall, SchedulerEvent } from '../../src/mesos/types.ts';
import type { Desired } from '../../src/model/desired.ts';
import { UnavailableError } from '../../src/model/errors.ts';
import type { FrameworkSettings, MesosCall, MesosPort } from '../../src/model/mesos.ts';
import type { BrokerRecord } from '../../src/model/records.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import type { Store } from '../../src/model/store.ts';
import { createReconciler, type Reconciler } from '../../src/reconciler/reconciler.ts';
import { createMemoryStoreBackend } from '../../src/store/memory-store.ts';
import { createSeededRandom } from '../../src/sys/random.ts';
import { createVirtualClock } from './clock.ts';
import { desiredCluster } from './desired.ts';
import { createExecutorModel, type Disk, type ExecutorModel } from './executor-model.ts';
import { drawFaults, type FaultKind } from './faults.ts';
import { createInvariants, Violation } from './invariants.ts';
import { createKafkaModel, type KafkaModel } from './kafka-model.ts';

export type SeedResult = {
  readonly seed: number;
  readonly ok: boolean;
  readonly violation?: string;
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly events: number;
  readonly virtualMs: number;
  /** sha256 over everything that crossed a port: the same seed gives the same one. */
  readonly traceHash: string;
  readonly trace: readonly string[];
};

const startMs = 1_800_000_000_000;
const faultyMs = 5 * 60_000;
const convergeWithinMs = 30 * 60_000;
const silentForMs = 20 * 60_000;
const framework: FrameworkSettings = {
  name: 'kafka',
  user: 'root',
  role: 'kafka',
  principal: 'kafka',
  failoverTimeoutMs: 7 * 86_400_000,
};

export async function runSeed(
  seed: number,
  options: { readonly keepTrace?: boolean; readonly sabotage?: (store: Store) => Store } = {},
): Promise<SeedResult> {
  const root = createSeededRandom(seed);
  const fork = () => createSeededRandom(Math.floor(root.next() * 2 ** 32));
  const [faultRandom, netRandom, executorRandom, kafkaRandom, loopRandom] = [
    fork(),
    fork(),
    fork(),
    fork(),
    fork(),
  ];
  const clock = createVirtualClock(startMs);
  const faults = drawFaults(faultRandom);
  const invariants = createInvariants();
  const backend = createMemoryStoreBackend();
  const hash = createHash('sha256');
  const trace: string[] = [];
  let crossings = 0;
  let listening = false;
  const noise: string[] = [];
  const note = (line: string): void => {
    crossings += 1;
    const text = `${clock.nowMs() - startMs} ${line}`;
    hash.update(`${text}\n`);
    if (options.keepTrace === true) trace.push(text);
    if (listening && /^(?:write|warn|error|call (?:accept|kill|revive)) /.test(line)) noise.push(text);
  };
  let violation: string | undefined;
  const violate = (message: string): void => {
    if (violation === undefined) {
      violation = message;
      note(`VIOLATION ${message}`);
    }
  };
  const guarded = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violate(error.message);
    }
  };

  // Mesos
  const state: State = initialState(
    { ...defaultSettings, masterId: 'm', hostname: 'localhost', ip: '127.0.0.1', port: 5050 },
    clock.nowMs(),
  );
  const executors = new Map<string, ExecutorModel>();
  const disks = new Map<string, Disk>();
  const kafkas = new Map<string, KafkaModel>();
  const names = new Map<string, string>();
  const agentStreams = new Map<string, ExecutorModel>();
  let scheduler: Connection | undefined;
  let wake: { cancel(): void } | undefined;
  let wakeAtMs = Number.POSITIVE_INFINITY;

  const kafkaOf = (clusterId: string): KafkaModel => {
    const known = kafkas.get(clusterId) ?? createKafkaModel(clusterId, clock, kafkaRandom);
    kafkas.set(clusterId, known);
    return known;
  };
  const feed = (input: Parameters<typeof step>[1]): readonly Output[] => {
    const { outputs } = step(state, input);
    for (const output of outputs) perform(output);
    const nextMs = nextWakeMs(state);
    if (nextMs !== undefined && nextMs < wakeAtMs) {
      wake?.cancel();
      wakeAtMs = nextMs;
      wake = clock.setTimer(Math.max(0, nextMs - clock.nowMs()), () => {
        wakeAtMs = Number.POSITIVE_INFINITY;
        feed({ kind: 'tick', nowMs: clock.nowMs() });
      });
    }
    return outputs;
  };
  const at = <T extends object>(input: T): T & { nowMs: number } => ({ ...input, nowMs: clock.nowMs() });

  function perform(output: Output): void {
    switch (output.kind) {
      case 'event':
        scheduler?.receive(output.streamId, decodeSchedulerEvent(encodeSchedulerEvent(output.event)));
        return;
      case 'close-stream':
        scheduler?.lost(output.streamId);
        return;
      case 'start-container':
        startContainer(output);
        return;
      case 'executor-event': {
        const executor = agentStreams.get(output.streamId);
        const event = decodeExecutorEvent(encodeExecutorEvent(output.event));
        clock.setTimer(1 + Math.floor(netRandom.next() * 5), () => executor?.event(event));
        return;
      }
      case 'signal-container':
      case 'destroy-container': {
        const executor = executors.get(output.containerId);
        if (executor === undefined || (output.kind === 'signal-container' && output.signal === 'SIGTERM'))
          return;
        executor.destroy();
        executors.delete(output.containerId);
        clock.setTimer(10, () =>
          feed(
            at({
              kind: 'container-exited' as const,
              agentName: output.agentName,
              containerId: output.containerId,
              waitStatus: 9,
            }),
          ),
        );
        return;
      }
      default:
        return;
    }
  }

  function startContainer(container: StartContainer): void {
    clock.setTimer(100 + Math.floor(executorRandom.next() * 900), () => {
      feed(
        at({
          kind: 'container-started' as const,
          agentName: container.agentName,
          containerId: container.containerId,
          pid: 1,
        }),
      );
      const model = createExecutorModel(container, {
        clock,
        random: executorRandom,
        diskOf: (c) => {
          const key = `${c.agentName}/${c.volumes[0]?.persistenceId ?? c.containerId}`;
          const disk = disks.get(key) ?? {};
          disks.set(key, disk);
          return disk;
        },
        kafkaOf,
        call: (c, call) => clock.setTimer(1 + Math.floor(netRandom.next() * 5), () => executorCall(c, call)),
        exited: (c, waitStatus) => {
          executors.delete(c.containerId);
          feed(
            at({
              kind: 'container-exited' as const,
              agentName: c.agentName,
              containerId: c.containerId,
              waitStatus,
            }),
          );
        },
        onFormat: (launch, disk) => {
          names.set(launch.clusterName, launch.clusterId);
          guarded(() => invariants.formatted(launch, disk.clusterId !== undefined));
        },
        onServing: (launch, taskId, up) => guarded(() => invariants.serving(launch, taskId, up)),
      });
      executors.set(container.containerId, model);
    });
  }

  function executorCall(container: StartContainer, call: ExecutorCall): void {
    const executor = executors.get(container.containerId);
    if (executor === undefined) return;
    if (call.type === 'SUBSCRIBE') {
      const streamId = `x-${container.containerId}`;
      agentStreams.set(streamId, executor);
      feed(at({ kind: 'executor-subscribe' as const, agentName: container.agentName, streamId, call }));
      return;
    }
    feed(at({ kind: 'executor-call' as const, agentName: container.agentName, call }));
  }

  // The scheduler process
  type Connection = { receive(streamId: string, event: SchedulerEvent): void; lost(streamId: string): void };
  let streams = 0;
  let incarnation = 0;
  let reconciler: Reconciler | undefined;
  const storedBrokers = async (): Promise<ReadonlyMap<string, BrokerRecord>> => {
    const reader = backend.connect();
    const found = new Map<string, BrokerRecord>();
    for (const cluster of await reader.list('clusters')) {
      for (const id of await reader.list(`clusters/${cluster}/brokers`)) {
        const stored = await reader.read(`clusters/${cluster}/brokers/${id}`);
        if (stored !== undefined) found.set(`${cluster}/${id}`, stored.value as BrokerRecord);
      }
    }
    return found;
  };

  async function startScheduler(): Promise<void> {
    incarnation += 1;
    const mine = incarnation;
    const isDead = (): boolean => mine !== incarnation;
    const forever = new Promise<never>(() => {});
    let streamId: string | undefined;
    note(`scheduler ${mine} starts`);

    const crash = (): Promise<never> => {
      note(`scheduler ${mine} crashes`);
      incarnation += 1;
      if (streamId !== undefined) {
        const old = streamId;
        clock.setTimer(5, () => feed(at({ kind: 'stream-closed' as const, streamId: old })));
      }
      scheduler = undefined;
      clock.setTimer(1_000 + Math.floor(netRandom.next() * 20_000), () => void startScheduler());
      return forever;
    };
    const disconnect = (): void => {
      if (streamId === undefined) return;
      const old = streamId;
      streamId = undefined;
      feed(at({ kind: 'stream-closed' as const, streamId: old }));
      if (isDead()) return;
      reconciler?.onMesosEvent({ kind: 'disconnected' });
      clock.setTimer(500 + Math.floor(netRandom.next() * 3_000), subscribe);
    };
    const deliver = (event: SchedulerEvent): void => {
      const translated = toEvent(event, framework.role, clock.nowMs());
      if (translated === undefined || isDead()) return;
      if (translated.kind === 'update') {
        note(
          `update ${translated.update.taskId} ${translated.update.state} ${translated.update.reason ?? ''}`,
        );
        if (translated.update.uuid !== undefined)
          invariants.delivered(translated.update.taskId, translated.update.uuid, translated.update.state);
      }
      reconciler?.onMesosEvent(translated);
    };

    function subscribe(): void {
      if (isDead()) return;
      streams += 1;
      streamId = `s-${streams}`;
      const subscription = toSubscribe(framework, reconciler?.frameworkId());
      const call: SchedulerCall = {
        type: 'SUBSCRIBE',
        ...(subscription.framework_info.id === undefined
          ? {}
          : { framework_id: subscription.framework_info.id }),
        subscribe: subscription,
      };
      const decoded = decodeSchedulerCall(encodeSchedulerCall(call)) as SchedulerCall;
      const current = streamId;
      let lastMs = 0;
      scheduler = {
        receive(id, event) {
          if (id !== current) return;
          // One stream is in order: each event comes no earlier than the one before it.
          lastMs = Math.max(lastMs, clock.nowMs() + 1 + Math.floor(netRandom.next() * 20));
          const repeated = event.type === 'UPDATE' && faults.strikes('update repeated');
          clock.setTimer(lastMs - clock.nowMs(), () => {
            if (streamId !== current) return;
            deliver(event);
            if (repeated) deliver(event);
          });
        },
        lost(id) {
          if (id === current) disconnect();
        },
      };
      feed(at({ kind: 'subscribe' as const, streamId: current, call: decoded }));
    }

    const mesos: MesosPort = {
      async send(call: MesosCall) {
        if (isDead()) return forever;
        if (faults.strikes('crash before send')) return await crash();
        if (streamId === undefined)
          throw new UnavailableError('KM_UNAVAILABLE_MASTER', 'not connected', { outcome: 'not-sent' });
        if (faults.strikes('call lost')) {
          note(`lost ${call.kind}`);
          clock.setTimer(10, disconnect);
          throw new UnavailableError('KM_UNAVAILABLE_MASTER', 'the connection broke', { outcome: 'unknown' });
        }
        note(`call ${call.kind} ${callDetail(call)}`);
        const stored = await storedBrokers();
        guarded(() =>
          invariants.sent(call, stored, (name) => kafkas.get(names.get(name) ?? ''), clock.nowMs()),
        );
        const body = {
          ...toCall(call, framework),
          framework_id: { value: reconciler?.frameworkId() ?? '' },
        } as SchedulerCall;
        const decoded = decodeSchedulerCall(encodeSchedulerCall(body)) as SchedulerCall;
        const times = faults.strikes('call repeated') ? 2 : 1;
        const current = streamId;
        for (let i = 0; i < times; i += 1)
          feed(at({ kind: 'call' as const, streamId: current, call: decoded }));
        if (faults.strikes('answer lost')) {
          clock.setTimer(10, disconnect);
          throw new UnavailableError('KM_UNAVAILABLE_MASTER', 'the answer was lost', { outcome: 'unknown' });
        }
        if (faults.strikes('crash after send')) return await crash();
      },
    };

    const inner = options.sabotage === undefined ? backend.connect() : options.sabotage(backend.connect());
    const store: Store = {
      ...inner,
      async write(path, value, expectedVersion) {
        if (isDead()) return forever;
        if (faults.strikes('crash before persist')) return await crash();
        if (faults.strikes('store unavailable, not written'))
          throw new UnavailableError('KM_UNAVAILABLE_STORE', 'the store did not answer', {
            outcome: 'unknown',
          });
        note(`write ${path}`);
        const version = await inner.write(path, value, expectedVersion);
        if (faults.strikes('store unavailable, written'))
          throw new UnavailableError('KM_UNAVAILABLE_STORE', 'the store’s answer was lost', {
            outcome: 'unknown',
          });
        if (faults.strikes('crash after persist')) return await crash();
        return version;
      },
    };

    reconciler = createReconciler({
      clock: {
        nowMs: clock.nowMs,
        setTimer: (delayMs, fire) => clock.setTimer(delayMs, () => (isDead() ? undefined : fire())),
      },
      random: loopRandom,
      mayAct: () => true,
      logger: {
        debug() {},
        info() {},
        warn: (m, f) => note(`warn ${m} ${JSON.stringify(f)}`),
        error: (m, f) => note(`error ${m} ${JSON.stringify(f)}`),
      },
      store,
      mesos,
      connectKafka: (name, bootstrap) => {
        const admin = () => kafkaOf(names.get(name) ?? '').admin(bootstrap);
        return {
          ...admin(),
          observe: () => (isDead() ? forever : admin().observe()),
          createTopic: (t) => (isDead() ? forever : admin().createTopic(t)),
        };
      },
      framework,
      artifacts: () => ({
        executor: { uri: 'http://127.0.0.1/e.mjs', sha512: 'e' },
        node: {
          byPlatform: { 'linux-x64': { uri: 'http://127.0.0.1/node', sha512: 'n' } },
          defaultPlatform: 'linux-x64',
        },
        kafka: { '4.0.0': { uri: 'http://127.0.0.1/k.tgz', sha512: 'k' } },
        kafkaMissing: {},
      }),
      onFatal: (error) => {
        if (!isDead()) violate(`the loop ended: ${error.code} ${error.message}`);
      },
    });
    await reconciler.start();
    if (!isDead()) subscribe();
  }

  for (const agent of agents()) {
    feed(at({ kind: 'agent-started' as const, agent }));
  }
  await startScheduler();
  const apply = async (desired: Desired): Promise<void> => {
    for (let tries = 0; tries < 50; tries += 1) {
      const current = incarnation;
      let outcome: 'done' | 'failed' | undefined;
      reconciler?.apply([{ desired, digest: JSON.stringify(desired) }], 'sim').then(
        () => {
          outcome = 'done';
        },
        () => {
          outcome = 'failed';
        },
      );
      for (let i = 0; i < 100 && outcome === undefined && current === incarnation; i += 1) {
        await clock.run(clock.nowMs() + 100, check);
      }
      if (outcome === 'done') return;
      await clock.run(clock.nowMs() + 5_000, check);
    }
    violate('a spec could not be applied in 50 tries');
  };
  const check = (): void => {};

  // Bring-up, kills and a rolling change under faults.
  await apply(desiredCluster('sim', {}));
  const until = clock.nowMs() + faultyMs;
  while (clock.nowMs() < until && violation === undefined) {
    await clock.run(clock.nowMs() + 5_000, check);
    if (faults.strikes('broker killed')) {
      const victims = [...executors.values()];
      const victim = victims[Math.floor(faultRandom.next() * victims.length)];
      if (victim?.killBroker() === true) note(`killed broker ${victim.brokerId()}`);
    }
  }
  await apply(desiredCluster('sim', { 'num.partitions': '4' }));
  await clock.run(clock.nowMs() + faultyMs, check);

  // Healed: it converges within a bound and falls silent.
  faults.heal();
  const deadline = clock.nowMs() + convergeWithinMs;
  const status = (): ClusterStatus | undefined => reconciler?.statuses()[0];
  while (violation === undefined && clock.nowMs() < deadline && status()?.phase !== 'converged') {
    await clock.run(clock.nowMs() + 1_000, check);
  }
  const last = status();
  if (violation === undefined && last?.phase !== 'converged') {
    violate(
      `not converged after ${convergeWithinMs / 60_000} min: ${JSON.stringify({ phase: last?.phase, held: last?.held, brokers: last?.brokers.map((b) => [b.id, b.state, b.waiting?.why, b.drift]) })}`,
    );
  }
  if (violation === undefined && last !== undefined && last.brokers.some((b) => b.drift.length > 0)) {
    violate('converged with drift');
  }
  // What was under way when it converged may end; after that nothing but housekeeping.
  await clock.run(clock.nowMs() + 60_000, check);
  if (violation === undefined) {
    listening = true;
    await clock.run(clock.nowMs() + silentForMs, check);
    if (noise.length > 0) violate(`not silent after it converged: ${noise.slice(0, 3).join('; ')}`);
  }
  await reconciler?.stop();
  incarnation += 1;
  return {
    seed,
    ok: violation === undefined,
    ...(violation === undefined ? {} : { violation }),
    faults: faults.counts,
    events: crossings + clock.fired(),
    virtualMs: clock.nowMs() - startMs,
    traceHash: hash.digest('hex'),
    trace,
  };
}

function callDetail(call: MesosCall): string {
  switch (call.kind) {
    case 'accept':
      return call.operations.map((o) => (o.kind === 'launch' ? `launch ${o.task.taskId}` : o.kind)).join('+');
    case 'kill':
      return call.taskId;
    case 'acknowledge':
      return call.taskId;
    case 'reconcile-tasks':
      return String(call.tasks.length);
    default:
      return '';
  }
}

function agents(): readonly AgentConfig[] {
  return [1, 2, 3, 4].map((n) => ({
    name: `agent-${n}`,
    hostname: `agent-${n}`,
    ip: '127.0.0.1',
    port: 5050 + n,
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: 4 } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 4096 } },
      { name: 'disk', type: 'SCALAR', scalar: { value: 20_000 } },
      {
        name: 'ports',
        type: 'RANGES',
        ranges: { range: [{ begin: 31_000 + n * 100, end: 31_099 + n * 100 }] },
      },
    ],
    attributes: [{ name: 'rack', type: 'TEXT', text: { value: `r${n === 4 ? 1 : n}` } }],
  }));
}
