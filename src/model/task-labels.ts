/**
 * What a task carries so that its broker's records can be made again from Mesos alone, should the store be
 * lost. Labels, because the master shows them for as long as the task lives (`GET_TASKS`), and `TaskInfo.data`
 * never. Their reservation carries the first four too, and nothing else, for it has to stay the same for life.
 *
 * | Label | Value |
 * |---|---|
 * | `framework`, `cluster`, `broker`, `incarnation` | whose it is |
 * | `cluster_id` | Kafka's cluster id |
 * | `voters` | JSON: node id, host, port, directory id and placement of the first voters |
 * | `placement` | JSON of the `Placement` |
 * | `launches` | how many launches there were |
 * | `settings` | JSON of the `PublicSettings` it was started with |
 * | `dynamic_config` | JSON of our dynamic values of this broker, absent when there were none |
 *
 * Everybody who may look at the master sees them: what could hold a secret is left out.
 */
import type { BrokerRecord, BrokerSettings, ClusterRecord, Placement } from './records.ts';

export type BrokerIdentity = {
  readonly framework: string;
  readonly cluster: string;
  readonly broker: number;
  readonly incarnation: string;
};

/** What it was started with, without the values that people may have put secrets into. */
export type PublicSettings = Omit<BrokerSettings, 'environment' | 'jvmOptions'> & {
  /** Keys of `config` whose values are left out. */
  readonly withheldConfig: readonly string[];
};

export type TaskMemory = BrokerIdentity & {
  readonly clusterId: string;
  readonly voters: ClusterRecord['voters'];
  readonly placement: Placement;
  readonly launches: number;
  readonly settings: PublicSettings;
  readonly dynamicConfig?: BrokerRecord['dynamicConfig'];
};

export type Labels = Readonly<Record<string, string>>;

/** Of everything that is reserved for a broker: what ownership is recognised by. */
export function identityLabels({ framework, cluster, broker, incarnation }: BrokerIdentity): Labels {
  return { framework, cluster, broker: String(broker), incarnation };
}

/** Undefined when the labels are not of ours. */
export function parseIdentity(labels: Labels): BrokerIdentity | undefined {
  const { framework, cluster, broker, incarnation } = labels;
  return framework === undefined ||
    cluster === undefined ||
    broker === undefined ||
    incarnation === undefined ||
    !/^\d{1,9}$/.test(broker)
    ? undefined
    : { framework, cluster, broker: Number(broker), incarnation };
}

export function taskLabels(memory: TaskMemory): Labels {
  return {
    ...identityLabels(memory),
    cluster_id: memory.clusterId,
    voters: JSON.stringify(memory.voters),
    placement: JSON.stringify(memory.placement),
    launches: String(memory.launches),
    settings: JSON.stringify(memory.settings),
    ...(memory.dynamicConfig === undefined || Object.keys(memory.dynamicConfig).length === 0
      ? {}
      : { dynamic_config: JSON.stringify(memory.dynamicConfig) }),
  };
}

/** Undefined when a label is missing or is not what we write. */
export function parseTaskLabels(labels: Labels): TaskMemory | undefined {
  const identity = parseIdentity(labels);
  const { cluster_id: clusterId, launches } = labels;
  const voters = parseJson(labels.voters);
  const placement = parseJson(labels.placement);
  const settings = parseJson(labels.settings);
  const dynamicConfig = labels.dynamic_config === undefined ? undefined : parseJson(labels.dynamic_config);
  if (
    identity === undefined ||
    clusterId === undefined ||
    launches === undefined ||
    !/^\d{1,9}$/.test(launches) ||
    !Array.isArray(voters) ||
    !isObject(placement) ||
    placement.incarnation !== identity.incarnation ||
    !isObject(settings) ||
    (labels.dynamic_config !== undefined && !isObject(dynamicConfig))
  ) {
    return undefined;
  }
  return {
    ...identity,
    clusterId,
    voters: voters as unknown as ClusterRecord['voters'],
    placement: placement as unknown as Placement,
    launches: Number(launches),
    settings: settings as unknown as PublicSettings,
    ...(dynamicConfig === undefined
      ? {}
      : { dynamicConfig: dynamicConfig as unknown as NonNullable<BrokerRecord['dynamicConfig']> }),
  };
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
