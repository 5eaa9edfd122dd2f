/**
 * The state of the model: one master and its agents, as plain JSON.
 *
 * What the master knows and what each agent knows are kept apart, because they differ whenever the
 * two cannot talk: `frameworks`, `offers` and `AgentRecord` are the master's; `AgentProcess` is what
 * the agent checkpoints in its work directory.
 */
import type {
  AgentInfo,
  Attribute,
  Base64,
  DomainInfo,
  DurationInfo,
  ExecutorInfo,
  FrameworkInfo,
  KillPolicy,
  Offer,
  OfferConstraints,
  Operation,
  OperationState,
  OperationStatus,
  Resource,
  TaskInfo,
  TaskState,
  TaskStatus,
  TaskStatusReason,
  Unavailability,
} from '../../mesos/types.ts';
import type { MachineId } from './machines.ts';
import type { MaintenanceWindow } from './maintenance.ts';

export type State = {
  settings: Settings;
  /** Time of the latest input. */
  nowMs: number;
  /** When this master began to lead; milliseconds. */
  electedMs: number;
  nextFrameworkNumber: number;
  nextAgentNumber: number;
  nextOfferNumber: number;
  /** Uuids and container ids are derived from it. */
  nextUuidNumber: number;
  nextAllocationMs: number;
  /** By framework id, in order of registration. */
  frameworks: Record<string, Framework>;
  /** Removed frameworks, oldest first; at most `maxCompletedFrameworks`. */
  completedFrameworks: CompletedFramework[];
  /** Outstanding offers by id, in order of issue. */
  offers: Record<string, OfferRecord>;
  /** Agents the master holds as registered, by agent id. */
  agents: Record<string, AgentRecord>;
  /** Agents of the registry which have not come back since the master restarted, by agent id. */
  recoveredAgents: Record<string, AgentRecord['info']>;
  /** When those are given up as unreachable; only while there are any. */
  recoveryDeadlineMs?: number;
  /** When each unreachable agent was given up; milliseconds. */
  unreachableAgents: Record<string, number>;
  /** When each agent was marked gone; milliseconds. */
  goneAgents: Record<string, number>;
  /** By agent id, registered or not: no offers of them are made. */
  deactivatedAgents: Record<string, true>;
  /** By agent id. A drained agent stays here until it is reactivated. */
  drainingAgents: Record<string, DrainRecord>;
  maintenance: {
    /** As the operator gave it, without the machines brought up since. */
    schedule: MaintenanceWindow[];
    /** Those of the schedule, by `machineKey`. */
    machines: Record<string, Machine>;
  };
  /** Not answered yet, by id. */
  inverseOffers: Record<string, InverseOfferRecord>;
  /** The agents' own side, by agent name. */
  processes: Record<string, AgentProcess>;
};

export type Settings = {
  /** Prefix of every id the master gives. */
  readonly masterId: string;
  readonly hostname: string;
  readonly ip: string;
  readonly port: number;
  readonly version: string;
  readonly domain?: DomainInfo;
  readonly allocationIntervalMs: number;
  readonly heartbeatIntervalMs: number;
  readonly agentPingTimeoutMs: number;
  readonly maxAgentPingTimeouts: number;
  /** How long a restarted master waits for the agents it knows of; 10 min when absent. */
  readonly agentReregisterTimeoutMs?: number;
  /** Offers are rescinded after this; never when absent. */
  readonly offerTimeoutMs?: number;
  readonly maxCompletedFrameworks: number;
  /** Per framework. */
  readonly maxCompletedTasks: number;
};

