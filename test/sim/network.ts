/**
 * The way between one scheduler process and the master: a stream of events, and calls one after the other
 * on a connection of their own. As `mesos/client.ts` over HTTP: nothing is sent twice by itself, a call
 * without an answer ends the subscription, and another scheduler's subscription ends it for good.
 */
import {
  decodeSchedulerCall,
  decodeSchedulerEvent,
  encodeSchedulerCall,
  encodeSchedulerEvent,
} from '../../src/mesos/codec.ts';
import { toEvent } from '../../src/mesos/from-wire.ts';
import { toCall, toSubscribe } from '../../src/mesos/to-wire.ts';
import type { SchedulerCall, SchedulerEvent } from '../../src/mesos/types.ts';
import { ConflictError, ProtocolError, UnavailableError } from '../../src/model/errors.ts';
import type { FrameworkSettings, MesosCall, MesosEvent, MesosPort } from '../../src/model/mesos.ts';
import type { Clock } from '../../src/sys/clock.ts';
import type { Faults } from './faults.ts';
import type { Answer, MesosCluster } from './mesos-cluster.ts';
import type { Dice } from './randomness.ts';
import type { SchedulerProcess } from './scheduler-process.ts';

export type MesosClientModel = {
  readonly port: MesosPort;
  start(): void;
  /** The connection breaks. */
  breakOff(): void;
  /** The process is gone: its peer learns of it now. */
  close(): void;
};

/** What the checkers are told; each is called at the moment at which it happens in the world. */
export type NetworkWatch = {
  /** A SUBSCRIBE reaches the master. */
  subscribing(process: SchedulerProcess): void;
  /** The master takes a call, or refuses it. */
  called(call: MesosCall, answer: Answer, process: SchedulerProcess): void;
  /** Just before the master sees a call. */
  arriving(call: MesosCall, process: SchedulerProcess): void;
  swallowed(call: MesosCall): void;
  /** It was sent on a subscription that another one has followed. */
  overtaken(call: MesosCall): void;
  delivered(event: MesosEvent, process: SchedulerProcess): void;
};

/** Subscriptions over all processes and time: each has an id of its own. */
export type Switchboard = { nextStreamId(): string; isMasterUp(): boolean };

/** A call that its sender gave up arrives after that long, on a subscription of the past. */
const lostForMs = 2_000;

