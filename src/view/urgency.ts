/** Which brokers are worth a look first. */
import type { BrokerStatus } from '../model/status.ts';
import type { Tone } from './text.ts';

export function toneOf(broker: BrokerStatus): Tone | undefined {
  if (broker.waiting?.stalled) return 'bad';
  switch (broker.state) {
    case 'running':
      return broker.waiting !== undefined || broker.drift.length > 0 ? 'busy' : 'ok';
    case 'launching':
    case 'starting':
    case 'stopping':
    case 'waiting':
      return 'busy';
    case 'unreachable':
    case 'failed':
    case 'unknown':
      return 'bad';
    case 'stopped':
      return 'dim';
  }
}

/** Lower is shown first when not all fit. */
export function urgency(broker: BrokerStatus): number {
  if (broker.waiting?.stalled) return 0;
  switch (toneOf(broker)) {
    case 'bad':
      return 1;
    case 'busy':
      return 2;
    case 'ok':
      return broker.warnings.length > 0 ? 3 : calm;
    default:
      return 4;
  }
}

const calm = 5;

/** Neither runs well nor is kept stopped. */
export const needsLook = (broker: BrokerStatus): boolean => urgency(broker) <= 2;

/** The `most` that are shown first, the most urgent first and by id; without sorting all of a thousand for a screenful. */
export function mostUrgent(brokers: readonly BrokerStatus[], most: number): readonly BrokerStatus[] {
  const byUrgency: BrokerStatus[][] = Array.from({ length: calm + 1 }, () => []);
  for (const broker of brokers) byUrgency[urgency(broker)]?.push(broker);
  const found: BrokerStatus[] = [];
  for (const bucket of byUrgency) {
    if (found.length >= most) break;
    found.push(...bucket.sort((a, b) => a.id - b.id).slice(0, most - found.length));
  }
  return found;
}
