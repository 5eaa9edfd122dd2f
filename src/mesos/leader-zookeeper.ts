import { KafkaMesosError, ProtocolError, UnavailableError } from '../model/errors.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import { formatHostPort, type HostPort, type ZooKeeperAddress } from '../zookeeper/address.ts';
import { openZooKeeperSession } from '../zookeeper/open-session.ts';
import type { ZooKeeperSession } from '../zookeeper/session.ts';
import type { LeaderDetector } from './leader.ts';
import { findLeaderNode, parseMasterInfo } from './master-address.ts';

const reopenDelayMs = 1_000;

/**
 * Follows the election of the masters: reads again at each change of the children, at each reconnect and
 * when asked. A session that ended is replaced by a new one.
 */
export function createZooKeeperDetector(
  address: ZooKeeperAddress,
  deps: {
    readonly clock: Clock;
    readonly logger: Logger;
    readonly monotonicMs?: () => number;
    readonly sessionTimeoutMs?: number;
  },
): LeaderDetector {
  const { clock, logger } = deps;
  const listeners = new Set<(leader: HostPort) => void>();
  let closed = false;
  let reopening: Timer | undefined;
  let known: HostPort | undefined;
  let lookup: Promise<HostPort> | undefined;
  let session = openSession();

  function openSession(): ZooKeeperSession {
    const opened = openZooKeeperSession(address, deps);
    opened.onConnected(refresh);
    void opened.ended.then(({ message }) => {
      if (closed) return;
      logger.warn('zookeeper session lost', { reason: message });
      reopening = clock.setTimer(reopenDelayMs, () => {
        session = openSession();
      });
    });
    return opened;
  }

  /** One function for all sessions and reads: the session keeps watches by identity. */
  function refresh(): void {
    if (closed) return;
    // What is being read may be older than what this was called for.
    const previous = lookup?.catch(() => {}) ?? Promise.resolve();
    previous
      .then(() => (closed ? undefined : find()))
      .catch((error: unknown) => {
        if (!closed) logger.warn('no leading master in zookeeper', { reason: String(error) });
      });
  }

  /** One look-up at a time; those who ask meanwhile share it. */
  function find(): Promise<HostPort> {
    if (lookup) return lookup;
    const started = findIn(session);
    const forget = (): void => {
      if (lookup === started) lookup = undefined;
    };
    started.then(forget, forget);
    lookup = started;
    return started;
  }

  async function findIn(asked: ZooKeeperSession): Promise<HostPort> {
    const leader = await readLeader(asked).catch((error: unknown) => {
      throw translate(error);
    });
    if (!known || formatHostPort(known) !== formatHostPort(leader)) {
      known = leader;
      logger.info('leading master', { master: formatHostPort(leader) });
      for (const listener of listeners) listener(leader);
    }
    return leader;
  }

  async function readLeader(asked: ZooKeeperSession): Promise<HostPort> {
    // The leader may go between the two reads; its successor is then in the next list.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const name = findLeaderNode((await asked.getChildren(address.path, refresh)) ?? []);
      if (name === undefined) break;
      const found = await asked.getData(`${address.path}/${name}`);
      if (found !== undefined) return parseMasterInfo(found.data.toString('utf8'));
    }
    throw unavailable(`no master leads under ${address.path} in ZooKeeper at ${asked.servers}`);
  }

  function translate(error: unknown): unknown {
    if (closed) return unavailable('the look-up of the leading master is closed');
    if (!(error instanceof KafkaMesosError)) return error;
    if (error.code === 'KM_PROTOCOL_ZOOKEEPER_ACCESS') {
      return new ProtocolError(error.code, `ZooKeeper forbids reading ${address.path}.`, {
        cause: error,
        remedy: 'Put credentials that may read it into the address: zk://user:password@host:2181/path.',
      });
    }
    return error instanceof UnavailableError && error.code !== 'KM_UNAVAILABLE_MASTER'
      ? unavailable(error.message, error)
      : error;
  }

  return {
    async current() {
      if (closed) throw unavailable('the look-up of the leading master is closed');
      return find();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (closed) return;
      closed = true;
      reopening?.cancel();
      listeners.clear();
      void session.close();
    },
  };
}

function unavailable(reason: string, cause?: unknown): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_MASTER', `The leading Mesos master is not known: ${reason}.`, {
    cause,
    remedy: 'Check the master address, and that ZooKeeper and the masters run.',
  });
}
