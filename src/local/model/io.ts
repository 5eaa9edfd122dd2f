/**
 * What goes into the pure model of one Mesos master with its agents, and what comes out.
 *
 * `step(state, input)` returns the outputs in the order in which they must be carried out. Wire
 * messages are in the JSON form of the v1 API (snake_case, enum names, bytes as base64).
 *
 * Agents are addressed by `agentName`: a name of the host's choice that stays the same when the
 * agent's process restarts, even with a wiped work directory and so with a new agent id.
 * `streamId` names one open HTTP response; the shell makes it unique, over restarts too. For a
 * scheduler's stream it is also the `Mesos-Stream-Id`.
 */
import type {
  CommandInfo,
  ExecutorCallFields,
  ExecutorEvent,
  ExecutorInfo,
  FrameworkInfo,
  Resource,
  SchedulerCallFields,
  SchedulerEvent,
  TaskInfo,
  TaskStatusReason,
} from '../../mesos/types.ts';
import type { DrainCall } from './draining.ts';
import type { MachineId } from './machines.ts';
import type { MaintenanceWindow } from './maintenance.ts';
import type { AgentConfig } from './state.ts';

/** One thing that happened to the master, an agent or a process; `nowMs` is milliseconds since the epoch. */
export type Input = { readonly nowMs: number } & (
  | SchedulerInput
  | ExecutorInput
  | OperatorInput
  | AgentInput
  | MasterInput
  | ContainerInput
  | Tick
);

/** Time passed. Due whenever `nextWakeMs(state)` is reached; earlier or later is harmless. */
type Tick = { readonly kind: 'tick' };

type MasterInput = {
  /**
   * The master died and is elected again, or another one in its place: schedulers' streams break, offers,
   * tasks and frameworks are forgotten; the registry (agents, unreachable, gone and draining ones, the
   * maintenance schedule) is not. `masterId` must be new. Agents that could talk to the old master find the
   * new one after `agentsReturnAfterMs` (0 when absent); partitioned ones when they are healed.
   */
  readonly kind: 'master-restarted';
  readonly masterId: string;
  readonly agentsReturnAfterMs?: number;
};

type SchedulerInput =
  /** SUBSCRIBE. Answered by one `reply`; status 200 means that `streamId` is now an open stream. */
  | { readonly kind: 'subscribe'; readonly streamId: string; readonly call: SchedulerCallFields }
  /** Any other scheduler call; `streamId` is the request's Mesos-Stream-Id header. Answered by one `reply`. */
  | { readonly kind: 'call'; readonly streamId?: string; readonly call: SchedulerCallFields }
  /** The client closed its stream, or it broke. Harmless for a stream the model has closed itself. */
  | { readonly kind: 'stream-closed'; readonly streamId: string };

type ExecutorInput =
  /** SUBSCRIBE of a v1 executor at this agent. Answered by one `reply`; 200 opens `streamId`. */
  | {
      readonly kind: 'executor-subscribe';
      readonly agentName: string;
      readonly streamId: string;
      readonly call: ExecutorCallFields;
    }
  /** Any other executor call. Answered by one `reply`. */
  | { readonly kind: 'executor-call'; readonly agentName: string; readonly call: ExecutorCallFields }
  | { readonly kind: 'executor-stream-closed'; readonly agentName: string; readonly streamId: string };

/** POST /api/v1. Answered by one `reply`. */
type OperatorInput = { readonly kind: 'operator-call'; readonly call: OperatorCall };

