import type { Clock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';

/**
 * One ZooKeeper session, from its opening to its end; it outlives connections and is never made anew
 * here: whoever wants another opens another, and knows by that that ephemeral nodes and watches are gone.
 *
 * What a node refuses is an answer; errors are `UnavailableError` (`outcome: 'unknown'` when the request
 * was sent and no answer came) and `ProtocolError` `KM_PROTOCOL_ZOOKEEPER_ACCESS`.
 */
export type ZooKeeperSession = {
  /** Of the ensemble, for people: `host:port,host:port`. */
  readonly servers: string;
  /** `sequential` adds ten digits that grow; resolves to the path as it was made. */
  create(path: string, data: Buffer, mode: 'persistent' | 'ephemeral-sequential'): Promise<Answer<string>>;
  setData(path: string, data: Buffer): Promise<Answer<NodeStat>>;
  remove(path: string): Promise<Answer<undefined>>;
  stat(path: string): Promise<NodeStat | undefined>;
  /**
   * A given `onChange` is called once, at the first change or removal of what is there. It is kept over
   * reconnects, and by identity: pass the same function again, or every call adds one.
   */
  getData(path: string, onChange?: () => void): Promise<{ data: Buffer; stat: NodeStat } | undefined>;
  getChildren(path: string, onChange?: () => void): Promise<readonly string[] | undefined>;
  /** All or nothing, in order. */
  multi(operations: readonly Operation[]): Promise<MultiAnswer>;
  /** Makes a persistent node and its ancestors, where they are missing. */
  makePath(path: string): Promise<void>;
  /** The session timeout that ZooKeeper granted; before the first connection the one asked for. */
  timeoutMs(): number;
  /**
   * For how long the session is certain to last, as seen from here; 0 when it may have ended. Counted from
   * when the last request that was answered had been sent, less a third of the session timeout: a
   * follower passes on what it heard once per half tick, and may die in between.
   */
  certainForMs(): number;
  /** Calls back at each connect, the first included. Gives the end of it. */
  onConnected(listener: () => void): () => void;
  /** Why it is over; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** Ends the session: its ephemeral nodes go at once, where ZooKeeper can be reached. */
  close(): Promise<void>;
};

export type SessionEnd = { readonly kind: 'expired' | 'refused' | 'closed'; readonly message: string };

export type NodeStat = {
  /** The transaction that last wrote its data; no other node or time has the same. */
  readonly mzxid: number;
  /** Counts the writes of its data; begins anew when the node is made again. */
  readonly version: number;
  readonly dataLength: number;
  readonly numChildren: number;
};

export type Refusal = 'no-node' | 'node-exists' | 'bad-version' | 'not-empty' | 'rolled-back';
export type Answer<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export type Operation =
  | { readonly kind: 'check'; readonly path: string; readonly version: number }
  | { readonly kind: 'create'; readonly path: string; readonly data: Buffer }
  | {
      readonly kind: 'set';
      readonly path: string;
      readonly data: Buffer;
      readonly version: number | 'any';
    }
  | { readonly kind: 'remove'; readonly path: string; readonly version: number | 'any' };

/** `stats` has one entry per operation, undefined for those that are no `set`. */
export type MultiAnswer =
  | { readonly kind: 'done'; readonly stats: readonly (NodeStat | undefined)[] }
  | { readonly kind: 'refused'; readonly at: number; readonly refusal: Refusal };

export type SessionDeps = {
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly monotonicMs?: () => number;
  readonly sessionTimeoutMs?: number;
  /** Of one request, the wait for a connection included. */
  readonly requestTimeoutMs?: number;
};
