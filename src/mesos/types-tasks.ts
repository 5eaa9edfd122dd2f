/** Tasks, executors and their statuses; see types.ts. */
import type {
  AgentId,
  Base64,
  ContainerId,
  DurationInfo,
  ExecutorId,
  FrameworkId,
  Image,
  Labels,
  OperationId,
  Parameter,
  Resource,
  ResourceProviderId,
  Scalar,
  Secret,
  TaskId,
  TimeInfo,
  Uuid,
  Volume,
} from './types-common.ts';

// Tasks and executors

export type TaskInfo = {
  readonly name: string;
  readonly task_id: TaskId;
  readonly agent_id: AgentId;
  readonly resources?: readonly Resource[];
  readonly executor?: ExecutorInfo;
  readonly command?: CommandInfo;
  readonly container?: ContainerInfo;
  readonly health_check?: HealthCheck;
  readonly check?: CheckInfo;
  readonly kill_policy?: KillPolicy;
  readonly data?: Base64;
  readonly labels?: Labels;
  readonly discovery?: DiscoveryInfo;
  readonly max_completion_time?: DurationInfo;
  readonly limits?: Readonly<Record<string, Scalar>>;
};
export type TaskGroupInfo = { readonly tasks?: readonly TaskInfo[] };
export type KillPolicy = { readonly grace_period?: DurationInfo };

export type ExecutorInfo = {
  readonly type?: 'UNKNOWN' | 'DEFAULT' | 'CUSTOM';
  readonly executor_id: ExecutorId;
  readonly framework_id?: FrameworkId;
  readonly command?: CommandInfo;
  readonly container?: ContainerInfo;
  readonly resources?: readonly Resource[];
  readonly name?: string;
  readonly source?: string;
  readonly data?: Base64;
  readonly discovery?: DiscoveryInfo;
  readonly shutdown_grace_period?: DurationInfo;
  readonly labels?: Labels;
};

export type CommandInfo = {
  readonly uris?: readonly CommandUri[];
  readonly environment?: Environment;
  /** True when absent. */
  readonly shell?: boolean;
  readonly value?: string;
  readonly arguments?: readonly string[];
  readonly user?: string;
};
export type CommandUri = {
  readonly value: string;
  readonly executable?: boolean;
  /** True when absent. */
  readonly extract?: boolean;
  readonly cache?: boolean;
  readonly output_file?: string;
};
export type Environment = { readonly variables?: readonly EnvironmentVariable[] };
export type EnvironmentVariable = {
  readonly name: string;
  readonly type?: 'UNKNOWN' | 'VALUE' | 'SECRET';
  readonly value?: string;
  readonly secret?: Secret;
};

export type IpProtocol = 'IPv4' | 'IPv6';
export type CheckType = 'UNKNOWN' | 'COMMAND' | 'HTTP' | 'TCP';
export type HealthCheck = {
  readonly type?: CheckType;
  readonly delay_seconds?: number;
  readonly interval_seconds?: number;
  readonly timeout_seconds?: number;
  readonly consecutive_failures?: number;
  readonly grace_period_seconds?: number;
  readonly command?: CommandInfo;
  readonly http?: {
    readonly protocol?: IpProtocol;
    readonly scheme?: string;
    readonly port: number;
    readonly path?: string;
    readonly statuses?: readonly number[];
  };
  readonly tcp?: { readonly protocol?: IpProtocol; readonly port: number };
};
export type CheckInfo = {
  readonly type?: CheckType;
  readonly command?: { readonly command: CommandInfo };
  readonly http?: { readonly port: number; readonly path?: string };
  readonly tcp?: { readonly port: number };
  readonly delay_seconds?: number;
  readonly interval_seconds?: number;
  readonly timeout_seconds?: number;
};

export type ContainerInfo = {
  readonly type: 'DOCKER' | 'MESOS';
  readonly volumes?: readonly Volume[];
  readonly hostname?: string;
  readonly docker?: {
    readonly image: string;
    readonly network?: 'HOST' | 'BRIDGE' | 'NONE' | 'USER';
    readonly port_mappings?: readonly PortMapping[];
    readonly privileged?: boolean;
    readonly parameters?: readonly Parameter[];
    readonly force_pull_image?: boolean;
  };
  readonly mesos?: { readonly image?: Image };
  readonly network_infos?: readonly NetworkInfo[];
  readonly rlimit_info?: RLimitInfo;
};
export type PortMapping = {
  readonly host_port: number;
  readonly container_port: number;
  readonly protocol?: string;
};
export type NetworkInfo = {
  readonly ip_addresses?: readonly { readonly protocol?: IpProtocol; readonly ip_address?: string }[];
  readonly name?: string;
  readonly groups?: readonly string[];
  readonly labels?: Labels;
  readonly port_mappings?: readonly PortMapping[];
};
export type RLimitInfo = {
  readonly rlimits?: readonly {
    readonly type?: RLimitType;
    readonly hard?: number;
    readonly soft?: number;
  }[];
};
export type RLimitType =
  | 'UNKNOWN'
  | 'RLMT_AS'
  | 'RLMT_CORE'
  | 'RLMT_CPU'
  | 'RLMT_DATA'
  | 'RLMT_FSIZE'
  | 'RLMT_LOCKS'
  | 'RLMT_MEMLOCK'
  | 'RLMT_MSGQUEUE'
  | 'RLMT_NICE'
  | 'RLMT_NOFILE'
  | 'RLMT_NPROC'
  | 'RLMT_RSS'
  | 'RLMT_RTPRIO'
  | 'RLMT_RTTIME'
  | 'RLMT_SIGPENDING'
  | 'RLMT_STACK';

