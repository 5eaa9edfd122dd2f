/** Whether Kafka would lose anything without what a broker had: asked before it starts empty. */
import type { HeldReason } from '../model/plan.ts';
import type { BrokerRecord } from '../model/records.ts';
import { acceptedLoss } from './intents.ts';
import type { NeedContext } from './need.ts';
import { isOrMayBeFormatted } from './owned.ts';
import { absentBrokers, blockRelocation, tooOld } from './safety.ts';

export type Blocked = { readonly reason: HeldReason; readonly stalled: boolean };

export function lossBlock(record: BrokerRecord, { memory, kafka, nowMs }: NeedContext): Blocked | undefined {
  if (!kafka.known) {
    return { reason: { kind: 'kafka-unknown', detail: kafka.why }, stalled: false };
  }
  const old = tooOld(kafka.value, nowMs, 'give up a disk');
  if (old !== undefined) {
    return old;
  }
  const lost = blockRelocation(kafka.value, record.id, absentBrokers(memory));
  const blocked = withoutAccepted(lost, acceptedLoss(record, nowMs));
  return blocked === undefined
    ? undefined
    : {
        reason: {
          kind: 'relocation-unsafe',
          detail: withHome(blocked.detail, record),
          partitions: blocked.partitions.slice(0, 5).map((p) => p.partition),
          more: Math.max(0, blocked.partitions.length - 5),
        },
        stalled: blocked.partitions.length > 0,
      };
}

/** The agents to bring back, where they are not just the one of the broker's place. */
function withHome(detail: string, record: BrokerRecord): string {
  const { oldHome, placement, task } = record;
  if (oldHome === undefined) {
    return detail;
  }
  const others = (record.leftBehind ?? []).filter(
    (left) => left.formatted && left.incarnation !== oldHome.placement.incarnation,
  );
  const old = `its data was on ${[oldHome.placement, ...others].map((place) => place.hostname).join(' or ')}`;
  return isOrMayBeFormatted(record) || task !== undefined
    ? `${detail}; ${old}, and may be on ${placement?.hostname ?? 'its new agent'} by now`
    : `${detail}; ${old}`;
}

/** What is left of the reasons when some partitions are given up by name. */
function withoutAccepted(
  blocked: ReturnType<typeof blockRelocation>,
  accepted: ReadonlySet<string>,
): ReturnType<typeof blockRelocation> {
  if (blocked === undefined || blocked.partitions.length === 0) {
    return blocked;
  }
  const partitions = blocked.partitions.filter((p) => !accepted.has(p.partition));
  return partitions.length === 0 ? undefined : { ...blocked, partitions };
}