/** How an agent is started; what the flags of mesos-agent are. */
export type AgentConfig = {
  /** Stable over restarts, wiped work directories included. */
  readonly name: string;
  readonly hostname: string;
  readonly ip: string;
  readonly port: number;
  /** Without reservations: what the machine has. */
  readonly resources: readonly Resource[];
  readonly attributes?: readonly Attribute[];
  readonly domain?: DomainInfo;
  /** Default 1 min. */
  readonly executorRegistrationTimeoutMs?: number;
  /** Default 2 s. */
  readonly executorReregistrationTimeoutMs?: number;
  /** Default 5 s. */
  readonly executorShutdownGracePeriodMs?: number;
  /** As the flag of mesos-agent: the kill policy of a KILL call then reaches command tasks. */
  readonly httpCommandExecutor?: boolean;
};

// The master's side

export type Framework = {
  readonly id: string;
  info: FrameworkInfo;
  /** Of the subscribed stream; absent while disconnected. */
  streamId?: string;
  nextHeartbeatMs?: number;
  /** When it will be removed unless it comes back; only while disconnected. */
  failoverDeadlineMs?: number;
  /** Known by an agent's tasks only: since the master restarted it has not subscribed. */
  recovered?: true;
  suppressedRoles: string[];
  offerConstraints?: OfferConstraints;
  filters: OfferFilter[];
  /** By agent id: no inverse offer before then; milliseconds. */
  inverseFilters?: Record<string, number>;
  /** Not yet removed tasks by task id: also terminal ones whose last update is not acknowledged. */
  tasks: Record<string, MasterTask>;
  unreachableTasks: Record<string, MasterTask>;
  /** Operations with an id, by that id, until their status is acknowledged. */
  operations: Record<string, OperationRecord>;
  /** Oldest first. */
  completedTasks: MasterTask[];
  readonly registeredMs: number;
  reregisteredMs: number;
};

export type OperationRecord = {
  readonly agentId: string;
  readonly state: OperationState;
  /** As it was carried out, and the master's own id of it: unknown of an operation that an agent brought back. */
  readonly info?: Operation;
  readonly uuid?: Base64;
};

export type CompletedFramework = {
  readonly id: string;
  readonly info: FrameworkInfo;
  readonly registeredMs: number;
  readonly reregisteredMs: number;
  readonly unregisteredMs: number;
  readonly completedTasks: readonly MasterTask[];
};

/** Refused resources: an offer they contain is withheld from (framework, role, agent) until `expiresMs`. */
type OfferFilter = {
  readonly role: string;
  readonly agentId: string;
  readonly resources: readonly Resource[];
  readonly expiresMs: number;
};

export type OfferRecord = {
  readonly id: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly role: string;
  /** With allocation_info. */
  readonly resources: readonly Resource[];
  /** As it was sent. */
  readonly offer: Offer;
  readonly rescindMs?: number;
};

export type MasterTask = {
  readonly info: TaskInfo;
  readonly frameworkId: string;
  readonly agentId: string;
  /** Of a custom executor. */
  readonly executorId?: string;
  /** The latest state the agent knows of; terminal means that the resources are free. */
  state: TaskState;
  /** State and uuid of the latest update that was passed on. */
  updateState?: TaskState;
  updateUuid?: Base64;
  statuses: TaskStatus[];
};

export type AgentRecord = {
  readonly id: string;
  /** Which process this is. */
  readonly name: string;
  info: AgentInfo & { readonly checkpoint?: boolean };
  ip: string;
  /** False between a broken connection and the agent's return (or its removal). */
  connected: boolean;
  /** Unless it returns before. Present while the agent does not answer pings. */
  unreachableDeadlineMs?: number;
  /** With reservations and volumes, without allocation_info. */
  total: Resource[];
  /** Custom executors by framework id and executor id. */
  executors: Record<string, Record<string, ExecutorInfo>>;
  /** Kills to repeat when the agent returns: task ids by framework id. */
  killedTasks: Record<string, Record<string, KillPolicy | null>>;
  /** The frameworks' last answers to inverse offers, by framework id. */
  inverseAnswers?: Record<string, { readonly status: 'ACCEPT' | 'DECLINE'; readonly answeredMs: number }>;
  readonly registeredMs: number;
  reregisteredMs?: number;
};

