/**
 * Which settings change while the broker runs, and which want a restart (KIP-226).
 *
 * A dynamic value of ours masks server.properties and outlives restarts, so it is followed until its key
 * leaves the spec. `min.insync.replicas` is the cluster's: with ELR it masks the file, cannot be set per
 * broker, and every write of it clears the ELR state; it is written only when it differs.
 */
import { classifyConfigChange } from '../model/config-keys.ts';
import type { Desired, DesiredBroker } from '../model/desired.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { Source } from '../model/observed.ts';
import type { Held, HeldReason, Step } from '../model/plan.ts';
import type {
  BrokerRecord,
  BrokerSettings,
  ClusterMemory,
  ClusterRecord,
  DynamicValue,
} from '../model/records.ts';
import { noRefusals, type Refusals, splitRefused } from './refusals.ts';
import { isHealthy } from './safety.ts';
import { describeConfigChange, differingKeys, diffSettings } from './settings.ts';

export const minIsrKey = 'min.insync.replicas';

type Config = Readonly<Record<string, string>>;

/** What only a restart can change: one phrase a difference, as `diffSettings`. */
export function diffNeedingRestart(
  started: BrokerSettings,
  wanted: BrokerSettings,
  dynamic: BrokerRecord['dynamicConfig'] = {},
): readonly string[] {
  const stays = (key: string): boolean =>
    key === minIsrKey ||
    // A node that only controls answers no client, so its dynamic values cannot be set.
    (started.roles.includes('broker') &&
      // A value that is dynamic already, or can be made so. What leaves the spec has to leave the file.
      wanted.config[key] !== undefined &&
      (dynamic[key] !== undefined || classifyConfigChange(key) !== 'read-only'));
  const config = { ...started.config };
  for (const key of differingKeys(started.config, wanted.config)) {
    if (stays(key)) continue;
    const value = wanted.config[key];
    if (value === undefined) delete config[key];
    else config[key] = value;
  }
  return diffSettings(started, { ...wanted, config });
}

/** What another start would change: all but the key that is one value for the cluster. */
export function diffOfStart(started: BrokerSettings, wanted: BrokerSettings): readonly string[] {
  const { [minIsrKey]: _cluster, ...config } = wanted.config;
  const own = started.config[minIsrKey];
  return diffSettings(started, {
    ...wanted,
    config: own === undefined ? config : { ...config, [minIsrKey]: own },
  });
}

/** Keys to set (a value) or to remove (null) at the running broker. */
export function dynamicChanges(
  started: Config,
  wanted: Config,
  dynamic: BrokerRecord['dynamicConfig'] = {},
): Readonly<Record<string, string | null>> {
  const changes: Record<string, string | null> = {};
  // A value that was set masks the file: what the process was started with says nothing of it.
  const keys = new Set([...differingKeys(started, wanted), ...Object.keys(dynamic)]);
  for (const key of [...keys].sort()) {
    const want = wanted[key];
    const set = dynamic[key];
    if (key === minIsrKey) {
      continue;
    }
    if (set !== undefined) {
      if (set.value !== (want ?? null) || !set.applied) {
        changes[key] = want ?? null;
      }
    } else if (want !== undefined && started[key] !== want && classifyConfigChange(key) !== 'read-only') {
      changes[key] = want;
    }
  }
  return changes;
}

/**
 * One broker at a time, the next when all are healthy: Kafka takes values that hurt, and keeps them over a restart.
 * Of brokers that run and are reached; a broker that does not run gets its file at the next start.
 * `busy` brokers have another step in this pass, which writes the same record.
 */
export function planDynamicConfig(
  memory: ClusterMemory,
  kafka: Source<KafkaObserved>,
  busy: ReadonlySet<number>,
  refusals: Refusals = noRefusals,
): { readonly steps: readonly Step[]; readonly held: readonly Held[] } {
  const { desired } = memory.spec;
  const wanted = wantedSteps(memory, refusals).filter((c) => !busy.has(c.broker.id));
  const all = wanted.filter(({ broker }) => whyNotAsked(broker, kafka) === undefined);
  // What Kafka refuses is held for itself, and takes no turn from the other brokers.
  const isRefused = ({ step }: (typeof all)[number]): boolean => refusals.has(step.what);
  const candidates = all.filter((c) => !isRefused(c));
  // A broker that a setting of ours has hurt goes first: its value may be taken back.
  const hurt = ({ id, roles, state }: DesiredBroker): boolean =>
    kafka.known && state === 'running' && !isHealthy(kafka.value, { id, roles });
  const first = (candidates.find((c) => hurt(c.broker)) ?? candidates[0])?.broker;
  const blocker = desired.brokers.find((b) => hurt(b) && b !== first);
  const steps: Step[] = all.filter(isRefused).map(({ step }) => step);
  const held: Held[] = wanted.flatMap(({ broker, step }) => {
    const detail = whyNotAsked(broker, kafka);
    return detail === undefined
      ? []
      : [
          {
            clusterName: desired.name,
            brokerId: broker.id,
            need: step.what,
            reason: { kind: 'kafka-unknown', detail },
            stalled: false,
          },
        ];
  });
  for (const candidate of candidates) {
    const waits: HeldReason | undefined = desired.rollout.paused
      ? { kind: 'rollout-paused' }
      : blocker !== undefined
        ? { kind: 'waiting-for-roll', brokerId: blocker.id, detail: 'is not in sync' }
        : candidate.broker === first
          ? undefined
          : { kind: 'waiting-for-roll', brokerId: first?.id ?? 0, detail: 'goes first' };
    if (waits === undefined) {
      steps.push(candidate.step);
    } else {
      held.push({
        clusterName: desired.name,
        brokerId: candidate.broker.id,
        need: candidate.step.what,
        reason: waits,
        stalled: false,
      });
    }
  }
  const minIsr = minIsrStep(desired, memory.cluster, kafka);
  return 'reason' in minIsr ? { steps, held: [...held, minIsr] } : { steps: [...steps, ...minIsr], held };
}

