import zookeeper from 'node-zookeeper-client';
import { type KafkaMesosError, ProtocolError, UnavailableError } from '../model/errors.ts';
import type { Clock, Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import type { LeaderDetector } from './leader.ts';
import {
  findLeaderNode,
  formatHostPort,
  type HostPort,
  type MasterAddress,
  parseMasterInfo,
} from './master-address.ts';

const sessionTimeoutMs = 10_000;
const lookupTimeoutMs = 10_000;
const reopenDelayMs = 1_000;

type ZooKeeperAddress = Extract<MasterAddress, { kind: 'zookeeper' }>;
type Client = ReturnType<typeof zookeeper.createClient>;

/**
 * Follows the election of the masters: reads again at each change of the children, at each reconnect and
 * when asked. An expired session, or one that does not answer in time, is replaced by a new one: the
 * library itself neither comes back from the first nor notices a peer that fell silent.
 */
export function createZooKeeperDetector(
  address: ZooKeeperAddress,
  deps: { readonly clock: Clock; readonly logger: Logger },
): LeaderDetector {
  const { clock, logger } = deps;
  const listeners = new Set<(leader: HostPort) => void>();
  let closed = false;
  let client: Client = openClient();
  let reopening: Timer | undefined;
  let refused = false;
  let known: HostPort | undefined;
  let lookup: Promise<HostPort> | undefined;
  /** Ends the look-up that is under way. */
  let giveUp: (reason: string) => void = () => {};

  function openClient(): Client {
    const opened = zookeeper.createClient(address.servers, {
      sessionTimeout: sessionTimeoutMs,
      spinDelay: reopenDelayMs,
      retries: 0,
    });
    if (address.digest !== undefined) opened.addAuthInfo('digest', Buffer.from(address.digest));
    opened.on('state', (state: object) => {
      if (closed || opened !== client) return;
      if (state === zookeeper.State.SYNC_CONNECTED) refresh();
      if (state === zookeeper.State.AUTH_FAILED) refused = true;
      if (state === zookeeper.State.EXPIRED || state === zookeeper.State.AUTH_FAILED) reopenLater(opened);
    });
    opened.connect();
    return opened;
  }

  function reopenLater(from: Client): void {
    if (closed || from !== client || reopening) return;
    logger.warn('zookeeper session lost', { servers: address.servers });
    reopening = clock.setTimer(reopenDelayMs, () => {
      reopening = undefined;
      closeClient(client);
      giveUp('the session with ZooKeeper was lost');
      lookup = undefined;
      client = openClient();
    });
  }

  function refresh(): void {
    find().catch((error: unknown) => {
      if (!closed) logger.warn('no leading master in zookeeper', { reason: String(error) });
    });
  }

  /** One look-up at a time; those who ask meanwhile share it. */
  function find(): Promise<HostPort> {
    if (lookup) return lookup;
    const started = startLookup(client);
    const forget = (): void => {
      if (lookup === started) lookup = undefined;
    };
    started.then(forget, forget);
    lookup = started;
    return started;
  }

  async function startLookup(asked: Client): Promise<HostPort> {
    let timer: Timer | undefined;
    const givenUp = new Promise<never>((_, reject) => {
      giveUp = (reason) => reject(unavailable(reason));
      timer = clock.setTimer(lookupTimeoutMs, () => {
        reopenLater(asked);
        reject(unavailable(`ZooKeeper at ${address.servers} did not answer within ${lookupTimeoutMs} ms`));
      });
    });
    try {
      const leader = await Promise.race([readLeader(asked), givenUp]);
      refused = false;
      if (!known || formatHostPort(known) !== formatHostPort(leader)) {
        known = leader;
        logger.info('leading master', { master: formatHostPort(leader) });
        for (const listener of listeners) listener(leader);
      }
      return leader;
    } finally {
      timer?.cancel();
    }
  }

  async function readLeader(asked: Client): Promise<HostPort> {
    // The leader may go between the two reads; its successor is then in the next list.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const name = findLeaderNode(await getChildren(asked));
      if (name === undefined) break;
      const data = await getData(asked, `${address.path}/${name}`);
      if (data !== undefined) return parseMasterInfo(data);
    }
    throw unavailable(`no master leads under ${address.path} in ZooKeeper at ${address.servers}`);
  }

  /** The watch that this sets is the library's to keep over reconnects of the same session. */
  function getChildren(asked: Client): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const onWatch = (): void => {
        if (!closed && asked === client) refresh();
      };
      asked.getChildren(address.path, onWatch, (error, children) => {
        if (!error) resolve(children);
        else if (error.getCode() === zookeeper.Exception.NO_NODE) resolve([]);
        else reject(translate(error));
      });
    });
  }

  function getData(asked: Client, path: string): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      asked.getData(path, (error, data) => {
        if (!error) resolve((data ?? Buffer.alloc(0)).toString('utf8'));
        else if (error.getCode() === zookeeper.Exception.NO_NODE) resolve(undefined);
        else reject(translate(error));
      });
    });
  }

  function translate(error: Error & { getCode(): number }): KafkaMesosError {
    const code = error.getCode();
    if (code === zookeeper.Exception.NO_AUTH) {
      return new ProtocolError('KM_PROTOCOL_ZOOKEEPER_ACCESS', `ZooKeeper forbids reading ${address.path}.`, {
        cause: error,
        remedy: 'Put credentials that may read it into the address: zk://user:password@host:2181/path.',
      });
    }
    return unavailable(`ZooKeeper at ${address.servers} could not be asked`, error);
  }

  return {
    async current() {
      if (closed) throw unavailable('the look-up of the leading master is closed');
      if (refused) {
        throw new ProtocolError('KM_PROTOCOL_ZOOKEEPER_ACCESS', 'ZooKeeper refuses the credentials.', {
          remedy: 'Correct user:password in the zk:// address.',
        });
      }
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
      closeClient(client);
      giveUp('the look-up of the leading master is closed');
    },
  };
}

/**
 * The library's own close() throws while it has no socket, and goes on reconnecting while it has no
 * server; only a connected client can end its session in the proper way.
 */
function closeClient(client: Client): void {
  client.removeAllListeners();
  // An error event without a listener would end the process.
  client.on('error', () => {});
  if (client.getState() === zookeeper.State.SYNC_CONNECTED) {
    client.close();
    return;
  }
  const closing = -1;
  client.connectionManager.setState(closing);
  client.connectionManager.socket?.destroy();
}

function unavailable(reason: string, cause?: unknown): UnavailableError {
  return new UnavailableError('KM_UNAVAILABLE_MASTER', `The leading Mesos master is not known: ${reason}.`, {
    cause,
    remedy: 'Check the master address, and that ZooKeeper and the masters run.',
  });
}