export type Machine = {
  readonly id: MachineId;
  /** `DRAINING`: scheduled. `DOWN`: no agent of it may register. */
  mode: 'DRAINING' | 'DOWN';
  readonly unavailability: Unavailability;
};

export type InverseOfferRecord = {
  readonly id: string;
  readonly frameworkId: string;
  readonly agentId: string;
  readonly rescindMs?: number;
};

/** What an operator's DRAIN_AGENT asked of an agent, and how far that is. */
export type DrainRecord = {
  readonly config: DrainConfig;
  state: 'DRAINING' | 'DRAINED';
  /** Absent for an agent that was not registered when the call came. */
  readonly startedMs?: number;
};

export type DrainConfig = {
  /** Caps the kill policy of every task; 0 kills at once. */
  readonly max_grace_period?: DurationInfo;
  readonly mark_gone: boolean;
};

// The agent's side

export type AgentProcess = {
  readonly name: string;
  config: AgentConfig;
  /** Absent until it registered for the first time. */
  agentId?: string;
  /**
   * `down`: no process. `recovering`: waits for its executors, then registers at `registerMs`.
   * `up`: registered, or cut off when `linked` is false.
   */
  phase: 'down' | 'recovering' | 'up';
  registerMs?: number;
  /** Whether agent and master can talk. */
  linked: boolean;
  /** Total with reservations and volumes, without allocation_info. */
  total: Resource[];
  /** By framework id. */
  frameworks: Record<string, FrameworkInfo>;
  /** By `executorKey`. */
  executors: Record<string, Executor>;
  /** Status update streams by `taskKey`. */
  updates: Record<string, UpdateStream>;
  /** Operation statuses not acknowledged yet. */
  operations: OperationStream[];
  /** While it drains: kills are told as drains, launches are dropped. */
  drain?: DrainConfig;
};

export type OperationStream = {
  readonly frameworkId: string;
  readonly status: OperationStatus;
  resendMs?: number;
  intervalMs: number;
};

export type Executor = {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly containerId: string;
  readonly command: boolean;
  readonly info: ExecutorInfo;
  /**
   * `registering`: started, not subscribed (again) yet. `running`. `terminating`: told to end.
   * `terminated`: ended; kept until its tasks' last updates are acknowledged.
   */
  phase: 'registering' | 'running' | 'terminating' | 'terminated';
  streamId?: string;
  pid?: number;
  registrationDeadlineMs?: number;
  /** Since a restart of the agent it has not subscribed again. */
  recovering?: boolean;
  /** Destroyed then. */
  shutdownDeadlineMs?: number;
  /** Why it ends, when the agent itself decided so. */
  termination?: { readonly reason: TaskStatusReason; readonly message: string };
  /** Tasks not yet handed to the executor, in order. */
  queued: TaskInfo[];
  launched: Record<string, AgentTask>;
  /** Terminal, last update not acknowledged. */
  finished: Record<string, AgentTask>;
  /** Of a command executor. */
  kill?: { readonly escalateMs?: number; readonly reason?: TaskStatusReason };
  /** Of a command executor: when its task has run for `max_completion_time`. */
  completionDeadlineMs?: number;
  /** A command executor lingers a moment after its task's end. */
  lingerUntilMs?: number;
  /** The framework was removed: nobody hears of this executor any more. */
  orphaned?: boolean;
};

export type AgentTask = {
  readonly info: TaskInfo;
  state: TaskState;
  /** As the master has them, for the case that it forgets. */
  statuses: TaskStatus[];
  /** State and uuid of the latest update that was sent to the master. */
  updateState?: TaskState;
  updateUuid?: Base64;
};

export type UpdateStream = {
  readonly frameworkId: string;
  readonly taskId: string;
  /** Not acknowledged, oldest first; only the first is sent. */
  pending: TaskStatus[];
  /** The latest uuids, to drop repeats. */
  seen: Base64[];
  resendMs?: number;
  intervalMs: number;
};
