/** Whether a broker may leave its disk behind and start empty elsewhere. */
import type { DesiredBroker } from '../model/desired.ts';
import type { HeldReason } from '../model/plan.ts';
import type { BrokerRecord } from '../model/records.ts';
import { isOfferedWithoutVolumes, volumesOffered } from './homes.ts';
import { acceptedLoss, isBeingReplaced } from './intents.ts';
import {
  heldForDistribution,
  heldNeed,
  isVoter,
  kafkaArtifact,
  type Need,
  type NeedContext,
  wantHome,
} from './need.ts';
import { goBack, isOnItsVolumes, isOrMayBeFormatted } from './owned.ts';
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

/**
 * A relocation may have been stored and never carried out, and meanwhile the old process was back and in sync: as long
 * as nothing was written at the new place, the broker goes back to its disk, and starts empty only where the gate still
 * allows it. Undefined: it starts where its record says.
 */
export function beforeFirstWrite(
  broker: DesiredBroker,
  record: BrokerRecord,
  context: NeedContext,
): Need | undefined {
  const { oldHome } = record;
  if (oldHome === undefined || !isUnwritten(record, context.mesos)) {
    return undefined;
  }
  if (volumesOffered(oldHome, context.mesos)) {
    const back = goBack(record, oldHome, context.nowMs);
    return {
      kind: 'launch',
      broker,
      record: back,
      relocate: false,
      want: wantHome(context, broker, back),
      isBackFrom: record.placement?.hostname ?? 'its new agent',
    };
  }
  const blocked = lossBlock(broker, record, context);
  return blocked === undefined
    ? undefined
    : {
        ...heldNeed(context, broker, `relocate broker ${broker.id}`, blocked.reason, blocked.stalled),
        wantsHome: true,
      };
}

/** Nothing came of a launch that nobody heard of, when its agent offers without the volumes. */
function isUnwritten(record: BrokerRecord, mesos: NeedContext['mesos']): boolean {
  return !isOrMayBeFormatted(record) || (!isOnItsVolumes(record) && isOfferedWithoutVolumes(record, mesos));
}

type Blocked = { readonly reason: HeldReason; readonly stalled: boolean };

function relocationBlock(
  broker: DesiredBroker,
  record: BrokerRecord,
  context: NeedContext,
): Blocked | undefined {
  const { memory, nowMs } = context;
  const home = record.placement?.hostname ?? 'its agent';
  const unsafe = (detail: string): Blocked => ({
    reason: { kind: 'relocation-unsafe', detail, partitions: [], more: 0 },
    stalled: true,
  });
  if (isVoter(memory, broker.id)) {
    return unsafe(`its disk on ${home} holds a vote of the controller quorum`);
  }
  // With a former instance that never was seen to end it may be that one's replicas which count.
  const hadData = isOrMayBeFormatted(record) || record.oldHome !== undefined;
  if (!hadData && record.task === undefined && record.superseded.length === 0) {
    return undefined;
  }
  // Who asks for a replacement gives up the path as well.
  if (
    !isBeingReplaced(record, nowMs) &&
    record.placement?.volumes.some((v) => v.kind === 'hostPath') === true
  ) {
    return unsafe(`its data is in a host path on ${home}`);
  }
  return lossBlock(broker, record, context);
}

/** Whether Kafka would lose anything without what the broker had. */
function lossBlock(
  broker: DesiredBroker,
  record: BrokerRecord,
  { memory, kafka, nowMs }: NeedContext,
): Blocked | undefined {
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
          detail: withHome(blocked.detail, record),
          partitions: blocked.partitions.slice(0, 5).map((p) => p.partition),
          more: Math.max(0, blocked.partitions.length - 5),
        },
        stalled: blocked.partitions.length > 0,
      };
}

/** The agent to bring back, where it is not the one of the broker's place. */
function withHome(detail: string, { oldHome }: BrokerRecord): string {
  return oldHome === undefined ? detail : `${detail}, its disk is on ${oldHome.placement.hostname}`;
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
