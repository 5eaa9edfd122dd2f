/** Why a broker does not run, or that it does: one sentence first, then what it waits for. Pure. */
import type { BrokerStatus, ClusterStatus, HeldSummary, IntentStatus, SeenOffer } from './status.ts';

export type Explanation = {
  /** `Broker 3 does not run: it waits for agent-2, where its data is.` */
  readonly answer: string;
  /** What has to come about first; `since` of the wait itself, not of the broker's end. */
  readonly wait?: {
    readonly sinceMs?: number;
    readonly untilMs?: number;
    readonly remedy?: string;
    readonly stalled: boolean;
  };
  /** Newest first: what agents offered lately for it, and why that did not do. */
  readonly offers: readonly SeenOffer[];
  /** Agents that we know and that offered nothing lately. */
  readonly silentAgents: readonly string[];
  /** What else of it is held. */
  readonly others: readonly HeldSummary[];
};

/** Undefined for an id that neither the spec nor anything held knows. `time` writes a time of day. */
export function explainBroker(
  cluster: ClusterStatus,
  id: number,
  time: (atMs: number) => string,
): Explanation | undefined {
  const broker = cluster.brokers.find((one) => one.id === id);
  const held = cluster.held.filter((one) => one.brokerId === id && one.reason !== 'task-in-progress');
  const main =
    held.find((one) => one.message === broker?.waiting?.why) ?? (broker === undefined ? held[0] : undefined);
  const waiting = broker?.waiting ?? main;
  if (broker === undefined && main === undefined) return undefined;
  const answer =
    broker === undefined
      ? `Broker ${id} is no more in the spec, and still there: ${main?.message}.`
      : oneStop(answerOf(cluster, broker, time));
  const sinceMs = main?.sinceMs;
  return {
    answer,
    ...(waiting === undefined
      ? {}
      : {
          wait: {
            ...(sinceMs === undefined ? {} : { sinceMs }),
            ...(waiting.untilMs === undefined ? {} : { untilMs: waiting.untilMs }),
            ...(waiting.remedy === undefined ? {} : { remedy: waiting.remedy }),
            stalled: waiting.stalled,
          },
        }),
    offers: held.flatMap((one) => one.offers ?? []),
    silentAgents: held.flatMap((one) => one.silentAgents ?? []),
    others: held.filter((one) => one !== main),
  };
}

/** What is quoted in it may be sentences of its own, and end as one. */
function oneStop(text: string): string {
  return text.replace(/\.\.$/, '.');
}

function answerOf(cluster: ClusterStatus, broker: BrokerStatus, time: (atMs: number) => string): string {
  const { id, state, agent, waiting, lastEnd, intent } = broker;
  const on = agent === undefined ? '' : ` on ${agent}`;
  const but = waiting === undefined ? '' : `: ${waiting.why}`;
  const since = broker.startedAtMs === undefined ? '' : ` since ${time(broker.startedAtMs)}`;
  switch (state) {
    case 'running':
      return runningAnswer(broker, since);
    case 'launching':
      return `Broker ${id} is being launched${on}${since}; its agent has not said anything of it yet.`;
    case 'starting':
      return `Broker ${id} is starting${on}${since}: ${doing(broker)}${isRetry(broker) ? `; it ended before at ${time(broker.lastEnd.atMs)} (${broker.lastEnd.state}): ${broker.lastEnd.why}` : ''}.`;
    case 'stopping':
      return `Broker ${id} is being stopped${on}${because(orderOf(cluster, id))}.`;
    case 'stopped':
      return `Broker ${id} is kept stopped: ${whyStopped(cluster, intent, time)}.`;
    case 'unreachable':
      return `Whether broker ${id} runs is not known${but === '' ? `: ${agent ?? 'its agent'} is unreachable` : but}.`;
    case 'failed': {
      const ended =
        lastEnd === undefined
          ? undefined
          : `it ended at ${time(lastEnd.atMs)} (${lastEnd.state}): ${lastEnd.why}`;
      const next = waiting?.why.includes(lastEnd?.why ?? '\n') === true ? undefined : waiting?.why;
      return `Broker ${id} does not run: ${[ended, next].filter(Boolean).join('; ') || 'how it ended is not known'}.`;
    }
    case 'waiting': {
      const isNew = lastEnd === undefined && agent === undefined;
      const why = waiting?.why ?? 'it is to be started in a moment';
      return `Broker ${id} ${isNew ? 'has never run' : 'does not run'}: ${isIntent(intent) ? `${asked(intent, time)}; ` : ''}${why}.`;
    }
    case 'unknown':
      return `What became of broker ${id}${on} is not known; Mesos is asked${but}.`;
  }
}