export type DiscoveryVisibility = 'FRAMEWORK' | 'CLUSTER' | 'EXTERNAL';
export type DiscoveryInfo = {
  readonly visibility: DiscoveryVisibility;
  readonly name?: string;
  readonly environment?: string;
  readonly location?: string;
  readonly version?: string;
  readonly ports?: { readonly ports?: readonly DiscoveryPort[] };
  readonly labels?: Labels;
};
export type DiscoveryPort = {
  readonly number: number;
  readonly name?: string;
  readonly protocol?: string;
  readonly visibility?: DiscoveryVisibility;
  readonly labels?: Labels;
};

// Statuses

export type TaskState =
  | 'TASK_STAGING'
  | 'TASK_STARTING'
  | 'TASK_RUNNING'
  | 'TASK_KILLING'
  | 'TASK_FINISHED'
  | 'TASK_FAILED'
  | 'TASK_KILLED'
  | 'TASK_ERROR'
  | 'TASK_LOST'
  | 'TASK_DROPPED'
  | 'TASK_UNREACHABLE'
  | 'TASK_GONE'
  | 'TASK_GONE_BY_OPERATOR'
  | 'TASK_UNKNOWN';

export type TaskStatusSource = 'SOURCE_MASTER' | 'SOURCE_AGENT' | 'SOURCE_EXECUTOR';

export type TaskStatusReason =
  | 'REASON_COMMAND_EXECUTOR_FAILED'
  | 'REASON_CONTAINER_LAUNCH_FAILED'
  | 'REASON_CONTAINER_LIMITATION'
  | 'REASON_CONTAINER_LIMITATION_DISK'
  | 'REASON_CONTAINER_LIMITATION_MEMORY'
  | 'REASON_CONTAINER_PREEMPTED'
  | 'REASON_CONTAINER_UPDATE_FAILED'
  | 'REASON_MAX_COMPLETION_TIME_REACHED'
  | 'REASON_EXECUTOR_REGISTRATION_TIMEOUT'
  | 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT'
  | 'REASON_EXECUTOR_TERMINATED'
  | 'REASON_EXECUTOR_UNREGISTERED'
  | 'REASON_FRAMEWORK_REMOVED'
  | 'REASON_GC_ERROR'
  | 'REASON_INVALID_FRAMEWORKID'
  | 'REASON_INVALID_OFFERS'
  | 'REASON_IO_SWITCHBOARD_EXITED'
  | 'REASON_MASTER_DISCONNECTED'
  | 'REASON_RECONCILIATION'
  | 'REASON_RESOURCES_UNKNOWN'
  | 'REASON_AGENT_DISCONNECTED'
  | 'REASON_AGENT_DRAINING'
  | 'REASON_AGENT_REMOVED'
  | 'REASON_AGENT_REMOVED_BY_OPERATOR'
  | 'REASON_AGENT_REREGISTERED'
  | 'REASON_AGENT_RESTARTED'
  | 'REASON_AGENT_UNKNOWN'
  | 'REASON_TASK_KILLED_DURING_LAUNCH'
  | 'REASON_TASK_CHECK_STATUS_UPDATED'
  | 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED'
  | 'REASON_TASK_GROUP_INVALID'
  | 'REASON_TASK_GROUP_UNAUTHORIZED'
  | 'REASON_TASK_INVALID'
  | 'REASON_TASK_UNAUTHORIZED'
  | 'REASON_TASK_UNKNOWN';

export type TaskStatus = {
  readonly task_id: TaskId;
  readonly state: TaskState;
  readonly message?: string;
  readonly source?: TaskStatusSource;
  readonly reason?: TaskStatusReason;
  readonly data?: Base64;
  readonly agent_id?: AgentId;
  readonly executor_id?: ExecutorId;
  /** Seconds since the epoch. */
  readonly timestamp?: number;
  /** Present exactly when the update must be acknowledged. */
  readonly uuid?: Base64;
  readonly healthy?: boolean;
  readonly check_status?: CheckStatusInfo;
  readonly labels?: Labels;
  readonly container_status?: ContainerStatus;
  readonly unreachable_time?: TimeInfo;
  readonly limitation?: { readonly resources?: readonly Resource[] };
};
export type CheckStatusInfo = {
  readonly type?: CheckType;
  readonly command?: { readonly exit_code?: number };
  readonly http?: { readonly status_code?: number };
  readonly tcp?: { readonly succeeded?: boolean };
};
export type ContainerStatus = {
  readonly container_id?: ContainerId;
  readonly network_infos?: readonly NetworkInfo[];
  readonly cgroup_info?: { readonly net_cls?: { readonly classid?: number } };
  readonly executor_pid?: number;
};

export type OperationState =
  | 'OPERATION_UNSUPPORTED'
  | 'OPERATION_PENDING'
  | 'OPERATION_FINISHED'
  | 'OPERATION_FAILED'
  | 'OPERATION_ERROR'
  | 'OPERATION_DROPPED'
  | 'OPERATION_UNREACHABLE'
  | 'OPERATION_GONE_BY_OPERATOR'
  | 'OPERATION_RECOVERING'
  | 'OPERATION_UNKNOWN';

export type OperationStatus = {
  readonly operation_id?: OperationId;
  readonly state: OperationState;
  readonly message?: string;
  readonly converted_resources?: readonly Resource[];
  /** Present exactly when the status must be acknowledged. */
  readonly uuid?: Uuid;
  readonly agent_id?: AgentId;
  readonly resource_provider_id?: ResourceProviderId;
};
