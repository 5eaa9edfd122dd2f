/** Kafka took a dynamic configuration: what was intended is applied, unless the intent has changed since. */
import type { BrokerRecord, ClusterRecord, DynamicValue } from '../model/records.ts';

export function foldBrokerConfig(
  record: BrokerRecord,
  changes: Readonly<Record<string, string | null>>,
): BrokerRecord {
  const folded: Record<string, DynamicValue> = {};
  for (const [key, intent] of Object.entries(record.dynamicConfig ?? {})) {
    const taken = key in changes && changes[key] === intent.value;
    // A value that was removed is no longer ours to follow.
    if (!(taken && intent.value === null)) {
      folded[key] = taken ? { ...intent, applied: true } : intent;
    }
  }
  return { ...record, dynamicConfig: folded };
}

export function foldMinIsr(record: ClusterRecord, value: string | null): ClusterRecord {
  return record.minInsyncReplicas?.value === value
    ? { ...record, minInsyncReplicas: { value, applied: true } }
    : record;
}
