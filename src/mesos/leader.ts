import { type Clock, systemClock } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { createZooKeeperDetector } from './leader-zookeeper.ts';
import { type HostPort, parseMasterAddress } from './master-address.ts';

/** Says where the leading master is, as far as one can know before asking it. */
export type LeaderDetector = {
  /**
   * The master to ask next. From ZooKeeper it is the leader; from a list of hosts it is the next in turn,
   * which answers itself or points to the leader (307). Rejects with UnavailableError
   * `KM_UNAVAILABLE_MASTER` when no leader is known, ProtocolError when what ZooKeeper holds cannot be
   * used or may not be read.
   */
  current(): Promise<HostPort>;
  /** Calls back with each new leader; a list of hosts has no way to know. Gives the end of it. */
  onChange(listener: (leader: HostPort) => void): () => void;
  close(): void;
};

export type LeaderDetectorDeps = {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Of ZooKeeper's session; for tests. */
  readonly monotonicMs?: () => number;
  readonly sessionTimeoutMs?: number;
};

/** `master` as in `parseMasterAddress`, whose SpecError it throws. */
export function detectLeader(master: string, deps: LeaderDetectorDeps): LeaderDetector {
  const address = parseMasterAddress(master);
  if (address.kind === 'hosts') return createHostListDetector(address.hosts);
  return createZooKeeperDetector(address.zookeeper, { ...deps, clock: deps.clock ?? systemClock });
}

function createHostListDetector(hosts: readonly [HostPort, ...HostPort[]]): LeaderDetector {
  let turn = 0;
  return {
    async current() {
      const host = hosts[turn % hosts.length] ?? hosts[0];
      turn += 1;
      return host;
    },
    onChange: () => () => {},
    close() {},
  };
}