export function createMesosClientModel(deps: {
  readonly clock: Clock;
  readonly dice: Dice;
  readonly faults: Faults;
  readonly cluster: MesosCluster;
  readonly process: SchedulerProcess;
  readonly nowMs: () => number;
  readonly framework: FrameworkSettings;
  readonly frameworkId: () => string | undefined;
  /** Throws where nothing may be sent any more: asked when it is sent, not when it was decided. */
  readonly requireLease: () => void;
  readonly switchboard: Switchboard;
  readonly crash: () => void;
  readonly onEvent: (event: MesosEvent) => void;
  readonly watch: NetworkWatch;
  readonly note: (line: string) => void;
}): MesosClientModel {
  const { clock, dice, faults, cluster, process, framework, switchboard, watch, note } = deps;
  const forever = new Promise<never>(() => {});
  /** The subscription in use: set at the SUBSCRIBED event, as the client does. */
  let subscribed: string | undefined;
  let opened: string | undefined;
  let isOver = false;
  let failures = 0;
  let queue: Promise<void> = Promise.resolve();

  function subscribe(): void {
    if (process.isDead() || isOver) return;
    try {
      deps.requireLease();
    } catch {
      process.after(dice.between(250, 500), subscribe);
      return;
    }
    const streamId = switchboard.nextStreamId();
    opened = streamId;
    const info = toSubscribe(framework, deps.frameworkId());
    const call: SchedulerCall = {
      type: 'SUBSCRIBE',
      ...(info.framework_info.id === undefined ? {} : { framework_id: info.framework_info.id }),
      subscribe: info,
    };
    const decoded = decodeSchedulerCall(encodeSchedulerCall(call));
    clock.setTimer(dice.between(1, 20), () => {
      if (!switchboard.isMasterUp()) {
        process.after(dice.between(1, 20), () => disconnect(streamId));
        return;
      }
      cluster.openStream(streamId, {
        event: (event) => receive(streamId, event),
        closed: () => end(streamId),
      });
      watch.subscribing(process);
      cluster.feed({ kind: 'subscribe', streamId, call: decoded });
      // It died, or gave up, while this was on its way.
      if (process.isDead() || opened !== streamId) closeAtMaster(streamId);
    });
  }

  let lastMs = 0;
  const inFlight: { event: SchedulerEvent; streamId: string }[] = [];
  function receive(streamId: string, event: SchedulerEvent): void {
    const decoded = decodeSchedulerEvent(encodeSchedulerEvent(event));
    // What comes from an agent may be lost on its way to the master; the master's own words come with the stream.
    const isUpdate =
      decoded.type === 'UPDATE' ||
      (decoded.type === 'UPDATE_OPERATION_STATUS' &&
        decoded.update_operation_status.status.uuid !== undefined);
    if (isUpdate && faults.strikes('update lost')) {
      const of = decoded.type === 'UPDATE' ? decoded.update.status : decoded.update_operation_status.status;
      note(`lost update ${decoded.type === 'UPDATE' ? decoded.update.status.task_id.value : ''} ${of.state}`);
      return;
    }
    const times = isUpdate && faults.strikes('update repeated') ? 2 : 1;
    // One stream is in order: each event comes no earlier than the one before it.
    lastMs = Math.max(lastMs, clock.nowMs() + dice.between(1, 21));
    for (let i = 0; i < times; i += 1) {
      inFlight.push({ event: decoded, streamId });
      process.after(lastMs - clock.nowMs(), next);
    }
    if (decoded.type === 'RESCIND' && faults.strikes('rescind overtakes its offer')) overtake();
  }
  /** An event that the master sent later is put before the OFFERS that it is about. */
  function overtake(): void {
    const rescind = inFlight.at(-1);
    if (rescind === undefined) return;
    inFlight.pop();
    inFlight.unshift(rescind);
  }
  function next(): void {
    const first = inFlight.shift();
    if (first === undefined || first.streamId !== opened || isOver) return;
    deliver(first.streamId, first.event);
  }
  function deliver(streamId: string, event: SchedulerEvent): void {
    if (event.type === 'SUBSCRIBED') {
      subscribed = streamId;
      failures = 0;
    }
    const translated = toEvent(event, framework.role, deps.nowMs());
    if (translated !== undefined) {
      noteEvent(translated);
      watch.delivered(translated, process);
      deps.onEvent(translated);
    }
    if (event.type !== 'ERROR') return;
    if (event.error.message === 'Framework failed over') finish({ kind: 'failed-over' });
    else if (event.error.message === 'Framework has been removed') {
      finish({ kind: 'framework-removed', message: 'it was torn down' });
    } else disconnect(streamId);
  }
  function noteEvent(event: MesosEvent): void {
    if (event.kind === 'update') {
      note(`update ${event.update.taskId} ${event.update.state} ${event.update.reason ?? ''}`);
    } else if (event.kind === 'operation') {
      note(`operation ${event.update.operationId} ${event.update.state} ${event.update.message ?? ''}`);
    } else {
      note(`event ${event.kind}`);
    }
  }

  function finish(event: MesosEvent): void {
    isOver = true;
    subscribed = undefined;
    if (opened !== undefined) closeAtMaster(opened);
    watch.delivered(event, process);
    deps.onEvent(event);
  }
  function closeAtMaster(streamId: string): void {
    clock.setTimer(dice.between(1, 10), () => cluster.feed({ kind: 'stream-closed', streamId }));
  }
  /** The master closed it; what it had sent before still comes. */
  function end(streamId: string): void {
    lastMs = Math.max(lastMs, clock.nowMs() + dice.between(1, 21));
    process.after(lastMs - clock.nowMs() + 1, () => disconnect(streamId));
  }
  function disconnect(streamId: string): void {
    if (opened !== streamId || isOver) return;
    closeAtMaster(streamId);
    opened = undefined;
    subscribed = undefined;
    inFlight.length = 0;
    failures += 1;
    note(`disconnected ${streamId}`);
    watch.delivered({ kind: 'disconnected' }, process);
    deps.onEvent({ kind: 'disconnected' });
    const ceilingMs = Math.min(15_000, 500 * 2 ** (failures - 1));
    process.after(Math.round(ceilingMs * (0.5 + dice.next() / 2)), subscribe);
  }

  async function send(call: MesosCall): Promise<void> {
    if (process.isDead()) return await forever;
    if (faults.crashes('crash before send', call.kind)) {
      deps.crash();
      return await forever;
    }
    const mine = queue.then(() => transmit(call));
    queue = mine.catch(() => {});
    return await mine;
  }

  async function transmit(call: MesosCall): Promise<void> {
    const streamId = subscribed;
    if (isOver)
      throw new ConflictError('KM_CONFLICT_MESOS_FRAMEWORK_OVER', 'the framework is over for this scheduler');
    if (streamId === undefined)
      throw new UnavailableError('KM_UNAVAILABLE_MASTER', 'not connected', { outcome: 'not-sent' });
    deps.requireLease();
    const unanswered = (why: string): UnavailableError => {
      disconnect(streamId);
      return new UnavailableError('KM_UNAVAILABLE_MASTER', why, { outcome: 'unknown' });
    };
    note(`call ${call.kind} ${callDetail(call)}`);
    const isLost = faults.strikes('call lost');
    const body = {
      ...toCall(call, framework),
      framework_id: { value: deps.frameworkId() ?? '' },
    } as SchedulerCall;
    const bytes = encodeSchedulerCall(body);
    const onTheWayMs = faults.strikes('call delayed') ? dice.between(200, 2_500) : dice.between(1, 15);
    let answer: Answer | undefined;
    // On the wire it goes on without its sender.
    clock.setTimer(onTheWayMs, () => {
      if (!isLost) answer = arrive(call, bytes, streamId);
    });
    if (isLost) clock.setTimer(onTheWayMs + lostForMs, () => arriveLate(call, bytes, streamId));
    await process.hop(onTheWayMs + dice.between(1, 15));
    if (answer === undefined) throw unanswered('the connection broke');
    if (faults.strikes('answer lost')) throw unanswered('the answer was lost');
    refuseBy(answer, streamId);
    if (faults.crashes('crash after send', call.kind)) {
      deps.crash();
      await forever;
    }
  }

  function arrive(call: MesosCall, bytes: Uint8Array, streamId: string): Answer | undefined {
    if (!switchboard.isMasterUp()) return undefined;
    const times = faults.strikes('call repeated') ? 2 : 1;
    let answer: Answer | undefined;
    for (let i = 0; i < times; i += 1) {
      // On a stream that another subscription has ended it is refused unread.
      if (isCurrent(streamId)) watch.arriving(call, process);
      else if (isFollowed()) watch.overtaken(call);
      const answered = cluster.feed({
        kind: 'call',
        streamId,
        call: spoil(call, decodeSchedulerCall(bytes)),
      });
      answer ??= answered;
      watch.called(call, answered, process);
    }
    return answer;
  }
  /** Lost to its sender, which has subscribed anew since: the master reads nothing of it. */
  function arriveLate(call: MesosCall, bytes: Uint8Array, streamId: string): void {
    if (!switchboard.isMasterUp() || isCurrent(streamId)) return;
    if (isFollowed()) watch.overtaken(call);
    cluster.feed({ kind: 'call', streamId, call: decodeSchedulerCall(bytes) });
  }
  const isCurrent = (streamId: string): boolean =>
    Object.values(cluster.state.frameworks).some((framework) => framework.streamId === streamId);
  /** Of one that is not current: another scheduler's, or another subscription of this one, is. */
  const isFollowed = (): boolean =>
    Object.values(cluster.state.frameworks).some((framework) => framework.streamId !== undefined);
  /** What the cluster loses of a call that it took. */
  function spoil(call: MesosCall, decoded: ReturnType<typeof decodeSchedulerCall>): typeof decoded {
    const { accept } = decoded;
    if (accept === undefined || call.kind !== 'accept') return decoded;
    let operations = accept.operations ?? [];
    if (operations.some((o) => o.type === 'CREATE') && faults.strikes('create refused')) {
      operations = operations.filter((o) => o.type !== 'CREATE');
    }
    if (operations.some((o) => o.type === 'GROW_VOLUME') && faults.strikes('grow not done')) {
      operations = operations.filter((o) => o.type !== 'GROW_VOLUME');
    }
    if (operations.some((o) => o.type === 'LAUNCH') && faults.strikes('launch taken and not acted on')) {
      operations = operations.filter((o) => o.type !== 'LAUNCH');
      watch.swallowed(call);
    }
    return operations.length === accept.operations?.length
      ? decoded
      : { ...decoded, accept: { ...accept, operations } };
  }
  function refuseBy({ status, text }: Answer, streamId: string): void {
    if (status === 202 || status === 200) return;
    note(`refused ${status} ${text.slice(0, 60)}`);
    if (status === 400 && /didn't match the stream ID/.test(text)) {
      finish({ kind: 'failed-over' });
      throw new ConflictError('KM_CONFLICT_MESOS_FAILED_OVER', text);
    }
    if (status === 403 || text === 'Framework cannot be found') {
      disconnect(streamId);
      throw new ConflictError('KM_CONFLICT_MESOS_SUBSCRIPTION', text);
    }
    throw new ProtocolError('KM_PROTOCOL_MESOS_CALL_REFUSED', text);
  }

  return {
    port: { send },
    start: subscribe,
    breakOff() {
      if (opened !== undefined) disconnect(opened);
    },
    close() {
      isOver = true;
      if (opened !== undefined) closeAtMaster(opened);
    },
  };
}

export function callDetail(call: MesosCall): string {
  switch (call.kind) {
    case 'accept':
      return call.operations
        .map((o) => {
          if (o.kind === 'launch') return `launch ${o.task.taskId}`;
          return 'id' in o && o.id !== undefined ? o.id : o.kind;
        })
        .join('+');
    case 'kill':
    case 'acknowledge':
      return call.taskId;
    case 'reconcile-tasks':
      return call.tasks.map((t) => t.taskId).join(' ') || 'all';
    default:
      return '';
  }
}
