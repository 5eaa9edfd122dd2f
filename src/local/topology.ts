import type { Attribute, Resource } from '../mesos/types.ts';
import type { AgentConfig } from './model/state.ts';

/** An agent of the embedded Mesos: how it is started, its endpoint aside. */
export type AgentSpec = Omit<AgentConfig, 'ip' | 'port'> & {
  /** Absent or 0: the port it had before, else a free one. */
  readonly port?: number;
};

/** Of the master; the agents' follow it. */
export const defaultPort = 5050;

/**
 * Four agents in three racks, the fourth a spare in the first rack, on ports from 5051.
 *
 * Offers carry the names agent-1 to agent-4 as hostnames, so that placement by hostname works as on four
 * machines. These names resolve nowhere (neither glibc nor the JVM knows *.localhost): the text attribute
 * `advertised_host` says where what listens on the agent is reached, which is 127.0.0.1 for all.
 *
 * The port ranges are disjoint: hundreds of the block that begins at `firstPort`. Resources
 * are bookkeeping here: nothing keeps a task to them, and their sum may exceed the machine's.
 */
export function defaultAgents(
  masterPort: number = defaultPort,
  firstPort: number = 31_000,
): readonly AgentSpec[] {
  const racks = ['r1', 'r2', 'r3', 'r1'];
  return racks.map((rack, index) => ({
    name: `agent-${index + 1}`,
    hostname: `agent-${index + 1}`,
    port: masterPort === 0 ? 0 : masterPort + 1 + index,
    attributes: [textAttribute('rack', rack), textAttribute('advertised_host', '127.0.0.1')],
    resources: agentResources({
      cpus: 4,
      memoryMiB: 4096,
      diskMiB: 20 * 1024,
      firstPort: firstPort + 100 * index,
      // The last port of the block is its claim (port-block.ts).
      lastPort: firstPort + 100 * index + (index === racks.length - 1 ? 98 : 99),
    }),
  }));
}

export function agentResources(sizes: {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly firstPort: number;
  readonly lastPort: number;
}): readonly Resource[] {
  return [
    { name: 'cpus', type: 'SCALAR', scalar: { value: sizes.cpus } },
    { name: 'mem', type: 'SCALAR', scalar: { value: sizes.memoryMiB } },
    { name: 'disk', type: 'SCALAR', scalar: { value: sizes.diskMiB } },
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: sizes.firstPort, end: sizes.lastPort }] } },
  ];
}

function textAttribute(name: string, value: string): Attribute {
  return { name, type: 'TEXT', text: { value } };
}
