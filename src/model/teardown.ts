/** The end of the framework: what is still there of it, by the word of the master and of our own records. */

export type Leftover = {
  /**
   * - `task`, `unreachable-task`, `reservation`, `volume`: the master says so.
   * - `unseen-agent`: the master cannot say what is on it.
   * - `record`: we know of something on an agent that the master does not show.
   */
  readonly kind: 'task' | 'unreachable-task' | 'reservation' | 'volume' | 'unseen-agent' | 'record';
  readonly agentId: string;
  readonly hostname: string;
  readonly what: string;
};

export type TeardownRequest = {
  /** The framework's name. */
  readonly confirm: string;
  readonly author: string;
  /** Let Mesos forget the framework although something of it is left. */
  readonly abandon: boolean;
};

export type TeardownAnswer = {
  /** Mesos has forgotten the framework, and the scheduler ends. */
  readonly done: boolean;
  /** Clusters that still have records. */
  readonly clusters: readonly string[];
  readonly left: readonly Leftover[];
};