/** The operator calls that the model knows; any other type is answered 400 by name. */
export type OperatorCall =
  | { readonly type: 'MARK_AGENT_GONE'; readonly mark_agent_gone: AgentCall }
  | { readonly type: 'DRAIN_AGENT'; readonly drain_agent: DrainCall }
  | { readonly type: 'DEACTIVATE_AGENT'; readonly deactivate_agent: AgentCall }
  | { readonly type: 'REACTIVATE_AGENT'; readonly reactivate_agent: AgentCall }
  | {
      readonly type: 'UPDATE_MAINTENANCE_SCHEDULE';
      readonly update_maintenance_schedule: {
        readonly schedule: { readonly windows?: readonly MaintenanceWindow[] };
      };
    }
  | { readonly type: 'START_MAINTENANCE'; readonly start_maintenance: MachinesCall }
  | { readonly type: 'STOP_MAINTENANCE'; readonly stop_maintenance: MachinesCall }
  | { readonly type: 'RESERVE_RESOURCES'; readonly reserve_resources: AgentCall & ReserveFields }
  | { readonly type: 'UNRESERVE_RESOURCES'; readonly unreserve_resources: AgentCall & ReserveFields }
  | { readonly type: 'CREATE_VOLUMES'; readonly create_volumes: AgentCall & VolumeFields }
  | { readonly type: 'DESTROY_VOLUMES'; readonly destroy_volumes: AgentCall & VolumeFields }
  | { readonly type: 'TEARDOWN'; readonly teardown: { readonly framework_id: { readonly value: string } } }
  | {
      readonly type:
        | 'GET_AGENTS'
        | 'GET_MAINTENANCE_SCHEDULE'
        | 'GET_MAINTENANCE_STATUS'
        | 'GET_TASKS'
        | 'GET_FRAMEWORKS'
        | 'GET_HEALTH'
        | 'GET_VERSION'
        | 'GET_MASTER'
        | 'GET_STATE'
        | 'GET_EXECUTORS'
        | 'GET_OPERATIONS'
        | 'GET_ROLES'
        | 'GET_WEIGHTS'
        | 'GET_QUOTA'
        | 'GET_LOGGING_LEVEL';
    };

type ReserveFields = { readonly resources?: readonly Resource[]; readonly source?: readonly Resource[] };
type VolumeFields = { readonly volumes?: readonly Resource[] };
type MachinesCall = { readonly machines?: readonly MachineId[] };
type AgentCall = { readonly agent_id: { readonly value: string } };

export type AgentInput =
  /**
   * The agent's process started. A name seen before recovers its agent id, tasks, executors,
   * reservations and volumes, unless `wiped` says that its work directory is gone.
   * `livingContainers` are the container ids whose processes still run; the other containers of
   * the recovered state are taken as ended with an unknown status. Executors that live have
   * `executorReregistrationTimeoutMs` to subscribe again; only then the agent registers. A changed
   * configuration (resources, attributes, domain) is refused by `stop-agent`, unless `wiped`.
   */
  | {
      readonly kind: 'agent-started';
      readonly agent: AgentConfig;
      readonly wiped?: boolean;
      readonly livingContainers?: readonly string[];
      /** How long registering takes beyond recovery (in Mesos a random backoff); 0 when absent. */
      readonly registrationDelayMs?: number;
    }
  /**
   * The agent's process is down. With `executors: 'running'` (crash, kill -9, stop for an upgrade)
   * its containers live on; with 'gone' the machine is lost with them. The master learns it
   * at once as a broken connection; the agent becomes unreachable by itself after the ping timeout.
   */
  | { readonly kind: 'agent-stopped'; readonly agentName: string; readonly executors: 'running' | 'gone' }
  /** Both process and executors live, but master and agent cannot reach one another. */
  | { readonly kind: 'agent-partitioned'; readonly agentName: string }
  | {
      readonly kind: 'agent-healed';
      readonly agentName: string;
      readonly registrationDelayMs?: number;
    }
  /** The agent was told to shut down for good (SIGUSR1): it kills its executors and unregisters. */
  | { readonly kind: 'agent-unregistered'; readonly agentName: string };

/** What became of a container that `start-container` asked for. Unknown container ids are ignored. */
export type ContainerInput =
  /** Fetching is done and the first process runs. For a command task this makes it STARTING, then RUNNING. */
  | {
      readonly kind: 'container-started';
      readonly agentName: string;
      readonly containerId: string;
      readonly pid: number;
    }
  /**
   * The container never ran: a fetch failed, the user is unknown, the sandbox could not be made.
   * `reason` is REASON_CONTAINER_LAUNCH_FAILED when absent. REASON_EXECUTOR_TERMINATED stands for a
   * sandbox that could not be made, and gives TASK_DROPPED.
   */
  | {
      readonly kind: 'container-failed';
      readonly agentName: string;
      readonly containerId: string;
      readonly message: string;
      readonly reason?: TaskStatusReason;
    }
  /** The first process ended; `waitStatus` is the raw wait(2) status: exit code * 256, or the signal's number. */
  | {
      readonly kind: 'container-exited';
      readonly agentName: string;
      readonly containerId: string;
      readonly waitStatus: number;
    };

