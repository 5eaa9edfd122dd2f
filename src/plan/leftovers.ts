/** What is still there of a framework that is torn down, by the word of the master and of our own records. */
import type { AgentEntry, MesosInventory } from '../model/mesos-inventory.ts';
import type { ClusterMemory } from '../model/records.ts';
import type { Leftover } from '../model/teardown.ts';

export function findLeftovers(
  inventory: MesosInventory,
  framework: { readonly name: string; readonly id: string | undefined },
  memory: readonly ClusterMemory[],
): readonly Leftover[] {
  const hostnames = new Map(inventory.agents.map((a) => [a.agentId, a.hostname]));
  return [
    ...inventory.tasks
      .filter((t) => t.frameworkId === framework.id)
      .map(
        (t): Leftover => ({
          kind: t.state === 'TASK_UNREACHABLE' || !hostnames.has(t.agentId) ? 'unreachable-task' : 'task',
          agentId: t.agentId,
          hostname: hostnames.get(t.agentId) ?? t.agentId,
          what: t.taskId,
        }),
      ),
    ...inventory.agents.flatMap((agent) => resourcesOf(agent, framework.name)),
    ...inventory.recoveredAgents.map(
      ({ agentId, hostname }): Leftover => ({
        kind: 'unseen-agent',
        agentId,
        hostname,
        what: 'the master has not heard of it since it was elected',
      }),
    ),
    ...recorded(memory, hostnames),
  ];
}

function resourcesOf({ agentId, hostname, resources }: AgentEntry, name: string): readonly Leftover[] {
  return resources.flatMap((resource): readonly Leftover[] => {
    const labels = resource.reservations.at(-1)?.labels;
    if (labels?.framework !== name) {
      return [];
    }
    const owner = `broker ${labels.broker ?? '?'} of ${labels.cluster ?? '?'}`;
    const volume = resource.disk?.volume?.persistenceId;
    const amount = resource.scalar ?? (resource.ranges ?? []).map((r) => `${r.begin}-${r.end}`).join(', ');
    return [
      volume === undefined
        ? { kind: 'reservation', agentId, hostname, what: `${resource.name} ${amount} of ${owner}` }
        : { kind: 'volume', agentId, hostname, what: `${volume} of ${owner}` },
    ];
  });
}

/** Places on agents that are not registered: the master cannot say whether they are still there. */
function recorded(
  memory: readonly ClusterMemory[],
  registered: ReadonlyMap<string, string>,
): readonly Leftover[] {
  return memory.flatMap(({ brokers }) =>
    [...brokers.values()].flatMap((record) =>
      [...(record.placement === undefined ? [] : [record.placement]), ...(record.leftBehind ?? [])]
        .filter((place) => !registered.has(place.agentId))
        .map(
          (place): Leftover => ({
            kind: 'record',
            agentId: place.agentId,
            hostname: place.hostname,
            what: `the place of broker ${record.id} of ${record.clusterName}, incarnation ${place.incarnation}`,
          }),
        ),
    ),
  );
}
