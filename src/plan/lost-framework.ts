/** Whether a framework of our name is there that a store without its id has lost. */
import { isTerminal } from '../model/mesos.ts';
import type { FrameworkEntry, MesosInventory } from '../model/mesos-inventory.ts';

/**
 * The framework beside which none of that name may be registered: it has a scheduler, or tasks or reservations, or
 * may have them on agents that the master has not heard of yet. One that has nothing is what a scheduler leaves that
 * died between its first subscription and the record of it; it runs out by itself.
 */
export function findLostFramework(
  { frameworks, tasks, agents, recoveredAgents }: MesosInventory,
  { name, role }: { readonly name: string; readonly role: string },
): FrameworkEntry | undefined {
  const isReserved = agents.some(({ resources }) =>
    resources.some((r) => r.reservations.at(-1)?.labels.framework === name),
  );
  return frameworks.find(
    (f) =>
      !f.completed &&
      f.name === name &&
      f.roles.includes(role) &&
      (f.connected ||
        isReserved ||
        recoveredAgents.length > 0 ||
        tasks.some((t) => t.frameworkId === f.id && !isTerminal(t.state))),
  );
}