/** All that would be set, gates and turns aside; more than one step of a broker where Kafka refused them together. */
export function dynamicSteps(
  memory: ClusterMemory,
  kafka: Source<KafkaObserved>,
  refusals: Refusals = noRefusals,
): readonly { readonly broker: DesiredBroker; readonly step: Step }[] {
  return wantedSteps(memory, refusals).filter(({ broker }) => whyNotAsked(broker, kafka) === undefined);
}

/** What would be set, whether or not it can be just now. */
function wantedSteps(
  memory: ClusterMemory,
  refusals: Refusals,
): readonly { readonly broker: DesiredBroker; readonly step: Step }[] {
  const { desired } = memory.spec;
  return desired.brokers.flatMap((broker) =>
    brokerSteps(desired, broker, memory.brokers.get(broker.id), refusals).map((step) => ({ broker, step })),
  );
}

/** A broker's settings are changed through itself: undefined when it can be asked. */
function whyNotAsked(broker: DesiredBroker, kafka: Source<KafkaObserved>): string | undefined {
  if (!kafka.known) {
    return kafka.why;
  }
  return kafka.value.brokers.some((b) => b.id === broker.id && !b.fenced)
    ? undefined
    : `the controller has fenced broker ${broker.id}`;
}

function brokerSteps(
  desired: Desired,
  broker: DesiredBroker,
  record: BrokerRecord | undefined,
  refusals: Refusals,
): readonly Step[] {
  const task = record?.task;
  if (
    record === undefined ||
    task?.state !== 'TASK_RUNNING' ||
    task.kill !== undefined ||
    task.unreachableSinceMs !== undefined ||
    // A node that only controls answers no client.
    !task.startedWith.roles.includes('broker')
  ) {
    return [];
  }
  const changes = dynamicChanges(task.startedWith.config, broker.config, record.dynamicConfig);
  if (Object.keys(changes).length === 0) {
    return [];
  }
  const intents = Object.fromEntries(
    Object.entries(changes).map(([key, value]): [string, DynamicValue] => [key, { value, applied: false }]),
  );
  // Each step of this broker writes the same record: all that is intended.
  const intended = { ...record, dynamicConfig: { ...record.dynamicConfig, ...intents } };
  return splitRefused(`configure broker ${broker.id}`, changes, refusals).map((part) => ({
    mark: '~',
    what: part.what,
    why: Object.entries(part.changes).map(([key, value]) =>
      describeConfigChange(
        key,
        record.dynamicConfig?.[key]?.value ?? task.startedWith.config[key],
        value ?? undefined,
      ),
    ),
    clusterName: desired.name,
    brokerId: broker.id,
    action: { kind: 'alter-broker-config', record: intended, changes: part.changes },
  }));
}

function minIsrStep(
  desired: Desired,
  cluster: ClusterRecord | undefined,
  kafka: Source<KafkaObserved>,
): readonly Step[] | Held {
  if (cluster?.formedAtMs === undefined || !kafka.known) {
    return [];
  }
  const wanted = [...new Set(desired.brokers.map((b) => b.config[minIsrKey]))];
  if (wanted.length > 1) {
    return {
      clusterName: desired.name,
      need: `set ${minIsrKey}`,
      reason: {
        kind: 'impossible-change',
        detail: `${minIsrKey} is one value for the whole cluster, and pools or brokers differ in it`,
      },
      stalled: true,
    };
  }
  const known = cluster.minInsyncReplicas ?? { value: null, applied: true };
  // With ELR the value cannot be removed again: what leaves the spec goes back to Kafka's default.
  const value = wanted[0] ?? (known.value === null ? null : '1');
  if (known.value === value && known.applied) {
    return [];
  }
  return [
    {
      mark: '~',
      what: `configure cluster ${desired.name}`,
      why: [describeConfigChange(minIsrKey, known.value ?? undefined, value ?? undefined)],
      clusterName: desired.name,
      action: {
        kind: 'alter-min-isr',
        record: { ...cluster, minInsyncReplicas: { value, applied: false } },
        value,
      },
    },
  ];
}
