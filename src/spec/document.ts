/** A document of the schema's shape. Made from the schema by schema/generate.ts. */
export type KafkaCluster = {
  readonly apiVersion: 'kafka-mesos/v1';
  readonly kind: 'KafkaCluster';
  readonly metadata: Metadata;
  readonly spec: Spec;
};

export type Artifact = {
  readonly uri: string;
  readonly sha512: string;
};

export type Authorization = {
  readonly superUsers?: readonly string[];
};

export type Autoscale = {
  readonly min?: number;
  readonly max?: number;
};

export type Container = {
  readonly kind?: 'mesos' | 'docker';
  readonly image?: string;
  readonly mounts?: readonly string[];
};

export type ControllerListener = {
  readonly port?: number | string;
  readonly advertisedHost?: string;
  readonly bindHost?: string;
};

export type Defaults = {
  readonly roles?: readonly ('broker' | 'controller')[];
  readonly state?: 'running' | 'stopped';
  readonly cpus?: number;
  readonly memory?: string;
  readonly heap?: string;
  readonly storage?: Storage;
  readonly user?: string;
  readonly listeners?: Readonly<Record<string, ListenerChange>>;
  readonly controllerListener?: ControllerListener;
  readonly constraints?: readonly string[];
  readonly rack?: Rack;
  readonly stickiness?: Stickiness;
  readonly failover?: Failover;
  readonly jvmOptions?: readonly string[];
  readonly jre?: Artifact;
  readonly environment?: Readonly<Record<string, string | number | boolean>>;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  readonly logLevels?: Readonly<Record<string, LogLevel>>;
  readonly stopGrace?: string;
  readonly container?: Container;
  readonly files?: readonly ExtraFile[];
  readonly discovery?: Discovery;
  readonly metrics?: Metrics;
};

export type Deletion = {
  readonly policy: 'keepData' | 'destroy';
  readonly confirm: string;
};

export type Discovery = {
  readonly name?: string;
  readonly visibility?: 'framework' | 'cluster' | 'external';
};

export type ExtraFile = {
  readonly uri?: string;
  readonly sha512?: string;
  readonly path?: string;
  readonly extract?: boolean;
};

export type Failover = {
  readonly delay?: string;
  readonly maxDelay?: string;
  readonly maxTries?: number;
};

export type Kafka = {
  readonly version?: string;
  readonly distribution?: Artifact;
  readonly metadataVersion?: string;
};

export type Listener = {
  readonly name: string;
  readonly protocol?: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';
  readonly port?: number | string;
  readonly advertisedHost?: string;
  readonly advertisedPort?: number;
  readonly bindHost?: string;
  readonly tls?: ListenerTls;
  readonly sasl?: ListenerSasl;
};

export type ListenerChange = {
  readonly port?: number | string;
  readonly advertisedHost?: string;
  readonly advertisedPort?: number;
  readonly bindHost?: string;
};

export type ListenerSasl = {
  readonly mechanisms?: readonly SaslMechanism[];
  readonly jaasFile?: string;
};

export type ListenerTls = {
  readonly keystore?: string;
  readonly truststore?: string;
  readonly passwordFile?: string;
  readonly clientAuth?: 'none' | 'requested' | 'required';
};

export type LogLevel = 'OFF' | 'FATAL' | 'ERROR' | 'WARN' | 'INFO' | 'DEBUG' | 'TRACE' | 'ALL';

export type Metadata = {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string | number | boolean>>;
};

export type Metrics = {
  readonly port?: number | string;
  readonly jmxPort?: number | string;
};

export type Override = {
  readonly state?: 'running' | 'stopped';
  readonly cpus?: number;
  readonly memory?: string;
  readonly heap?: string;
  readonly storage?: Storage;
  readonly user?: string;
  readonly listeners?: Readonly<Record<string, ListenerChange>>;
  readonly controllerListener?: ControllerListener;
  readonly constraints?: readonly string[];
  readonly rack?: Rack;
  readonly stickiness?: Stickiness;
  readonly failover?: Failover;
  readonly jvmOptions?: readonly string[];
  readonly jre?: Artifact;
  readonly environment?: Readonly<Record<string, string | number | boolean>>;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  readonly logLevels?: Readonly<Record<string, LogLevel>>;
  readonly stopGrace?: string;
  readonly container?: Container;
  readonly files?: readonly ExtraFile[];
  readonly discovery?: Discovery;
  readonly metrics?: Metrics;
};

export type Pool = {
  readonly name: string;
  readonly ids: number | string | readonly number[];
  readonly roles?: readonly ('broker' | 'controller')[];
  readonly state?: 'running' | 'stopped';
  readonly cpus?: number;
  readonly memory?: string;
  readonly heap?: string;
  readonly storage?: Storage;
  readonly user?: string;
  readonly listeners?: Readonly<Record<string, ListenerChange>>;
  readonly controllerListener?: ControllerListener;
  readonly constraints?: readonly string[];
  readonly rack?: Rack;
  readonly stickiness?: Stickiness;
  readonly failover?: Failover;
  readonly jvmOptions?: readonly string[];
  readonly jre?: Artifact;
  readonly environment?: Readonly<Record<string, string | number | boolean>>;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  readonly logLevels?: Readonly<Record<string, LogLevel>>;
  readonly stopGrace?: string;
  readonly container?: Container;
  readonly files?: readonly ExtraFile[];
  readonly discovery?: Discovery;
  readonly metrics?: Metrics;
  readonly overrides?: Readonly<Record<string, Override>>;
  readonly autoscale?: Autoscale;
};

export type Quota = {
  readonly user?: string;
  readonly clientId?: string;
  readonly producerRate?: string;
  readonly consumerRate?: string;
  readonly requestPercent?: number;
};

export type Rack = {
  readonly attribute?: string;
  readonly faultDomain?: 'region' | 'zone';
};

export type Reassignment = {
  readonly throttle?: string;
  readonly maxConcurrentMoves?: number;
  readonly balance?: 'off' | 'recommend' | 'automatic';
};

export type Rollout = {
  readonly allowSingleReplicaOutage?: boolean;
  readonly paused?: boolean;
  readonly maxUnavailable?: number;
};

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER' | 'GSSAPI';

export type ScaleIn = {
  readonly policy?: 'drain' | 'keep';
};

export type Spec = {
  readonly kafka?: Kafka;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  readonly listeners?: readonly Listener[];
  readonly controllerListener?: ControllerListener;
  readonly defaults?: Defaults;
  readonly pools: readonly Pool[];
  readonly rollout?: Rollout;
  readonly reassignment?: Reassignment;
  readonly topics?: readonly Topic[];
  readonly suspend?: boolean;
  readonly deletion?: Deletion;
  readonly scaleIn?: ScaleIn;
  readonly quotas?: readonly Quota[];
  readonly authorization?: Authorization;
};

export type Stickiness = {
  readonly period?: string;
};

export type Storage = {
  readonly kind?: 'persistent' | 'hostPath' | 'sandbox';
  readonly size?: string;
  readonly disk?: 'root' | 'path' | 'mount';
  readonly path?: string;
  readonly volumes?: readonly Volume[];
};

export type Topic = {
  readonly name: string;
  readonly partitions?: number;
  readonly replicationFactor?: number;
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  readonly brokers?: number | string | readonly number[];
  readonly state?: 'present' | 'absent';
};

export type Volume = {
  readonly name: string;
  readonly size: string;
  readonly disk?: 'root' | 'path' | 'mount';
  readonly path?: string;
};
