/**
 * The contract between the scheduler and the executor on the agent.
 *
 * `BrokerLaunch` travels as JSON in `TaskInfo.data`; `BrokerReport` comes back as JSON in
 * `TaskStatus.data`. Nothing secret is in either.
 *
 * An executor lives as long as its broker, so a scheduler drives executors of the release before it, and
 * after a rollback those of the release after it. No broker is restarted for that, because:
 *
 * 1. Within a protocol version fields are only added, each optional, and none ever changes its meaning.
 * 2. Fields that are not known are ignored on both sides.
 * 3. A report may say phases, codes and states that are not known here: they are shown as they are, and
 *    nothing is decided on them. A field of the wrong type is left out.
 * 4. A launch may not: an executor that does not know a role or a storage mode refuses the launch by name,
 *    because half an understanding of it could cost data.
 * 5. A change that the rules above do not allow is a new version. Both sides then speak both versions for
 *    a release: an executor reports in the version of its launch, a scheduler reads either.
 *
 * `test/fixtures/executor-protocol` holds launches, reports and the readers of version 1 as it was released.
 */
export const executorProtocolVersion = 1;

/** The versions that this release reads, in launches as in reports. */
export const spokenProtocols: readonly number[] = [executorProtocolVersion];

/**
 * With what status the executor's command ends before the executor itself runs and can speak. The agent
 * passes it on in a FAILURE event, as wait(2) has it. Others are the executor's own (64: not started by an
 * agent; 70: a bug) or of signals.
 */
export const commandExits = { digestMismatch: 65, runtimeUnusable: 69 } as const;

export type NodeRole = 'broker' | 'controller';

/** A file that the agent gets from somewhere and checks before use. */
export type Artifact = {
  readonly uri: string;
  /** Lower-case hex; the content must match before anything of it is used. */
  readonly sha512: string;
};

/** The Node that runs the executor. */
export type NodeRuntime = Artifact & {
  /** Its absolute path, where agents see the scheduler's disk: it is run there and not fetched. */
  readonly path?: string;
};

export type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';

export type LaunchListener = {
  readonly name: string;
  readonly protocol: SecurityProtocol;
  /** Address the JVM binds. */
  readonly bindHost: string;
  readonly port: number;
  /** What clients are told. */
  readonly advertisedHost: string;
  readonly advertisedPort: number;
};

/** A first voter of the quorum as given to `StorageTool format --initial-controllers` (KIP-853). */
export type QuorumVoter = {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  /** Kafka's base64url uuid, 22 characters. */
  readonly directoryId: string;
};

/**
 * What the executor may do with storage.
 * - `form`: the first format of a first voter, with all initial controllers.
 * - `join`: an empty volume may be formatted to join the existing cluster.
 * - `expect`: the volume was formatted before; an empty one is refused, because a node that comes
 *   back empty under its old id can make others truncate to nothing.
 * - `find`: only a volume on which replicas were kept will do; nothing is formatted, however it looks.
 */
export type StorageMode = 'form' | 'join' | 'expect' | 'find';

export type LaunchVolume = {
  readonly name: string;
  /** Relative to the sandbox for a persistent volume or sandbox storage; absolute for a host path. */
  readonly path: string;
  /** Mesos puts it there. Absent from launches of schedulers that did not say. */
  readonly persistent?: true;
};

export type BrokerLaunch = {
  readonly protocol: typeof executorProtocolVersion;
  readonly clusterName: string;
  /** Kafka's cluster id: base64url uuid, 22 characters. */
  readonly clusterId: string;
  readonly nodeId: number;
  readonly roles: readonly NodeRole[];
  readonly kafkaVersion: string;
  readonly kafka: Artifact;
  /** Absent: `java` of the agent's PATH or JAVA_HOME. */
  readonly jre?: Artifact;
  readonly storage: {
    readonly mode: StorageMode;
    /** The first volume holds the metadata log and the unpacked distributions. */
    readonly volumes: readonly LaunchVolume[];
    readonly initialVoters: readonly QuorumVoter[];
  };
  /** `host:port` of the controllers, for `controller.quorum.bootstrap.servers`. */
  readonly bootstrapControllers: readonly string[];
  readonly listeners: readonly LaunchListener[];
  /** Present on nodes with the controller role. */
  readonly controllerListener?: LaunchListener;
  readonly rack?: string;
  /** Kafka configuration after cluster-wide and per-broker settings were merged. */
  readonly config: Readonly<Record<string, string>>;
  readonly log4j: Readonly<Record<string, string>>;
  readonly heapMiB: number;
  readonly jvmOptions: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** How long a controlled shutdown may take before the process is killed. */
  readonly stopGraceMs: number;
};

