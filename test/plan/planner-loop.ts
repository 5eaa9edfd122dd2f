/** The planner's calls against the model of Mesos, by way of the wire's words: what the loop does, and nothing of Kafka. */

import type { AgentConfig } from '../../src/local/model/state.ts';
import { toEvent } from '../../src/mesos/from-wire.ts';
import { toCall, toSubscribe } from '../../src/mesos/to-wire.ts';
import type { Desired } from '../../src/model/desired.ts';
import type { FrameworkSettings, MesosCall } from '../../src/model/mesos.ts';
import type { Action, Plan } from '../../src/model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../../src/model/records.ts';
import { foldUpdate } from '../../src/observe/fold-update.ts';
import { emptyMesosTable, foldMesosEvent, foldSent, type MesosTable } from '../../src/observe/mesos-table.ts';
import { plan } from '../../src/plan/plan.ts';
import { agentConfig, events, World } from '../local/model/world.ts';
import { artifacts, countUuids, framework, makeBroker, makeSpec } from './builders.ts';

export class PlannerLoop {
  readonly world: World;
  readonly settings: FrameworkSettings;
  readonly sent: MesosCall[] = [];
  memory: ClusterMemory;
  table: MesosTable = emptyMesosTable;
  lastPlan: Plan = { steps: [], held: [], declined: [] };
  /** What becomes of a call on its way. */
  onTheWay: (call: MesosCall) => MesosCall = (call) => call;
  private readonly newUuid = countUuids();
  private seen = 0;

  constructor(desired: Desired, agents: readonly (string | AgentConfig)[], role = framework.role) {
    this.settings = { ...framework, principal: 'kafka', role };
    this.world = new World();
    for (const agent of agents) {
      const config = typeof agent === 'string' ? agentConfig(agent) : agent;
      this.world.do({ kind: 'agent-started', agent: config });
    }
    this.memory = { spec: makeSpec(desired), brokers: new Map() };
    this.world.do({
      kind: 'subscribe',
      streamId: 's1',
      call: { type: 'SUBSCRIBE', subscribe: toSubscribe(this.settings, undefined) },
    });
  }

  apply(desired: Desired): void {
    this.memory = {
      ...this.memory,
      spec: { ...makeSpec(desired), revision: this.memory.spec.revision + 1 },
    };
  }

  record(id: number): BrokerRecord {
    const record = this.memory.brokers.get(id);
    if (record === undefined) throw new Error(`there is no record of broker ${id}`);
    return record;
  }

  write(record: BrokerRecord): void {
    this.memory = { ...this.memory, brokers: new Map([...this.memory.brokers, [record.id, record]]) };
  }

  /** Folds what Mesos said meanwhile, plans, and does what was planned. */
  pass(): Plan {
    const { world } = this;
    for (; this.seen < world.outputs.length; this.seen += 1) {
      for (const event of events(world.outputs.slice(this.seen, this.seen + 1))) this.fold(event);
    }
    this.lastPlan = plan({
      nowMs: world.nowMs,
      wallMs: world.nowMs,
      framework: this.settings,
      clusters: [this.memory],
      isTornDown: false,
      mesos: this.table,
      kafka: new Map(),
      kafkaRefusals: new Map(),
      artifacts,
      newUuid: this.newUuid,
    });
    for (const { action } of this.lastPlan.steps) this.perform(action);
    return this.lastPlan;
  }

  /** Lets time pass second by second, with a pass after each. */
  run(seconds: number): void {
    for (let i = 0; i < seconds; i += 1) {
      this.world.pass(1_000);
      this.pass();
    }
  }

  private fold(event: Parameters<typeof toEvent>[0]): void {
    const { nowMs } = this.world;
    const translated = toEvent(event, this.settings.role, nowMs);
    if (translated === undefined) return;
    this.table = foldMesosEvent(this.table, translated, () => true, nowMs);
    if (translated.kind === 'update') {
      for (const record of this.memory.brokers.values()) {
        this.write(foldUpdate(record, translated.update, makeBroker(record.id), nowMs));
      }
      const { taskId, agentId, uuid } = translated.update;
      if (agentId !== undefined && uuid !== undefined) {
        this.send({ kind: 'acknowledge', taskId, agentId, uuid });
      }
    }
  }

  private perform(action: Action): void {
    if (action.kind === 'bind-cluster' || action.kind === 'record-cluster') {
      this.memory = { ...this.memory, cluster: action.record as NonNullable<ClusterMemory['cluster']> };
    }
    if (action.kind === 'broker') this.write(action.record);
    const call = action.kind === 'mesos' || action.kind === 'broker' ? action.call : undefined;
    if (call !== undefined) this.send(call);
  }

  private send(call: MesosCall): void {
    if (call.kind !== 'acknowledge') this.sent.push(call);
    this.table = foldSent(this.table, call, this.world.nowMs);
    this.world.call(toCall(this.onTheWay(call), this.settings));
  }
}
