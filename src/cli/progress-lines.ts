import { type BrokerStatus, type ClusterStatus, phaseWords, type Waiting } from '../model/status.ts';
import { printable } from './format/text.ts';
import { clockTime } from './format/time.ts';

/**
 * What changed between two looks at a cluster, a line each, for output without a terminal:
 * `12:00:03 broker 1: starting on agent-2 (rack r2)`. `previous` is undefined at the first look.
 */
export function progressLines(
  previous: ClusterStatus | undefined,
  current: ClusterStatus,
  nowMs: number,
): readonly string[] {
  const lines: string[] = [];
  if (previous?.revision !== current.revision || previous.phase !== current.phase) {
    lines.push(`cluster ${current.name}: ${phaseWords(current)} (revision ${current.revision})`);
  }
  const before = new Map(previous?.brokers.map((broker) => [broker.id, broker]));
  for (const broker of current.brokers) {
    const then = before.get(broker.id);
    const text = brokerText(broker, current);
    if (then === undefined || previous === undefined || brokerText(then, previous) !== text) {
      lines.push(`broker ${broker.id}: ${text}`);
    }
    before.delete(broker.id);
  }
  for (const id of before.keys()) lines.push(`broker ${id}: gone`);
  const topics = new Map(previous?.topics.map((topic) => [topic.name, topic.state]));
  for (const topic of current.topics) {
    // Unknown only says that no broker can be asked, and the brokers' lines say why.
    if (topic.state !== 'unknown' && topics.get(topic.name) !== topic.state)
      lines.push(`topic ${topic.name}: ${topic.state}`);
  }
  const held = new Set(previous?.held.map(heldText));
  for (const one of current.held) {
    // What a broker waits for stands on its own line, and without brokers Kafka cannot be asked.
    const isNews = one.brokerId === undefined && (one.stalled || one.reason !== 'kafka-unknown');
    if (isNews && !held.has(heldText(one))) lines.push(heldText(one));
  }
  return lines.map((line) => printable(`${clockTime(nowMs)} ${line}`));
}

/** All of a broker that is worth a new line when it changes; numbers that run are not. */
function brokerText(broker: BrokerStatus, { held }: ClusterStatus): string {
  const where = broker.agent === undefined ? '' : ` on ${broker.agent}`;
  const rack = broker.rack === undefined ? '' : ` (rack ${broker.rack})`;
  const phase =
    broker.phase === undefined || broker.state === 'running' || broker.phase === broker.state
      ? ''
      : `, ${broker.phase}`;
  const endpoint =
    broker.state === 'running' && broker.endpoint !== undefined ? ` at ${broker.endpoint}` : '';
  const wait =
    broker.waiting === undefined || isPassing(broker, broker.waiting, held)
      ? ''
      : `, ${waitText(broker.waiting)}`;
  return `${broker.state}${where}${rack}${endpoint}${phase}${wait}`;
}

/** Waits that come and go by the second: for its turn, for a reading of Kafka, and Kafka's own while it starts. */
function isPassing(
  { id, state }: BrokerStatus,
  { why, stalled }: Waiting,
  held: ClusterStatus['held'],
): boolean {
  if (stalled) return false;
  const reason = held.find((one) => one.brokerId === id && one.message === why)?.reason;
  return state === 'starting' || reason === 'kafka-unknown' || reason === 'waiting-for-roll';
}

function waitText({ why, untilMs }: { readonly why: string; readonly untilMs?: number }): string {
  return untilMs === undefined ? why : `${why} (until ${clockTime(untilMs)})`;
}

function heldText(held: ClusterStatus['held'][number]): string {
  return `held: ${held.need}: ${held.message}`;
}
