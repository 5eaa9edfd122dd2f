/** Random histories: whatever happens, the books balance, streams are respected, and all can end well. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Output } from '../../../src/local/model/io.ts';
import { offeredResources, usedResources } from '../../../src/local/model/offers.ts';
import { add, allocated, contains } from '../../../src/local/model/resources.ts';
import type { State } from '../../../src/local/model/state.ts';
import { nextWakeMs, serialize, step } from '../../../src/local/model/step.ts';
import { parseTables } from '../../../src/local/model/tables.ts';
import type { Resource, TaskStatus } from '../../../src/mesos/types.ts';
import { agentConfig, scalar, statuses, type Untimed, World } from './world.ts';

const agents = ['agent-1', 'agent-2', 'agent-3'];
const frameworkId = { value: 'm-0000' };

/** A cluster with a simple client, runner and executor, driven by numbers. */
class History {
  readonly world = new World(...agents);
  readonly #containers = new Map<string, { agentName: string; executorId: string | undefined }>();
  readonly #open = new Set<string>();
  /**
   * The tasks that each container was given, and by which streams they come. An executor that claims a task which
   * never reached its agent makes Mesos count the task's volume as used before the agent has it.
   */
  readonly #given = new Map<string, string[]>();
  readonly #streams = new Map<string, string[]>();
  #unacknowledged: TaskStatus[] = [];
  #stream = 0;
  #executorStream = 0;
  #task = 0;
  #inputs = 0;
  #master = 0;

  constructor() {
    this.resubscribe();
  }

  /** One thing happens: `what` chooses the kind, `which` the object of it. */
  act(what: number, which: number): void {
    const agentName = agents[which % agents.length] ?? 'agent-1';
    const choices: (() => void)[] = [
      () => this.launch(which, false),
      () => this.launch(which, true),
      () => this.launch(which, false),
      () => this.decline(which),
      () => this.acknowledgeAll(),
      () => this.kill(which),
      () => this.pass(which * 700),
      () => this.pass(which * 40),
      () => this.run(which),
      () => this.run(which),
      () => this.exit(which),
      () => this.resubscribe(),
      () => this.do({ kind: 'stream-closed', streamId: `s${this.#stream}` }),
      () => this.do({ kind: 'agent-stopped', agentName, executors: which % 2 === 0 ? 'running' : 'gone' }),
      () => this.do({ kind: 'agent-started', agent: agentConfig(agentName) }),
      () => this.do({ kind: 'agent-started', agent: agentConfig(agentName), wiped: which % 5 === 0 }),
      () => this.do({ kind: 'agent-partitioned', agentName }),
      () => this.do({ kind: 'agent-healed', agentName }),
      () => this.call({ type: 'REVIVE' }),
      () => this.call({ type: 'RECONCILE', reconcile: {} }),
      () => this.operate('DRAIN_AGENT', which, { mark_gone: which % 11 === 0 }),
      () => this.operate('DEACTIVATE_AGENT', which),
      () => this.operate('REACTIVATE_AGENT', which),
      () => this.schedule(which % 4 === 0 ? [] : [agentName]),
      () => this.maintain('START_MAINTENANCE', agentName),
      () => this.maintain('STOP_MAINTENANCE', agentName),
      () => this.answerInverseOffers(which),
      () => this.restartMaster(which),
      () => this.pass(80_000),
      // The usual more often than the unusual.
      ...Array.from({ length: 3 }, () => () => this.launch(which, which % 3 === 0)),
      ...Array.from({ length: 3 }, () => () => this.run(which)),
      ...Array.from({ length: 2 }, () => () => this.acknowledgeAll()),
    ];
    choices[what % choices.length]?.();
  }

  do(input: Untimed): void {
    this.#inputs += 1;
    const copy = this.#inputs % 8 === 0 ? (parseTables(serialize(this.world.state)) as State) : undefined;
    const outputs = this.world.do(input);
    if (copy !== undefined) this.#repeat(copy, input, outputs);
    this.#note(input, outputs);
    this.check();
  }

