import type { ListenAddress } from '../api/listen-address.ts';
import type { LogLevel } from '../sys/logger.ts';
import type { AgentNodes } from './agent-files.ts';
import type { Home } from './home.ts';

/** All that the scheduler process is told; made from the command line by `commands/scheduler.ts`. */
export type SchedulerOptions = {
  /** As the operator wrote it: `host:port[,host:port]` or `zk://…/path`; may carry credentials. */
  readonly master: string;
  /** `file:/absolute/directory` */
  readonly storeUri: string;
  readonly home: Home;
  /** Of the API; loopback. */
  readonly listen: ListenAddress;
  /** Of the artifact listener; agents have to reach it. */
  readonly artifactListen: ListenAddress;
  /** What artifact URIs begin with, as in `ArtifactServerOptions.urlBase`. */
  readonly artifactUrlBase?: string;
  /** Node executables by the platform of agents; for our own platform the Node that runs us unless named. */
  readonly agentNodes: AgentNodes;
  readonly frameworkName: string;
  readonly role: string;
  readonly principal: string;
  /** File with the principal's secret; absent: Mesos wants no authentication. */
  readonly secretPath?: string;
  /** Unix user of the tasks. */
  readonly user: string;
  readonly failoverTimeoutMs: number;
  readonly logLevel: LogLevel;
  readonly version: string;
};
