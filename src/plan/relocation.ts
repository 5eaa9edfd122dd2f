/** Whether a broker may leave its disk behind and start empty elsewhere. */
import type { DesiredBroker } from '../model/desired.ts';
import type { BrokerRecord } from '../model/records.ts';
import { type Blocked, lossBlock } from './data-loss.ts';
import { isBeingReplaced } from './intents.ts';
import {
  heldForDistribution,
  heldNeed,
  isVoter,
  kafkaArtifact,
  type Need,
  type NeedContext,
} from './need.ts';
import { backHome } from './old-home.ts';
import { isOrMayBeFormatted } from './owned.ts';

/** The old disk may be given up only behind its gate; a disk that was never formatted holds nothing. */
export function relocation(broker: DesiredBroker, record: BrokerRecord, context: NeedContext): Need {
  const need = `relocate broker ${broker.id}`;
  if (kafkaArtifact(context.desired, context.artifacts) === undefined) {
    return heldForDistribution(broker, need, context);
  }
  const blocked = relocationBlock(broker, record, context);
  // What is still there is more than nothing. But what may be alive at the new place may be in sync again before it starts.
  const mayLive =
    record.task !== undefined || record.superseded.some((s) => s.agentId === record.placement?.agentId);
  const back = blocked === undefined && !mayLive ? backHome(broker, record, context) : undefined;
  if (back !== undefined) {
    return back;
  }
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
  return lossBlock(record, context);
}
