import { ownedConfig } from '../model/owned-config.ts';
import { brokerFieldsOf, listOf } from './check-fields.ts';
import type { Checked } from './checks.ts';
import type { Topic } from './document.ts';
import type { Path } from './path.ts';
import type { Finding } from './problems.ts';

/** Kafka configuration that other fields say, or that Kafka takes elsewhere only. Values are never shown. */
export function checkConfig(checked: Checked): readonly Finding[] {
  const { document } = checked;
  return [
    ...checkOwned(['spec', 'config'], document.spec?.config),
    ...brokerFieldsOf(checked).flatMap(({ path, fields }) => [
      ...checkOwned([...path, 'config'], fields.config),
      ...checkClusterOnly([...path, 'config'], fields.config),
    ]),
    ...listOf<Topic>(document.spec?.topics).flatMap((topic, index) =>
      checkTopicConfig(['spec', 'topics', index, 'config'], topic?.config),
    ),
  ];
}

function checkOwned(path: Path, config: unknown): readonly Finding[] {
  return keysOf(config).flatMap((key) => {
    const field = Object.hasOwn(ownedConfig, key) ? ownedConfig[key] : undefined;
    return field === undefined
      ? []
      : [finding([...path, key], `${key} is set by kafka-mesos itself`, `Remove it and use ${field}.`)];
  });
}

/** KIP-966: since ELR, the controllers keep this one for the cluster, and no broker can have its own. */
function checkClusterOnly(path: Path, config: unknown): readonly Finding[] {
  const key = 'min.insync.replicas';
  if (!keysOf(config).includes(key)) return [];
  const remedy = 'Put it under `spec.config`, or under the `config` of a topic.';
  return [finding([...path, key], `${key} cannot differ between brokers`, remedy)];
}

function checkTopicConfig(path: Path, config: unknown): readonly Finding[] {
  return keysOf(config)
    .filter((key) => /^(leader|follower)\.replication\.throttled\.replicas$/.test(key))
    .map((key) => {
      const remedy = 'Remove it and use spec.reassignment.throttle.';
      return finding([...path, key], `${key} is set by kafka-mesos itself`, remedy);
    });
}

function finding(path: Path, message: string, remedy: string): Finding {
  return { code: 'KM_SPEC_OWNED_CONFIG', path, on: 'key', message, remedy };
}

function keysOf(config: unknown): readonly string[] {
  return typeof config === 'object' && config !== null && !Array.isArray(config) ? Object.keys(config) : [];
}
