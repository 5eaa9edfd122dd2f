/** What Kafka took, or has, of the dynamic configuration that is ours, into the records. */
import type { ConfigEntry } from '../model/kafka.ts';
import type { BrokerRecord, ClusterRecord, DynamicValue } from '../model/records.ts';

/** Kafka took it: what was intended is applied, unless the intent has changed since. */
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

/** What Kafka does not have as recorded is to be sent again; the same record when there is no such thing. */
export function differingBrokerConfig(
  record: BrokerRecord,
  /** As it was when Kafka was asked: what has changed since is no difference. */
  asked: BrokerRecord,
  entries: readonly ConfigEntry[],
): BrokerRecord {
  const differing = Object.entries(record.dynamicConfig ?? {}).filter(([key, { value, applied }]) => {
    const before = asked.dynamicConfig?.[key];
    return applied && before?.applied === true && before.value === value && !has(entries, key, value);
  });
  return differing.length === 0
    ? record
    : {
        ...record,
        dynamicConfig: {
          ...record.dynamicConfig,
          ...Object.fromEntries(differing.map(([key, intent]) => [key, { ...intent, applied: false }])),
        },
      };
}

export function differingMinIsr(record: ClusterRecord, entries: readonly ConfigEntry[]): ClusterRecord {
  const { minInsyncReplicas: known } = record;
  return known === undefined ||
    known.value === null ||
    !known.applied ||
    has(entries, 'min.insync.replicas', known.value)
    ? record
    : { ...record, minInsyncReplicas: { ...known, applied: false } };
}

/** Kafka never tells the value of a password. */
function has(entries: readonly ConfigEntry[], key: string, value: string | null): boolean {
  const entry = entries.find((e) => e.name === key && e.source === 'dynamic');
  return entry !== undefined && (entry.value === undefined || entry.value === value);
}
