/** Every need of a plan is met by a step or held with a reason, and every offer used, kept for somebody or declined. */
import type { PlanInput } from '../../src/model/observed.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { BrokerRecord, ClusterMemory } from '../../src/model/records.ts';
import { Violation } from './truth.ts';

export function checkNeeds(input: PlanInput, plan: Plan): void {
  for (const held of plan.held) {
    if (held.need === '' || held.reason.kind.length === 0)
      throw new Violation('a need is held without a reason');
  }
  for (const memory of input.clusters) {
    const { desired } = memory.spec;
    const held = plan.held.filter((h) => h.clusterName === desired.name);
    if (!input.mesos.connected) {
      if (held.length === 0) throw new Violation(`nothing says why cluster ${desired.name} stands still`);
      continue;
    }
    // Nothing of it is touched.
    if (held.some((h) => h.reason.kind === 'store-outdated')) continue;
    const steps = plan.steps.filter((s) => s.clusterName === desired.name);
    if (desired.deletion !== undefined || memory.cluster?.destroyedSinceMs !== undefined) {
      const isThere = [...memory.brokers.values()].some((r) => r.task !== undefined);
      if (isThere && steps.length + held.length === 0) {
        throw new Violation(`cluster ${desired.name} is to go, and no step and no reason names it`);
      }
      continue;
    }
    const leaving = [...memory.brokers.values()].filter(
      ({ id, leftBehind }) => leftBehind === undefined && !desired.brokers.some((b) => b.id === id),
    );
    for (const { id } of leaving) {
      if (![...steps, ...held].some((one) => one.brokerId === id)) {
        throw new Violation(`broker ${id} is to go, and no step and no reason names it`);
      }
    }
    for (const broker of desired.brokers) {
      const isMet =
        steps.some((s) => s.brokerId === broker.id) ||
        held.some((h) => h.brokerId === broker.id) ||
        isSettled(memory, broker.id, input.nowMs);
      if (!isMet)
        throw new Violation(`broker ${broker.id} needs something, and no step and no reason names it`);
    }
    checkTopics(input, memory, plan);
  }
  checkOffers(input, plan);
}

/** Nothing is wanted of it, as far as can be said without the planner's own rules. */
function isSettled(memory: ClusterMemory, id: number, nowMs: number): boolean {
  const wanted = memory.spec.desired.brokers.find((b) => b.id === id);
  const record: BrokerRecord | undefined = memory.brokers.get(id);
  const task = record?.task;
  const asked = (record?.intent?.expiresAtMs ?? nowMs + 1) > nowMs ? record?.intent?.kind : undefined;
  if (wanted?.state === 'stopped' || asked === 'stop') return task === undefined;
  if (task?.state !== 'TASK_RUNNING' || task.kill !== undefined || task.unreachableSinceMs !== undefined) {
    return false;
  }
  const { startedWith } = task;
  const dynamic = record?.dynamicConfig ?? {};
  const keys = new Set([...Object.keys(startedWith.config), ...Object.keys(wanted?.config ?? {})]);
  const sizes = new Map((record?.placement?.volumes ?? []).map((v) => [v.name, v.sizeMiB]));
  // One value for the cluster, followed elsewhere; and what was set dynamically counts instead of the file.
  keys.delete('min.insync.replicas');
  return (
    wanted !== undefined &&
    startedWith.cpus === wanted.cpus &&
    startedWith.memoryMiB === wanted.memoryMiB &&
    startedWith.heapMiB === wanted.heapMiB &&
    wanted.storage.volumes.every((v) => v.sizeMiB <= (sizes.get(v.name) ?? 0)) &&
    [...keys].every((key) => (dynamic[key]?.value ?? startedWith.config[key]) === wanted.config[key])
  );
}

function checkTopics(input: PlanInput, { spec: { desired } }: ClusterMemory, plan: Plan): void {
  const kafka = input.kafka.get(desired.name);
  for (const topic of desired.topics) {
    const actual = kafka?.known === true ? kafka.value.topics.find((t) => t.name === topic.name) : undefined;
    if (actual?.partitions.length === topic.partitions) continue;
    const names = [...plan.steps.map((s) => s.what), ...plan.held.map((h) => h.need)];
    if (!names.some((text) => text.includes(`topic ${topic.name}`))) {
      throw new Violation(`topic ${topic.name} needs something, and no step and no reason names it`);
    }
  }
}

function checkOffers(input: PlanInput, plan: Plan): void {
  if (!input.mesos.connected) return;
  const spoken = new Set(
    plan.steps.flatMap(({ action }) => {
      const call = action.kind === 'mesos' || action.kind === 'broker' ? action.call : undefined;
      return call?.kind === 'accept' || call?.kind === 'decline' ? call.offerIds : [];
    }),
  );
  // The pass that forms a cluster keeps what is left for the one that follows at once, and so does one that finds
  // reserved already what a volume is to grow by.
  const waits =
    plan.held.some((h) => h.reason.kind === 'waiting-for-voters') ||
    plan.steps.some(({ action }) => action.kind === 'bind-cluster' || findsDiskReserved(action));
  const forgotten = input.mesos.offers.find((offer) => !spoken.has(offer.id));
  if (forgotten !== undefined && !waits)
    throw new Violation(`offer ${forgotten.id} is neither used nor declined`);
}

function findsDiskReserved(action: Plan['steps'][number]['action']): boolean {
  return action.kind === 'broker' && action.call === undefined && action.record.growth?.attempts === 0;
}
