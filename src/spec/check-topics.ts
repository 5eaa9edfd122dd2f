import { brokerFieldsOf, listOf } from './check-fields.ts';
import type { Checked } from './checks.ts';
import { parseConstraints } from './constraint-text.ts';
import { defaultReplicationFactor, internalTopicConfig } from './defaults.ts';
import type { KafkaCluster, Topic } from './document.ts';
import { hasKnownNodes } from './partial.ts';
import type { Path } from './path.ts';
import type { Finding } from './problems.ts';
import { countBrokers, rolesOf } from './resolve.ts';

/** Names that Kafka itself uses. */
const internalTopics: ReadonlySet<string> = new Set([
  '__cluster_metadata',
  '__consumer_offsets',
  '__share_group_state',
  '__transaction_state',
]);

/** Names of topics, and replication against the brokers there are. */
export function checkTopics(checked: Checked): readonly Finding[] {
  return [...checkNames(checked), ...checkReplication(checked)];
}

function checkNames({ document, isSound }: Checked): readonly Finding[] {
  const findings: Finding[] = [];
  // Kafka's metric names turn dots into underscores, so it refuses names that differ in nothing else.
  const taken = new Map<string, { readonly name: string; readonly index: number }>();
  for (const [index, topic] of listOf<Topic>(document.spec?.topics).entries()) {
    const path = ['spec', 'topics', index, 'name'];
    if (!isSound(...path)) continue;
    const key = topic.name.replaceAll('.', '_');
    const earlier = taken.get(key);
    taken.set(key, { name: topic.name, index });
    const code = 'KM_SPEC_TOPIC';
    if (internalTopics.has(topic.name)) {
      findings.push({ code, path, message: `${topic.name} belongs to Kafka itself`, remedy: 'Remove it.' });
    } else if (earlier?.name === topic.name) {
      const message = `the topic ${topic.name} is declared by \`spec.topics[${earlier.index}]\` already`;
      findings.push({ code, path, message, remedy: 'Keep one of them.' });
    } else if (earlier !== undefined) {
      const message = `Kafka cannot tell ${topic.name} from ${earlier.name}: dots and underscores are the same to it`;
      findings.push({ code, path, message, remedy: 'Use either dots or underscores in names.' });
    }
  }
  return findings;
}

function checkReplication(checked: Checked): readonly Finding[] {
  const { document, isSound } = checked;
  if (!hasKnownNodes(checked)) return [];
  const brokerCount = countBrokers(document);
  if (brokerCount === 0) return [];
  const isConfigSound = isSound('spec', 'config') && isSound('spec', 'defaults', 'config');
  const findings = isConfigSound ? [...checkClusterReplication(document, brokerCount)] : [];
  const minIsr = isConfigSound ? (numberOf(saidForAll(document), minIsrKey) ?? 1) : undefined;
  const consent = !isSound('spec', 'rollout') || (document.spec.rollout?.allowSingleReplicaOutage ?? false);
  const racks = wantedRacks(checked);
  for (const [index, topic] of listOf<Topic>(document.spec.topics).entries()) {
    const path = ['spec', 'topics', index];
    if (!['name', 'replicationFactor'].every((field) => isSound(...path, field))) continue;
    if (internalTopics.has(topic.name)) continue;
    const factor = topic.replicationFactor ?? defaultReplicationFactor(brokerCount);
    const place = [...path, topic.replicationFactor === undefined ? 'name' : 'replicationFactor'];
    if (factor > brokerCount) {
      findings.push(tooMany(place, 'replicationFactor', factor, brokerCount));
      continue;
    }
    const topicMinIsr = isSound(...path, 'config')
      ? (numberOf(topic.config, minIsrKey) ?? minIsr)
      : undefined;
    if (topicMinIsr !== undefined) {
      findings.push(...trap(place, `the topic ${topic.name}`, factor, topicMinIsr, consent));
    }
    if (racks !== undefined && factor > racks) {
      const message = `${factor} replicas of ${topic.name} over ${racks} racks: some share one`;
      const remedy = `Use at most ${racks}, or raise the number in the placement rule.`;
      findings.push({ severity: 'warning', code: 'KM_SPEC_RACKS', path: place, message, remedy });
    }
  }
  return findings;
}

