/** What `kafka-mesos plan` shows: all that differs between the spec and what is, gates and offers aside. */
import type { ClusterPlan } from '../model/api.ts';
import { count } from '../model/count.ts';
import type { DeletionPolicy, DesiredBroker } from '../model/desired.ts';
import type { KafkaObserved } from '../model/kafka.ts';
import type { PlanInput, Source } from '../model/observed.ts';
import type { Action, Held, Plan } from '../model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../model/records.ts';
import type { StepSummary } from '../model/status.ts';
import { deletionOf } from './deletion.ts';
import { describeHeld } from './describe-held.ts';
import { dynamicSteps } from './dynamic-config.ts';
import { describeGrowths, growthsOf } from './growth.ts';
import { whyStopped, withIntents } from './intents.ts';
import { executorShare } from './launch.ts';
import { needOf } from './needs.ts';
import { wantedOf } from './placement.ts';
import { leavingBrokers } from './removal.ts';
import { summarise } from './status.ts';

export function previewCluster(input: PlanInput, stored: ClusterMemory, plan: Plan): ClusterPlan {
  const memory = withIntents(stored, input.nowMs);
  const { desired } = memory.spec;
  const kafka: Source<KafkaObserved> = input.kafka.get(desired.name) ?? {
    known: false,
    why: 'not asked yet',
  };
  const policy = deletionOf(memory, input);
  if (policy !== undefined) {
    return { ...previewDeletion(memory, policy), held: [], executors: executorShare(0) };
  }
  const steps: StepSummary[] = [];
  if (memory.cluster === undefined) {
    steps.push({
      mark: '+',
      what: `form cluster ${desired.name}`,
      why: [
        `Kafka ${desired.kafka.version}, controllers ${desired.brokers
          .filter((b) => b.roles.includes('controller'))
          .map((b) => b.id)
          .join(', ')}`,
      ],
    });
  }
  let starts = 0;
  for (const broker of desired.brokers) {
    const need = needOf(broker, {
      nowMs: input.nowMs,
      wallMs: input.wallMs,
      memory,
      desired,
      mesos: input.mesos,
      kafka,
      artifacts: input.artifacts,
    });
    const record = memory.brokers.get(broker.id);
    switch (need.kind) {
      case 'launch':
        starts += 1;
        steps.push({
          mark: '+',
          what: `${need.relocate ? 'relocate' : 'start'} broker ${broker.id}`,
          why: whyStart(broker, record),
          brokerId: broker.id,
        });
        break;
      case 'held':
        // Applying fetches what nobody has asked for yet. Whatever else holds a start is told as held.
        if (need.held.reason.kind === 'distribution-missing' && !need.held.stalled) {
          starts += 1;
          steps.push({
            mark: '+',
            what: need.held.need,
            why: [...whyStart(broker, record), need.held.reason.detail],
            brokerId: broker.id,
          });
        }
        break;
      case 'running': {
        const growths =
          record?.growth?.isOver === true && record.growth.revision === memory.spec.revision
            ? []
            : describeGrowths(growthsOf(broker, record?.placement));
        if (broker.state === 'stopped') {
          steps.push({
            mark: '-',
            what: `stop broker ${broker.id}`,
            why: [whyStopped(record, input.nowMs)],
            brokerId: broker.id,
          });
        } else if (need.drift.length > 0 || growths.length > 0) {
          steps.push({
            mark: '~',
            what: `restart broker ${broker.id}`,
            why: [...new Set([...need.drift, ...growths])],
            brokerId: broker.id,
          });
        }
        break;
      }
      case 'step':
      case 'stopped':
        break;
    }
  }
  steps.push(
    ...leavingBrokers(memory).map((record) => ({
      mark: '-',
      what: `remove broker ${record.id}`,
      why: ['it is no longer in the spec: stopped when it hosts no replica, then its disk is destroyed'],
      brokerId: record.id,
    })),
  );
  steps.push(...changeSteps(memory, kafka, plan));
  const planned = new Set(steps.map((s) => s.what));
  return {
    name: desired.name,
    revision: memory.spec.revision,
    steps,
    held: plan.held
      .filter((h) => h.clusterName === desired.name && !isOnItsWay(h, planned.has(h.need)))
      .map((held) => describeHeld(held)),
    executors: executorShare(starts),
  };
}

