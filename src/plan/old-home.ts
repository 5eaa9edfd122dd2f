/**
 * What a relocated broker does until it is known to serve at its new place. The move may have been stored and never
 * carried out, and meanwhile the old process was back and in sync: then its data is on the disk that it left.
 */
import type { DesiredBroker } from '../model/desired.ts';
import type { ObservedMesos } from '../model/observed.ts';
import type { BrokerRecord } from '../model/records.ts';
import { lossBlock } from './data-loss.ts';
import { homeOffered, isOfferedWithoutVolumes, volumesOffered } from './homes.ts';
import { activeIntent } from './intents.ts';
import { heldNeed, type Need, type NeedContext, wantHome } from './need.ts';
import { goBack, isOnItsVolumes, isOrMayBeFormatted } from './owned.ts';

/**
 * Of one that cannot go back (`backHome` is asked before): where Kafka would lose what it had, it starts only on a disk
 * with replicas, and not at all where there can be none. Undefined: it starts as its record says.
 */
export function untilItServes(
  broker: DesiredBroker,
  record: BrokerRecord,
  context: NeedContext,
): Need | undefined {
  if (record.oldHome === undefined) {
    return undefined;
  }
  const hasNotServed = cannotHaveServed(record, context.mesos);
  const blocked = lossBlock(record, context);
  if (blocked === undefined) {
    return undefined;
  }
  const used = { ...record, formatted: true };
  if (!hasNotServed && homeOffered(used, context.mesos)) {
    return {
      kind: 'launch',
      broker,
      record,
      relocate: false,
      want: wantHome(context, broker, used),
      finds: true,
    };
  }
  const where = record.placement === undefined ? '' : ` on ${record.placement.hostname}`;
  return {
    ...heldNeed(context, broker, `start broker ${broker.id} empty${where}`, blocked.reason, blocked.stalled),
    wantsHome: true,
  };
}

/** On the disk that it left, which is offered. */
export function backHome(
  broker: DesiredBroker,
  record: BrokerRecord,
  context: NeedContext,
): Need | undefined {
  const { oldHome } = record;
  if (oldHome?.hasData !== true || !volumesOffered(oldHome, context.mesos)) {
    return undefined;
  }
  const intent = activeIntent(record, context.nowMs);
  if (intent?.kind === 'replace' && intent.incarnation === oldHome.placement.incarnation) {
    // It is what the operator wants to be given up.
    return undefined;
  }
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

/** Nothing came of a launch of which nobody heard either, when its agent offers without the volumes. */
export function cannotHaveServed(record: BrokerRecord, mesos: ObservedMesos): boolean {
  return (
    record.task === undefined &&
    // An agent that lost its executor may have passed on the format and not the start.
    (!isOrMayBeFormatted(record) || (!isOnItsVolumes(record) && isOfferedWithoutVolumes(record, mesos)))
  );
}