export type Output =
  /** One event for an open scheduler stream. */
  | { readonly kind: 'event'; readonly streamId: string; readonly event: SchedulerEvent }
  /** End the scheduler's stream properly (last chunk), or as a process that dies. */
  | { readonly kind: 'close-stream'; readonly streamId: string; readonly broken?: true }
  /** The answer to the input's own HTTP request. At most one per step, wherever it stands among the outputs. */
  | Reply
  | { readonly kind: 'executor-event'; readonly streamId: string; readonly event: ExecutorEvent }
  | { readonly kind: 'close-executor-stream'; readonly streamId: string }
  | StartContainer
  /** Send a signal to the container's process group. */
  | {
      readonly kind: 'signal-container';
      readonly agentName: string;
      readonly containerId: string;
      readonly signal: 'SIGTERM' | 'SIGKILL';
    }
  /**
   * Kill whatever runs of the container, then say `container-exited`. Also for containers still
   * fetching. The sandbox stays.
   */
  | { readonly kind: 'destroy-container'; readonly agentName: string; readonly containerId: string }
  /** Link more volumes into a running container's sandbox: a new task of its executor brings them. */
  | {
      readonly kind: 'add-volumes';
      readonly agentName: string;
      readonly containerId: string;
      readonly volumes: readonly VolumeFacts[];
    }
  /** Make the volume's directory (harmless when it is there). */
  | { readonly kind: 'create-volume'; readonly agentName: string; readonly volume: VolumeFacts }
  /** Delete the volume with its data (harmless when it is not there). */
  | { readonly kind: 'destroy-volume'; readonly agentName: string; readonly volume: VolumeFacts }
  /** The agent must end its process: it was marked gone, or its configuration changed under its id. */
  | { readonly kind: 'stop-agent'; readonly agentName: string; readonly message: string };

/** `json` and `text` exclude one another; neither is an empty body. */
export type Reply = {
  readonly kind: 'reply';
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly text?: string;
  readonly json?: unknown;
};

/**
 * Fetch the URIs, make the sandbox, link the volumes, start the command; then say
 * `container-started`, `container-failed` or `container-exited`. A repeated request (same container
 * id) must not start it twice.
 */
export type StartContainer = {
  readonly kind: 'start-container';
  readonly agentName: string;
  readonly agentId: string;
  readonly containerId: string;
  readonly frameworkId: string;
  readonly executorId: string;
  /**
   * `executor`: a custom HTTP executor, which subscribes by itself. `command`: the command of a
   * task; the model plays the command executor, the process needs no Mesos at all.
   */
  readonly role: 'executor' | 'command';
  readonly frameworkInfo: FrameworkInfo;
  /** Of a custom executor; with framework_id filled in. */
  readonly executorInfo?: ExecutorInfo;
  /** Of a command task. */
  readonly taskInfo?: TaskInfo;
  readonly command: CommandInfo;
  /** The user to run as, by Mesos' rule: the command's, else the framework's. */
  readonly user: string;
  /**
   * The variables Mesos sets, and after them those of the command. MESOS_DIRECTORY and MESOS_SANDBOX
   * are absent: they are `sandboxPath` under the agent's work directory, made absolute.
   */
  readonly environment: Readonly<Record<string, string>>;
  /** Relative to the agent's work directory: slaves/ID/frameworks/ID/executors/ID/runs/CONTAINER. */
  readonly sandboxPath: string;
  readonly volumes: readonly VolumeFacts[];
  readonly resources: readonly Resource[];
};

/** A persistent volume as the agent keeps it. */
export type VolumeFacts = {
  readonly persistenceId: string;
  readonly role: string;
  /** Relative to the agent's work directory, or to the disk source's root: volumes/roles/ROLE/ID. */
  readonly volumePath: string;
  /** Present for PATH and MOUNT disks. A MOUNT disk is the volume itself, without `volumePath`. */
  readonly source?: { readonly type: 'PATH' | 'MOUNT'; readonly root: string };
  /** Where the container sees it, relative to its sandbox. */
  readonly containerPath: string;
  readonly mode: 'RW' | 'RO';
};

/** What `step` returns. The state is the same object, changed in place. */
export type Stepped<State> = { readonly state: State; readonly outputs: readonly Output[] };
