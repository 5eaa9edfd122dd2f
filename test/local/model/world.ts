/** A master with agents under virtual time, for tests: inputs go in with `at`, outputs come back. */
import type { Input, Output, Reply } from '../../../src/local/model/io.ts';
import type { AgentConfig, State } from '../../../src/local/model/state.ts';
import { defaultSettings, initialState, nextWakeMs, step } from '../../../src/local/model/step.ts';
import type { Offer, Resource, SchedulerEvent, TaskInfo, TaskStatus } from '../../../src/mesos/types.ts';

type WithoutTime<T> = T extends unknown ? Omit<T, 'nowMs'> : never;
export type Untimed = WithoutTime<Input>;

export const startMs = 1_700_000_000_000;

export function agentConfig(name: string, cpus = 4): AgentConfig {
  const number = Number(name.split('-')[1]);
  return {
    name,
    hostname: name,
    ip: '127.0.0.1',
    port: 5050 + number,
    resources: [
      scalar('cpus', cpus),
      scalar('mem', 8192),
      scalar('disk', 10_000),
      { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 31_099 }] } },
    ],
    attributes: [{ name: 'rack', type: 'TEXT', text: { value: `r${number}` } }],
  };
}

export function scalar(name: string, value: number, extra: Partial<Resource> = {}): Resource {
  return { name, type: 'SCALAR', scalar: { value }, ...extra };
}

export class World {
  state: State;
  nowMs = startMs;
  /** Every output so far, in order. */
  readonly outputs: Output[] = [];

  constructor(...agents: string[]) {
    this.state = initialState(
      { ...defaultSettings, masterId: 'm', hostname: 'master', ip: '127.0.0.1', port: 5050 },
      startMs,
    );
    for (const name of agents) this.do({ kind: 'agent-started', agent: agentConfig(name) });
  }

  do(input: Untimed): Output[] {
    const made = [...step(this.state, { ...input, nowMs: this.nowMs } as Input).outputs];
    this.outputs.push(...made);
    return made;
  }

  /** Lets time pass, with every tick when it is due. Returns what happened meanwhile. */
  pass(durationMs: number): Output[] {
    const before = this.outputs.length;
    const untilMs = this.nowMs + durationMs;
    for (let wakeMs = nextWakeMs(this.state); wakeMs <= untilMs; wakeMs = nextWakeMs(this.state)) {
      this.nowMs = Math.max(this.nowMs, wakeMs);
      this.do({ kind: 'tick' });
    }
    this.nowMs = untilMs;
    return this.outputs.slice(before);
  }

  subscribe(streamId = 's1', frameworkId?: string, failoverSeconds = 3600): Output[] {
    const id = frameworkId === undefined ? {} : { id: { value: frameworkId } };
    return this.do({
      kind: 'subscribe',
      streamId,
      call: {
        type: 'SUBSCRIBE',
        ...(frameworkId === undefined ? {} : { framework_id: { value: frameworkId } }),
        subscribe: {
          framework_info: {
            user: 'root',
            name: 'f',
            roles: ['kafka'],
            principal: 'kafka',
            checkpoint: true,
            failover_timeout: failoverSeconds,
            capabilities: [
              { type: 'MULTI_ROLE' },
              { type: 'PARTITION_AWARE' },
              { type: 'TASK_KILLING_STATE' },
              { type: 'RESERVATION_REFINEMENT' },
            ],
            ...id,
          },
        },
      },
    });
  }

  call(body: Record<string, unknown>, streamId = 's1', frameworkId = 'm-0000'): Output[] {
    const call = { framework_id: { value: frameworkId }, ...body };
    return this.do({ kind: 'call', streamId, call });
  }

  launch(offer: Offer, ...tasks: Partial<TaskInfo>[]): Output[] {
    const infos = tasks.map((task) => ({
      name: 't',
      agent_id: offer.agent_id,
      resources: [scalar('cpus', 1), scalar('mem', 128)],
      ...task,
    }));
    return this.call({
      type: 'ACCEPT',
      accept: {
        offer_ids: [offer.id],
        operations: [{ type: 'LAUNCH', launch: { task_infos: infos } }],
        filters: { refuse_seconds: 0 },
      },
    });
  }

  acknowledge(status: TaskStatus, streamId = 's1'): Output[] {
    const { agent_id, task_id, uuid } = status;
    return this.call({ type: 'ACKNOWLEDGE', acknowledge: { agent_id, task_id, uuid } }, streamId);
  }

  /** Reports the started container of the outputs as running, or does nothing. */
  start(outputs: readonly Output[], pid = 7): Output[] {
    return outputs.flatMap((output) =>
      output.kind === 'start-container'
        ? this.do({
            kind: 'container-started',
            agentName: output.agentName,
            containerId: output.containerId,
            pid,
          })
        : [],
    );
  }
}

export function events(outputs: readonly Output[]): SchedulerEvent[] {
  return outputs.flatMap((output) => (output.kind === 'event' ? [output.event] : []));
}

export function offers(outputs: readonly Output[]): Offer[] {
  return events(outputs).flatMap((event) => (event.type === 'OFFERS' ? (event.offers.offers ?? []) : []));
}

export function statuses(outputs: readonly Output[]): TaskStatus[] {
  return events(outputs).flatMap((event) => (event.type === 'UPDATE' ? [event.update.status] : []));
}

export function replyOf(outputs: readonly Output[]): Reply | undefined {
  return outputs.find((output) => output.kind === 'reply');
}

/** For a value a test cannot go on without. */
export function the<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test expected something here');
  return value;
}
