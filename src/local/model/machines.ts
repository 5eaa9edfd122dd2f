/** Machines of the maintenance schedule, which a hostname and an address name together. */
import type { Unavailability } from '../../mesos/types.ts';
import type { Machine, State } from './state.ts';

/** At least one of the two. An agent's machine has both. */
export type MachineId = { readonly hostname?: string; readonly ip?: string };

export function machineKey({ hostname = '', ip = '' }: MachineId): string {
  return JSON.stringify([hostname.toLowerCase(), ip]);
}

export function machineOf(state: State, id: MachineId): Machine | undefined {
  return state.maintenance.machines[machineKey(id)];
}

/** When the machine an agent runs on will be taken away, or was. */
export function unavailabilityOf(state: State, agentId: string): Unavailability | undefined {
  const record = state.agents[agentId];
  if (record === undefined) return undefined;
  return machineOf(state, { hostname: record.info.hostname, ip: record.ip })?.unavailability;
}

/** As Mesos writes it into its texts. */
export function machineText({ hostname, ip }: MachineId): string {
  if (hostname !== undefined && ip !== undefined) return `${hostname} (${ip})`;
  return hostname ?? `(${ip})`;
}
