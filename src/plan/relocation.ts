/** Whether a broker may leave its disk behind and start empty elsewhere. */
import type { DesiredBroker } from '../model/desired.ts';
import type { HeldReason } from '../model/plan.ts';
import type { BrokerRecord } from '../model/records.ts';
import { acceptedLoss, isBeingReplaced } from './intents.ts';
import {
  heldForDistribution,
  heldNeed,
  isVoter,
  kafkaArtifact,
  type Need,
  type NeedContext,
} from './need.ts';
import { isOrMayBeFormatted } from './owned.ts';
import { absentBrokers, blockRelocation, tooOld } from './safety.ts';

/** The old disk may be given up only behind its gate; a disk that was never formatted holds nothing. */
export function relocation(broker: DesiredBroker, record: BrokerRecord, context: NeedContext): Need {
  const need = `relocate broker ${broker.id}`;
  if (kafkaArtifact(context.desired, context.artifacts) === undefined) {
    return heldForDistribution(broker, need, context);
  }
  const blocked = relocationBlock(broker, record, context);
  return blocked === undefined
    ? {
        kind: 'launch',
        broker,
        record,
        relocate: true,
        want: {
          clusterName: context.desired.name,
          broker,
          formatted: false,
          ...(isBeingReplaced(record, context.nowMs) && record.placement !== undefined
            ? { avoid: { agentId: record.placement.agentId, hostname: record.placement.hostname } }
            : {}),
        },
      }
    : { ...heldNeed(context, broker, need, blocked.reason, blocked.stalled), wantsHome: true };
}

function relocationBlock(
  broker: DesiredBroker,
  record: BrokerRecord,
  { memory, kafka, nowMs }: NeedContext,
): { readonly reason: HeldReason; readonly stalled: boolean } | undefined {
  const home = record.placement?.hostname ?? 'its agent';
  const unsafe = (detail: string): { readonly reason: HeldReason; readonly stalled: boolean } => ({
    reason: { kind: 'relocation-unsafe', detail, partitions: [], more: 0 },
    stalled: true,
  });
  if (isVoter(memory, broker.id)) {
    return unsafe(`its disk on ${home} holds a vote of the controller quorum`);
  }
  // With a former instance that never was seen to end it may be that one's replicas which count.
  if (!isOrMayBeFormatted(record) && record.task === undefined && record.superseded.length === 0) {
    return undefined;
  }
  // Who asks for a replacement gives up the path as well.
  if (
    !isBeingReplaced(record, nowMs) &&
    record.placement?.volumes.some((v) => v.kind === 'hostPath') === true
  ) {
    return unsafe(`its data is in a host path on ${home}`);
  }
  if (!kafka.known) {
    return { reason: { kind: 'kafka-unknown', detail: kafka.why }, stalled: false };
  }
  const old = tooOld(kafka.value, nowMs, 'give up a disk');
  if (old !== undefined) {
    return old;
  }
  const lost = blockRelocation(kafka.value, broker.id, absentBrokers(memory));
  const blocked = withoutAccepted(lost, acceptedLoss(record, nowMs));
  return blocked === undefined
    ? undefined
    : {
        reason: {
          kind: 'relocation-unsafe',
          detail: blocked.detail,
          partitions: blocked.partitions.slice(0, 5).map((p) => p.partition),
          more: Math.max(0, blocked.partitions.length - 5),
        },
        stalled: blocked.partitions.length > 0,
      };
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