function whyStart(broker: DesiredBroker, record: BrokerRecord | undefined): readonly string[] {
  if (record === undefined || record.launches === 0) return [`new: ${wantedOf(broker)}`];
  const last = record.last === undefined ? '' : ` (${record.last.message ?? record.last.state})`;
  return [`it does not run${last}`];
}

/** What goes on by itself within moments, and what a step of the same name says already. */
function isOnItsWay({ reason, stalled }: Held, isPlanned: boolean): boolean {
  switch (reason.kind) {
    case 'task-in-progress':
    case 'waiting-for-roll':
    case 'waiting-for-voters':
      return true;
    case 'distribution-missing':
    case 'kafka-unknown':
      return isPlanned && !stalled;
    case 'no-matching-offer':
      // Nobody has offered anything yet: with a refusal it is a finding.
      return isPlanned && !stalled && reason.rejections.length === 0;
    default:
      return false;
  }
}

function previewDeletion(
  { spec, brokers }: ClusterMemory,
  policy: DeletionPolicy,
): Pick<ClusterPlan, 'name' | 'revision' | 'steps'> {
  const { name } = spec.desired;
  if (spec.revision === 0) {
    // There is no such cluster: the file of one that is gone may stay where it is.
    return { name, revision: 0, steps: [] };
  }
  const records = [...brokers.values()].sort((a, b) => a.id - b.id);
  const step = (what: string, why: string, brokerId?: number): StepSummary => ({
    mark: '-',
    what,
    why: [why],
    ...(brokerId === undefined ? {} : { brokerId }),
  });
  const stops = records
    .filter((r) => r.task !== undefined)
    .map((r) => step(`stop broker ${r.id}`, 'the cluster is removed', r.id));
  if (policy === 'keepData') {
    return { name, revision: spec.revision, steps: stops };
  }
  const places = records.flatMap((r) =>
    [...(r.placement === undefined ? [] : [r.placement]), ...(r.leftBehind ?? [])].map(({ hostname }) =>
      step(
        `destroy what broker ${r.id} has on ${hostname}`,
        'volumes and their data, then reservations',
        r.id,
      ),
    ),
  );
  return {
    name,
    revision: spec.revision,
    steps: [...stops, ...places, step(`remove cluster ${name}`, 'its records go last')],
  };
}

/** Changes made to Kafka itself; the plan has them all at once. */
const kafkaChanges: ReadonlySet<Action['kind']> = new Set([
  'alter-min-isr',
  'create-topic',
  'create-partitions',
  'alter-topic-config',
]);

function changeSteps(
  memory: ClusterMemory,
  kafka: Source<KafkaObserved>,
  plan: Plan,
): readonly StepSummary[] {
  const { desired } = memory.spec;
  const planned = plan.steps
    .filter((s) => s.clusterName === desired.name && kafkaChanges.has(s.action.kind))
    .map(summarise);
  // A cluster that does not serve yet has none of its topics.
  const missing = desired.topics.filter(
    (t) =>
      !(kafka.known && kafka.value.topics.some((k) => k.name === t.name)) &&
      !planned.some((s) => s.what === `create topic ${t.name}`),
  );
  const isNew = memory.cluster?.formedAtMs === undefined;
  return [
    ...dynamicSteps(memory, kafka).map(({ step }) => summarise(step)),
    ...planned,
    ...(kafka.known || isNew ? missing : []).map((t) => ({
      mark: '+',
      what: `create topic ${t.name}`,
      why: [`${count(t.partitions, 'partition')}, replication factor ${t.replicationFactor}`],
    })),
  ];
}