/** A word of another release: shown, never acted on. */
export type OtherWord = string & Record<never, never>;

/** Where the executor is between LAUNCH and serving; shown in the live view. */
export type BrokerPhase =
  | 'fetching'
  | 'formatting'
  | 'starting'
  | 'recovering'
  | 'serving'
  | 'stopping'
  | 'stopped';

export type ReportCode =
  /** The Node that the agent was given does not run on it. */
  | 'runtime-unusable'
  | 'java-missing'
  | 'java-too-old'
  | 'fetch-failed'
  | 'digest-mismatch'
  | 'foreign-storage'
  | 'empty-storage'
  /** Told to find replicas, and none was ever kept there. */
  | 'never-used'
  | 'storage-unusable'
  | 'port-taken'
  | 'address-not-local'
  | 'format-failed'
  | 'process-exited'
  /** The disk is what ended or refused the broker: no room on it, or it fails, is read-only or gone. */
  | 'disk-full'
  | 'disk-failed'
  /** Of a live broker: it recovers its logs, and nothing has moved for a while. */
  | 'recovery-stalled'
  | 'registration-lost'
  | 'invalid-launch'
  /** Something the executor did not foresee; the message has what it knows. */
  | 'executor-failed'
  /** By a KILL. */
  | 'stopped'
  /** By its agent, or by a signal to the executor: the agent is stopped in order, or its machine. */
  | 'shut-down';

/** Its disk ended the broker, or kept it from starting. */
export function isDiskCode(code: BrokerReport['code']): code is 'disk-full' | 'disk-failed' {
  return code === 'disk-full' || code === 'disk-failed';
}

export type BrokerReport = {
  readonly protocol: number;
  readonly phase: BrokerPhase | OtherWord;
  /**
   * Whether the metadata volume carries a format of this cluster and node as far as the executor
   * knows. The scheduler never offers `form` or `join` again after it has stored `true`.
   */
  readonly formatted?: boolean;
  readonly directoryId?: string;
  /** `host:port` of the first client listener, or of the controller listener. */
  readonly endpoint?: string;
  readonly jvmPid?: number;
  /** Present when something is wrong or ended: why, and in words with a remedy. */
  readonly code?: ReportCode | OtherWord;
  readonly message?: string;
  readonly warnings?: readonly string[];
  readonly progress?: { readonly doneBytes: number; readonly totalBytes: number };
  /** In phase `recovering`: partitions loaded so far, and segments read for those under way and loaded. */
  readonly recovery?: {
    readonly doneLogs: number;
    readonly totalLogs: number;
    readonly doneSegments?: number;
  };
  /** The file systems of the log directories, told anew only when something about them changed for people. */
  readonly disks?: readonly DiskReport[];
};

export type DiskReport = {
  /** A log directory of Kafka; several may be on one file system. */
  readonly path: string;
  readonly totalBytes: number;
  /** What a task user may still write. */
  readonly freeBytes: number;
  /** Kafka does not use the directory any more, and why. */
  readonly error?: string;
};

const gibibyte = 2 ** 30;

/**
 * What a disk's figures come to. Kafka knows no limit of its own: it fails at the write that finds no room.
 * A share of the disk, but no more than what takes a person long enough to act: on a large disk a few
 * per cent are a lot of room.
 */
export function diskStateOf({ totalBytes, freeBytes, error }: Omit<DiskReport, 'path'>): DiskState {
  if (error !== undefined) return 'failed';
  if (freeBytes < Math.min(totalBytes * 0.02, 2 * gibibyte)) return 'full';
  return freeBytes < Math.min(totalBytes * 0.1, 50 * gibibyte) ? 'low' : 'fine';
}

export type DiskState = 'fine' | 'low' | 'full' | 'failed';
