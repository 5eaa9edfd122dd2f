/** The leadership port: which of several schedulers acts. */

export type Leader = {
  /** Of a process; for people and logs. */
  readonly id: string;
  /** Host name of its machine. */
  readonly host: string;
  /** Where its API listens, on that machine. */
  readonly apiUrl: string;
};

/**
 * One candidature: it is elected at most once, and what is lost is not won back. Who lost it ends, and
 * comes back as another candidate.
 *
 * Errors: those of the store it is kept in, and `ConflictError` `KM_CONFLICT_LEADERSHIP_LOST`.
 */
export type Leadership = {
  /** Pending while another leads; rejects when the candidature ends before it is elected. */
  elected(): Promise<void>;
  /** Asked anew at each call; undefined while nobody leads. */
  leader(): Promise<Leader | undefined>;
  /** How many others wait for their turn. */
  standbys(): Promise<number>;
  /**
   * Whether the leadership is certain at this moment. To be asked before everything that is sent: it is
   * false before anybody else can be elected, and right away in a process that was stopped for a while.
   */
  mayAct(): boolean;
  /** Why the candidature ended, elected or not; never rejects. */
  readonly lost: Promise<string>;
  /** Lets the next one lead. */
  resign(): Promise<void>;
};
