import type { ListenAddress } from '../api/listen-address.ts';
import type { TlsFiles } from '../api/tls.ts';
import type { LogLevel } from '../sys/logger.ts';
import type { AgentNodes } from './agent-files.ts';
import type { Home } from './home.ts';

/** All that the scheduler process is told; made from the command line by `commands/scheduler.ts`. */
export type SchedulerOptions = {
  /** As the operator wrote it: `host:port[,host:port]` or `zk://…/path`; may carry credentials. */
  readonly master: string;
  readonly store: StoreOptions;
  readonly home: Home;
  /** The directory of specs that is followed: as the operator wrote it, and absolute. Absent: none. */
  readonly specs?: { readonly directory: string; readonly path: string };
  /** Of the API; beyond loopback with a token file, and with TLS unless `allowPlainHttp`. */
  readonly listen: ListenAddress;
  readonly tls?: TlsFiles;
  readonly allowPlainHttp?: boolean;
  /** Where the master's web UI leads to, when that is not the API's own address. */
  readonly webUrl?: string;
  /** Of the artifact listener; agents have to reach it. */
  readonly artifactListen: ListenAddress;
  /** What artifact URIs begin with, as in `ArtifactServerOptions.urlBase`. */
  readonly artifactUrlBase?: string;
  /** Node executables by the platform of agents; for our own platform the Node that runs us unless named. */
  readonly agentNodes: AgentNodes;
  readonly frameworkName: string;
  readonly role: string;
  readonly principal: string;
  /** The principal's secret, or the file that it is in; neither: Mesos wants no authentication. */
  readonly secret?: string;
  readonly secretPath?: string;
  /** File with the API's token, for several schedulers to share; absent: one is made in the home. */
  readonly tokenPath?: string;
  /** File with the token that may only read; absent: there is none. */
  readonly readTokenPath?: string;
  /** Unix user of the tasks. */
  readonly user: string;
  readonly failoverTimeoutMs: number;
  /** Of the framework that Mesos has removed: consent to begin another one in its place. */
  readonly registerAnew?: string;
  readonly logLevel: LogLevel;
  readonly version: string;
};

export type StoreOptions = {
  /** `file:/absolute/directory`, or `zk://host:port,…/path`, which may carry credentials. */
  readonly uri: string;
  /** `user:password` of ZooKeeper's digest scheme, or the file that it is in. */
  readonly credentials?: string;
  readonly credentialsPath?: string;
  /** Of ZooKeeper: how long a scheduler that is not heard of goes on leading. */
  readonly sessionTimeoutMs: number;
};