  /** The same input on a copy that went through JSON does the same. */
  #repeat(copy: State, input: Untimed, outputs: readonly Output[]): void {
    const again = step(copy, { ...input, nowMs: this.world.nowMs } as never);
    assert.is(JSON.stringify(again.outputs), JSON.stringify(outputs));
    assert.is(serialize(again.state), serialize(this.world.state));
  }

  call(body: Record<string, unknown>): void {
    const call = { framework_id: frameworkId, ...body };
    this.do({ kind: 'call', streamId: `s${this.#stream}`, call });
  }

  operate(type: string, which: number, more: Record<string, unknown> = {}): void {
    const { agents, recoveredAgents, unreachableAgents } = this.world.state;
    const ids = Object.keys({ ...agents, ...recoveredAgents, ...unreachableAgents });
    const agent_id = { value: ids[which % Math.max(1, ids.length)] ?? 'nobody' };
    const call = { type, [type.toLowerCase()]: { agent_id, ...more } };
    this.do({ kind: 'operator-call', call: call as never });
  }

  restartMaster(which: number): void {
    this.#master += 1;
    const masterId = `m${this.#master}`;
    this.do({ kind: 'master-restarted', masterId, agentsReturnAfterMs: (which % 4) * 1_500 });
    // A client comes back; not always at once.
    if (which % 3 > 0) this.resubscribe();
  }

  schedule(hostnames: readonly string[]): void {
    const machine_ids = hostnames.map((hostname) => ({ hostname, ip: '127.0.0.1' }));
    const start = { nanoseconds: (this.world.nowMs + 60_000) * 1e6 };
    const windows = hostnames.length === 0 ? [] : [{ machine_ids, unavailability: { start } }];
    const call = {
      type: 'UPDATE_MAINTENANCE_SCHEDULE',
      update_maintenance_schedule: { schedule: { windows } },
    };
    this.do({ kind: 'operator-call', call: call as never });
  }

  maintain(type: 'START_MAINTENANCE' | 'STOP_MAINTENANCE', hostname: string): void {
    const call = { type, [type.toLowerCase()]: { machines: [{ hostname, ip: '127.0.0.1' }] } };
    this.do({ kind: 'operator-call', call: call as never });
  }

  answerInverseOffers(which: number): void {
    const type = which % 2 === 0 ? 'ACCEPT_INVERSE_OFFERS' : 'DECLINE_INVERSE_OFFERS';
    const inverse_offer_ids = Object.keys(this.world.state.inverseOffers).map((value) => ({ value }));
    this.call({ type, [type.toLowerCase()]: { inverse_offer_ids, filters: { refuse_seconds: which % 3 } } });
  }

  pass(durationMs: number): void {
    const untilMs = this.world.nowMs + durationMs;
    for (let wakeMs = nextWakeMs(this.world.state); wakeMs <= untilMs; ) {
      this.world.nowMs = Math.max(this.world.nowMs, wakeMs);
      this.do({ kind: 'tick' });
      const next = nextWakeMs(this.world.state);
      assert.ok(next > this.world.nowMs, 'a tick leaves nothing due');
      wakeMs = next;
    }
    this.world.nowMs = untilMs;
  }

  resubscribe(): void {
    this.#stream += 1;
    const streamId = `s${this.#stream}`;
    this.#open.add(streamId);
    const id = this.#stream === 1 ? undefined : 'm-0000';
    const outputs = this.world.subscribe(streamId, id);
    this.#note(undefined, outputs);
    this.check();
  }

  launch(which: number, withExecutor: boolean): void {
    const open = Object.values(this.world.state.offers);
    const offer = open[which % Math.max(1, open.length)];
    if (offer === undefined) return;
    this.#task += 1;
    const reservations = [{ type: 'DYNAMIC' as const, role: 'kafka', principal: 'kafka' }];
    const disk = scalar('disk', 10 + (which % 3), { reservations });
    const persistence = { id: `v${this.#task}`, principal: 'kafka' };
    const volume: Resource = {
      ...disk,
      disk: { persistence, volume: { container_path: 'data', mode: 'RW' } },
    };
    const task = {
      name: 't',
      task_id: { value: `t${this.#task}` },
      agent_id: offer.offer.agent_id,
      resources: [scalar('cpus', 0.1 * (1 + (which % 9))), scalar('mem', 64), volume],
    };
    const executor = {
      executor_id: { value: `e${which % 2}` },
      command: { value: 'x' },
      resources: [scalar('cpus', 0.1)],
    };
    this.call({
      type: 'ACCEPT',
      accept: {
        offer_ids: [offer.offer.id],
        filters: { refuse_seconds: which % 3 },
        operations: [
          { type: 'RESERVE', reserve: { resources: [disk] } },
          { type: 'CREATE', create: { volumes: [volume] } },
          {
            type: 'LAUNCH',
            launch: {
              task_infos: [withExecutor ? { ...task, executor } : { ...task, command: { value: 'x' } }],
            },
          },
        ],
      },
    });
  }

  decline(which: number): void {
    const [id] = Object.keys(this.world.state.offers);
    if (id === undefined) return;
    const filters = { refuse_seconds: which };
    this.call({ type: 'DECLINE', decline: { offer_ids: [{ value: id }], filters } });
  }

  acknowledgeAll(): void {
    const waiting = this.#unacknowledged;
    this.#unacknowledged = [];
    for (const { agent_id, task_id, uuid } of waiting) {
      this.call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } });
    }
  }

  kill(which: number): void {
    const ids = Object.keys(this.world.state.frameworks['m-0000']?.tasks ?? {});
    const id = ids[which % Math.max(1, ids.length)];
    if (id !== undefined) this.call({ type: 'KILL', kill: { task_id: { value: id } } });
  }

  /** A container's process comes up; a custom executor subscribes and reports a task it was given, or an unknown one. */
  run(which: number): void {
    const entries = [...this.#containers];
    const [containerId, facts] = entries[which % Math.max(1, entries.length)] ?? [];
    if (containerId === undefined || facts === undefined) return;
    const { agentName, executorId } = facts;
    this.do({ kind: 'container-started', agentName, containerId, pid: 1 });
    if (executorId === undefined) return;
    const executor_id = { value: executorId };
    this.#executorStream += 1;
    const streamId = `x${this.#executorStream}`;
    const given = this.#given.get(containerId) ?? [];
    this.#given.set(containerId, given);
    this.#streams.set(streamId, given);
    this.#open.add(streamId);
    const base = { executor_id, framework_id: frameworkId };
    this.do({
      kind: 'executor-subscribe',
      agentName,
      streamId,
      call: { ...base, type: 'SUBSCRIBE', subscribe: {} },
    });
    const status = {
      task_id: { value: ['t0', ...given][which % (given.length + 1)] ?? 't0' },
      state: which % 4 < 2 ? ('TASK_RUNNING' as const) : ('TASK_FINISHED' as const),
      source: 'SOURCE_EXECUTOR' as const,
      uuid: Buffer.from(`${containerId}${this.world.outputs.length}`.slice(-16).padStart(16, '0')).toString(
        'base64',
      ),
    };
    this.do({ kind: 'executor-call', agentName, call: { ...base, type: 'UPDATE', update: { status } } });
  }

  exit(which: number): void {
    const entries = [...this.#containers];
    const [containerId, facts] = entries[which % Math.max(1, entries.length)] ?? [];
    if (containerId === undefined || facts === undefined) return;
    this.#containers.delete(containerId);
    const waitStatus = which % 3 === 0 ? 0 : 256;
    this.do({ kind: 'container-exited', agentName: facts.agentName, containerId, waitStatus });
  }

  #note(input: Untimed | undefined, outputs: readonly Output[]): void {
    if (input?.kind === 'stream-closed') this.#open.delete(input.streamId);
    for (const output of outputs) {
      if (output.kind === 'executor-event' && output.event.type === 'LAUNCH') {
        this.#streams.get(output.streamId)?.push(output.event.launch.task.task_id.value);
      }
      switch (output.kind) {
        case 'event':
        case 'executor-event':
          assert.ok(this.#open.has(output.streamId), `${output.kind} for closed stream ${output.streamId}`);
          break;
        case 'close-stream':
        case 'close-executor-stream':
          this.#open.delete(output.streamId);
          break;
        case 'start-container':
          this.#containers.set(output.containerId, {
            agentName: output.agentName,
            executorId: output.role === 'executor' ? output.executorId : undefined,
          });
          break;
        default:
          break;
      }
    }
    for (const output of outputs) {
      if (output.kind !== 'signal-container' && output.kind !== 'destroy-container') continue;
      const { agentName, containerId } = output;
      this.#containers.delete(containerId);
      this.do({ kind: 'container-exited', agentName, containerId, waitStatus: 15 });
    }
    this.#unacknowledged.push(...statuses(outputs).filter((status) => status.uuid !== undefined));
  }

  /** What is used and offered fits into what there is, on each agent. */
  check(): void {
    const { state } = this.world;
    for (const agent of Object.values(state.agents)) {
      const taken = add(usedResources(state, agent), offeredResources(state, agent.id));
      assert.ok(contains(agent.total, allocated(taken, undefined)), `more than all of ${agent.id} is taken`);
    }
  }

  /** Everything is healed, killed and acknowledged. */
  settle(): void {
    const { state } = this.world;
    for (const name of agents) this.maintain('STOP_MAINTENANCE', name);
    this.schedule([]);
    for (const name of agents) {
      const wiped = state.goneAgents[state.processes[name]?.agentId ?? ''] !== undefined;
      this.do({ kind: 'agent-started', agent: agentConfig(name), wiped });
    }
    this.resubscribe();
    this.pass(5_000);
    for (let round = 0; round < 12; round += 1) {
      for (let index = 0; index < 40; index += 1) this.kill(index);
      while (this.#containers.size > 0) this.exit(0);
      this.acknowledgeAll();
      this.pass(3_000);
      this.acknowledgeAll();
      for (const index of agents.keys()) this.operate('REACTIVATE_AGENT', index);
      this.call({ type: 'REVIVE' });
    }
  }
}