function runningAnswer(broker: BrokerStatus, since: string): string {
  const { id, agent, waiting, drift, inSync, endpoint } = broker;
  const runs = `Broker ${id} runs${agent === undefined ? '' : ` on ${agent}`}`;
  const replicas =
    inSync === undefined || inSync.total === 0
      ? ''
      : `; ${inSync.inSync === inSync.total ? 'all' : inSync.inSync} of its ${inSync.total} replicas are in sync`;
  if (drift.length > 0) {
    const more = drift.length > 1 ? ` and ${drift.length - 1} more` : '';
    return `${runs}, and is to be restarted for ${drift[0]}${more}${waiting === undefined ? '' : `, once it may: ${waiting.why}`}.`;
  }
  if (waiting !== undefined) return `${runs}${since}, but: ${waiting.why}${replicas}.`;
  return `${runs}${since}${endpoint === undefined ? '' : ` and serves at ${endpoint}`}${replicas}.`;
}

/** What it ended of before is why it starts now. */
function isRetry(
  broker: BrokerStatus,
): broker is BrokerStatus & { readonly lastEnd: NonNullable<BrokerStatus['lastEnd']> } {
  return broker.failures > 0 && broker.lastEnd !== undefined && broker.lastEnd.ordered !== true;
}

function doing({ phase, progress, waiting }: BrokerStatus): string {
  const share =
    progress === undefined || progress.totalBytes <= 0
      ? ''
      : ` (${Math.floor((progress.doneBytes / progress.totalBytes) * 100)} %)`;
  const step = phase === 'starting' ? 'Kafka is coming up' : (phase ?? 'its executor is coming up');
  const what = `${progress?.label ?? step}${share}`;
  return waiting === undefined ? what : `${what}, ${waiting.why}`;
}

/** Why its stop was ordered, as the step that did so said. */
function orderOf({ steps, events }: ClusterStatus, id: number): string | undefined {
  const step = steps.find((one) => one.brokerId === id && one.mark !== '+');
  if (step !== undefined) return step.why.join('; ') || step.what;
  const event = events.findLast((one) => one.brokerId === id && /^(restart|stop|remove)/.test(one.message));
  return event === undefined ? undefined : (event.why ?? event.message);
}

function whyStopped(
  { deletion }: ClusterStatus,
  intent: IntentStatus | undefined,
  time: (atMs: number) => string,
): string {
  if (deletion !== undefined) {
    return deletion === 'destroy' ? 'its cluster is being destroyed' : 'its cluster was removed, data kept';
  }
  return isIntent(intent) ? asked(intent, time) : 'the spec says state: stopped';
}

const askedWords: Readonly<Record<IntentStatus['kind'], string>> = {
  stop: 'stopped',
  pause: 'left alone',
  restart: 'restarted',
  replace: 'replaced',
};

function asked({ kind, author, reason, expiresAtMs }: IntentStatus, time: (atMs: number) => string): string {
  const until = expiresAtMs === undefined ? '' : ` until ${time(expiresAtMs)}`;
  return `${author} asked for it to be ${askedWords[kind]}${until}${reason === undefined ? '' : ` (${reason})`}`;
}

const isIntent = (intent: IntentStatus | undefined): intent is IntentStatus => intent !== undefined;
const because = (why: string | undefined): string => (why === undefined ? '' : `: ${why}`);