/** Replication of the topics that Kafka makes by itself: its internal ones, and those that clients just use. */
function checkClusterReplication(document: KafkaCluster, brokerCount: number): readonly Finding[] {
  const said = saidForAll(document);
  // Without a word in the spec, a topic that a client just uses has one replica.
  const config = { 'default.replication.factor': 1, ...internalTopicConfig(brokerCount), ...said };
  return Object.keys(config).flatMap((key) => {
    const factor = key.endsWith('replication.factor') ? numberOf(config, key) : undefined;
    if (factor === undefined) return [];
    const path = pathOf(document, key);
    if (path !== undefined && factor > brokerCount) return [tooMany(path, key, factor, brokerCount)];
    const ownKey = minIsrKeys[key] ?? minIsrKey;
    const place = path ?? pathOf(document, ownKey);
    if (place === undefined) return [];
    const traps = trap(place, `topics by \`${key}\``, factor, numberOf(config, ownKey) ?? 1, true);
    const remedy = `Set \`${key}\` too: it is ${factor} otherwise.`;
    const couldBeMore = path === undefined && factor < brokerCount;
    return couldBeMore ? traps.map((finding) => ({ ...finding, remedy })) : traps;
  });
}

const minIsrKey = 'min.insync.replicas';

/** Topics whose min ISR has a key of its own. */
const minIsrKeys: Readonly<Record<string, string>> = {
  'share.coordinator.state.topic.replication.factor': 'share.coordinator.state.topic.min.isr',
  'transaction.state.log.replication.factor': 'transaction.state.log.min.isr',
};

type Config = Readonly<Record<string, string | number | boolean>>;

function saidForAll({ spec }: KafkaCluster): Config {
  return { ...spec.config, ...spec.defaults?.config };
}

/** Where the key is said for all nodes. */
function pathOf({ spec }: KafkaCluster, key: string): Path | undefined {
  if (Object.hasOwn(spec.defaults?.config ?? {}, key)) return ['spec', 'defaults', 'config', key];
  return Object.hasOwn(spec.config ?? {}, key) ? ['spec', 'config', key] : undefined;
}

function tooMany(path: Path, what: string, factor: number, brokerCount: number): Finding {
  return {
    code: 'KM_SPEC_REPLICATION',
    path,
    message: `${what} ${factor} is more than the ${brokerCount === 1 ? 'one broker' : `${brokerCount} brokers`} of the cluster`,
    allowed: brokerCount === 1 ? '1' : `1 to ${brokerCount}`,
  };
}

/** Replication factor against min ISR: with nothing to spare, each restart stops writers. */
function trap(
  path: Path,
  what: string,
  factor: number,
  minIsr: number,
  singleReplicaConsent: boolean,
): readonly Finding[] {
  const code = 'KM_SPEC_MIN_ISR';
  // Kafka lowers min ISR to the replication factor (`Partition.effectiveMinIsr`), so that no write fails for it alone.
  if (factor === 1 && minIsr > 1) {
    const message = `${what}: min.insync.replicas ${minIsr} protects nothing with ${count(factor)}`;
    return [{ severity: 'warning', code, path, message, remedy: 'Use more replicas.' }];
  }
  if (factor > 1 && minIsr >= factor) {
    const message = `${what}: min.insync.replicas ${minIsr} with ${count(factor)} blocks writes with acks=all while any broker is down or restarted`;
    return [{ severity: 'warning', code, path, message, remedy: `Use min.insync.replicas ${factor - 1}.` }];
  }
  if (factor === 1 && !singleReplicaConsent) {
    const message = `${what} has one replica: its broker is not restarted for a change without your consent`;
    const remedy = 'Use more replicas, or say `rollout: { allowSingleReplicaOutage: true }`.';
    return [{ severity: 'warning', code: 'KM_SPEC_SINGLE_REPLICA', path, message, remedy }];
  }
  return [];
}

function count(factor: number): string {
  return factor === 1 ? '1 replica' : `${factor} replicas`;
}

/** The number of racks that the placement rules of all pools ask for, where they do. */
function wantedRacks(checked: Checked): number | undefined {
  const { document, isSound } = checked;
  const isKnown = brokerFieldsOf(checked).every(
    ({ path }) => isSound(...path, 'rack') && isSound(...path, 'constraints'),
  );
  if (!isKnown) return undefined;
  const { defaults, pools } = document.spec;
  const brokerPools = pools.filter((pool) => rolesOf(document, pool).includes('broker'));
  const counts = brokerPools.map((pool) => {
    const rack = pool.rack ?? defaults?.rack;
    const rules = parseConstraints(pool.constraints ?? defaults?.constraints ?? []);
    const rule = rules.find(({ kind, attribute }) => kind === 'groupBy' && attribute === rack?.attribute);
    return rule?.kind === 'groupBy' ? rule.minimum : undefined;
  });
  return counts.some((racks) => racks === undefined) ? undefined : Math.max(...counts.map(Number));
}

function numberOf(config: Config | undefined, key: string): number | undefined {
  if (config === undefined || !Object.hasOwn(config, key)) return undefined;
  const value = Number(config[key]);
  return Number.isInteger(value) ? value : undefined;
}