/** Long ones, in which much happens: short histories launch little. */
const histories = fc.array(fc.tuple(fc.nat({ max: 36 }), fc.nat({ max: 60 })), {
  minLength: 30,
  maxLength: 90,
  size: 'max',
});

test('the books balance in any history, a copy does the same, nothing is sent to a closed stream', () => {
  fc.assert(
    fc.property(histories, (actions) => {
      const history = new History();
      for (const [what, which] of actions) history.act(what, which);
    }),
    { numRuns: 20, endOnFailure: true },
  );
});

test('the histories are worth it: everything a task can go through happens', () => {
  const states = [
    'STARTING',
    'RUNNING',
    'KILLING',
    'KILLED',
    'FINISHED',
    'FAILED',
    'LOST',
    'DROPPED',
    'UNREACHABLE',
    'GONE_BY_OPERATOR',
  ];
  const wanted = [
    ...states.map((state) => `TASK_${state}`),
    'destroy-container',
    'signal-container',
    'close-executor-stream',
    'stop-agent',
    'INVERSE_OFFERS',
    'RESCIND_INVERSE_OFFER',
  ];
  const seen = new Set<string>();
  const missing = (): readonly string[] => wanted.filter((one) => !seen.has(one));
  for (const actions of fc.sample(histories, { numRuns: 30, seed: 1 })) {
    if (missing().length === 0) return;
    const history = new History();
    for (const [what, which] of actions) history.act(what, which);
    history.settle();
    for (const output of history.world.outputs) {
      seen.add(output.kind === 'event' ? output.event.type : output.kind);
    }
    for (const status of statuses(history.world.outputs)) seen.add(status.state);
  }
  assert.equal(missing(), []);
});

test('after any history all can be healed: no task is left, all is offered', () => {
  fc.assert(
    fc.property(histories, (actions) => {
      const history = new History();
      for (const [what, which] of actions) history.act(what, which);
      history.settle();
      const { state } = history.world;
      assert.equal(Object.keys(state.frameworks['m-0000']?.tasks ?? {}), []);
      for (const agent of Object.values(state.agents)) {
        const offered = allocated(offeredResources(state, agent.id), undefined);
        assert.ok(contains(offered, agent.total), `not all of ${agent.id} is offered`);
      }
      for (const process of Object.values(state.processes)) assert.equal(Object.keys(process.executors), []);
    }),
    { numRuns: 12, endOnFailure: true },
  );
});

test.run();
