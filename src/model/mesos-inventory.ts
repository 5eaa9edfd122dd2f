/**
 * All that a Mesos master knows of its tasks and agents at one moment, as its operator API tells it. What
 * executors reported is not in it: a master drops the data of the statuses it keeps (`Master::updateTask`).
 */
import type { Resource, TaskState } from './mesos.ts';

export type MesosInventory = {
  readonly frameworks: readonly FrameworkEntry[];
  /** Tasks the master holds, unreachable ones included; completed ones are history and left out. */
  readonly tasks: readonly TaskEntry[];
  /** Registered agents. One that is unreachable is not among them, and neither is what is reserved there. */
  readonly agents: readonly AgentEntry[];
  /** Agents of before the master's own restart that have not come back yet: what is on them is not known. */
  readonly recoveredAgents: readonly { readonly agentId: string; readonly hostname: string }[];
};

export type FrameworkEntry = {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly principal?: string;
  readonly connected: boolean;
  /** Torn down, or away for longer than its failover timeout: its id cannot be used again. */
  readonly completed: boolean;
};

export type TaskEntry = {
  readonly taskId: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly state: TaskState;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: readonly Resource[];
};

export type AgentEntry = {
  readonly agentId: string;
  readonly hostname: string;
  readonly active: boolean;
  readonly attributes: Readonly<Record<string, string>>;
  /** Reserved or not, used or not. */
  readonly resources: readonly Resource[];
};
