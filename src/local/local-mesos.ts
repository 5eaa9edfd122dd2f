/** One master and its agents in this process; their tasks are processes of their own, which outlive it. */
export type LocalMesos = {
  readonly masterUrl: string;
  agents(): readonly AgentView[];
  /** As `kill -9` of an agent, its executors living on, or as the loss of its machine with all of them. */
  stopAgent(name: string, executors: 'running' | 'gone'): Promise<void>;
  /** `wiped`: as a new machine at the same address; what the agent had on disk is deleted, volumes included. */
  startAgent(name: string, wiped: boolean): Promise<void>;
  /** Whether master and agent can talk to one another. */
  setPartitioned(name: string, partitioned: boolean): Promise<void>;
  /** A failover: the master's tables are gone, agents and frameworks come back to it. */
  restartMaster(): Promise<void>;
  /** Stops every container and returns when all their processes are gone. Gives their number. */
  shutdown(graceMs: number): Promise<{ readonly containers: number; readonly processes: number }>;
  /** Stops listening and saves; the containers live on and are found again by the next start. */
  close(): Promise<void>;
};

export type AgentView = {
  readonly name: string;
  readonly hostname: string;
  readonly url: string;
  readonly workDirectory: string;
  readonly running: boolean;
  /** Container ids. */
  readonly containers: readonly string[];
};
