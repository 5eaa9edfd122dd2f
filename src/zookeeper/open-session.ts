import zookeeper from 'node-zookeeper-client';
import { InvariantError, type KafkaMesosError, ProtocolError, UnavailableError } from '../model/errors.ts';
import { systemClock, type Timer } from '../sys/clock.ts';
import { createLeaseClock } from '../sys/lease-clock.ts';
import { formatHostPort, type ZooKeeperAddress } from './address.ts';
import type {
  Answer,
  NodeStat,
  Operation,
  Refusal,
  SessionDeps,
  SessionEnd,
  ZooKeeperSession,
} from './session.ts';

const defaultSessionTimeoutMs = 10_000;
const defaultRequestTimeoutMs = 10_000;
const closeTimeoutMs = 1_000;
/** Between attempts once all servers were tried; the library takes a random part of it. */
const reconnectDelayMs = 500;
/** No node is larger (`jute.maxbuffer`); lists of children may be. */
const maxAnswerBytes = 16 * 1024 * 1024;

/**
 * The library is old; what it does not do is done here (version 1.1.3, by its source):
 *
 * - It sends what was queued while there was no connection, however late, and before the credentials: here
 *   nothing is queued before there is a connection, and what a lost connection left in the queue is dropped.
 * - It notices no peer that fell silent: here a request goes out every sixth of the session timeout, and a
 *   connection on which nothing was heard for two thirds of it is cut.
 * - What it cannot read (error codes of newer servers, half an answer of the last connection) throws in a
 *   socket's event and would end the process: here the connection is cut instead.
 * - Requests under way when a session ends are never answered: here they are failed.
 * - `close()` throws without a socket and connects after it: see `shut`.
 * - Its timer for a connection outlives the connection that is cut meanwhile: see `cut`.
 * - In a transaction it takes version 0 for "any": `multi` refuses it.
 * - Its address parser knows no IPv6, its chroot is made by nobody: it is given neither.
 * - It speaks plain TCP only: no TLS, no SASL.
 */
export function openZooKeeperSession(address: ZooKeeperAddress, deps: SessionDeps): ZooKeeperSession {
  const { logger, clock = systemClock, monotonicMs: now = createLeaseClock() } = deps;
  const requestTimeoutMs = deps.requestTimeoutMs ?? defaultRequestTimeoutMs;
  const servers = address.servers.map(formatHostPort).join(',');
  // The library shuffles; the numbers find the servers again.
  const client = zookeeper.createClient(address.servers.map((_, index) => String(index)).join(','), {
    sessionTimeout: deps.sessionTimeoutMs ?? defaultSessionTimeoutMs,
    spinDelay: reconnectDelayMs,
    retries: 0,
  });
  const manager = client.connectionManager;
  manager.servers = manager.servers.map(({ host }) => address.servers[Number(host)] ?? address.servers[0]);
  if (address.digest !== undefined) client.addAuthInfo('digest', Buffer.from(address.digest));
  const acls =
    address.digest === undefined
      ? zookeeper.ACL.OPEN_ACL_UNSAFE
      : [new zookeeper.ACL(zookeeper.Permission.ALL, new zookeeper.Id('auth', ''))];

  const listeners = new Set<() => void>();
  const waiting = new Set<() => void>();
  const underWay = new Set<(error: KafkaMesosError) => void>();
  let connected = false;
  let wasConnected = false;
  let over: SessionEnd | undefined;
  /** Rounds of the watchdog in which a server that owes us a word said none. */
  let silentRounds = 0;
  let owesSession = false;
  let certainSinceMs: number | undefined;
  let beating = false;
  let watchdog: Timer | undefined;
  let tellEnd: (end: SessionEnd) => void = () => {};
  const ended = new Promise<SessionEnd>((resolve) => {
    tellEnd = resolve;
  });

  const timeoutMs = () => client.getSessionTimeout();
  const cut = () => {
    clearTimeout(manager.connectTimeoutHandler ?? undefined);
    manager.socket?.destroy();
  };
  const { onSocketData, onSocketConnected, onSocketClosed } = manager;
  manager.onSocketConnected = () => {
    silentRounds = 0;
    owesSession = true;
    // Of the connection before, which may have ended before it was a session.
    manager.pendingBuffer = null;
    manager.packetQueue.queue.length = 0;
    onSocketConnected.call(manager);
  };
  manager.onSocketClosed = (hadError) => {
    // No state tells of a connection that was never a session, as to a member that has no majority.
    owesSession = false;
    onSocketClosed.call(manager, hadError);
  };
  manager.onSocketData = (chunk) => {
    silentRounds = 0;
    try {
      onSocketData.call(manager, chunk);
      if ((manager.pendingBuffer?.length ?? 0) > maxAnswerBytes) throw new Error('an endless answer');
    } catch (error) {
      logger.warn('zookeeper sent what cannot be read', { servers, error: String(error) });
      cut();
    }
  };

  client.on('state', (state: object) => {
    if (over !== undefined) return;
    if (state === zookeeper.State.SYNC_CONNECTED) {
      connected = true;
      owesSession = false;
      if (wasConnected) logger.info('zookeeper answers again', { servers });
      wasConnected = true;
      for (const go of [...waiting]) go();
      beat();
      for (const listener of [...listeners]) listener();
    } else {
      if (connected) logger.info('zookeeper connection lost', { servers });
      connected = false;
      failAll(unavailable('the connection was lost', 'unknown'));
    }
    if (state === zookeeper.State.EXPIRED) end('expired', `ZooKeeper at ${servers} has ended the session`);
    if (state === zookeeper.State.AUTH_FAILED)
      end('refused', `ZooKeeper at ${servers} refuses the credentials`);
  });

  function failAll(error: KafkaMesosError): void {
    for (const fail of [...underWay]) fail(error);
  }

  function end(kind: SessionEnd['kind'], message: string): void {
    if (over !== undefined) return;
    over = { kind, message };
    connected = false;
    certainSinceMs = undefined;
    watchdog?.cancel();
    listeners.clear();
    failAll(sessionOver(over, 'unknown'));
    for (const go of [...waiting]) go();
    if (kind !== 'closed') shut();
    tellEnd(over);
  }

  /** Without a goodbye: nothing more is sent, connected or answered. */
  function shut(): void {
    client.removeAllListeners();
    // An error event without a listener would end the process.
    client.on('error', () => {});
    // A server that is being looked for is connected to in spite of it.
    manager.onSocketConnected = cut;
    const closing = -1;
    manager.setState(closing);
    cut();
  }

  function watch(): void {
    watchdog = clock.setTimer(Math.max(50, Math.floor(timeoutMs() / 6)), () => {
      watch();
      // Rounds, not time: after a pause of this process its timers run before what was received is read.
      if (connected || owesSession) silentRounds += 1;
      if (silentRounds > 4) {
        logger.warn('zookeeper fell silent', { servers });
        silentRounds = 0;
        cut();
      } else beat();
    });
  }

  function beat(): void {
    if (!connected || beating) return;
    beating = true;
    send<zookeeper.Stat | null>((done) => client.exists('/', done))
      .catch(() => {})
      .finally(() => {
        beating = false;
      });
  }

  /** Resolves when a request may be sent; rejects at the deadline and when the session is over. */
  function connection(): Promise<void> {
    if (over !== undefined) return Promise.reject(sessionOver(over, 'not-sent'));
    if (connected) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        waiting.delete(go);
        timer.cancel();
        how();
      };
      const go = () =>
        settle(() => {
          if (over === undefined) resolve();
          else reject(sessionOver(over, 'not-sent'));
        });
      const timer = clock.setTimer(requestTimeoutMs, () =>
        settle(() => reject(unavailable(`no connection within ${requestTimeoutMs} ms`, 'not-sent'))),
      );
      waiting.add(go);
    });
  }

  /** Sends over the connection there is. */
  function send<T>(submit: (done: zookeeper.Callback<[T]>) => void): Promise<Answer<T>> {
    return new Promise((resolve, reject) => {
      const sentAtMs = now();
      const settle = (how: () => void) => {
        if (!underWay.delete(fail)) return;
        timer.cancel();
        how();
      };
      const fail = (error: KafkaMesosError) => settle(() => reject(error));
      const timer = clock.setTimer(requestTimeoutMs, () =>
        fail(unavailable(`no answer within ${requestTimeoutMs} ms`, 'unknown')),
      );
      underWay.add(fail);
      try {
        submit((error, result) =>
          settle(() => {
            const code = error?.getCode();
            if (code !== undefined && lossCodes.has(code)) {
              reject(unavailable('the connection was lost', 'unknown', error));
              return;
            }
            certainSinceMs = Math.max(certainSinceMs ?? sentAtMs, sentAtMs);
            if (code === undefined) resolve({ kind: 'done', value: result });
            else refuse(code, error, resolve, reject);
          }),
        );
      } catch (cause) {
        // The library asserts what it is given: our mistake, seen before anything was sent.
        fail(new InvariantError('KM_BUG_ZOOKEEPER', `not a request for ZooKeeper: ${cause}`, { cause }));
      }
    });
  }

  async function ask<T>(submit: (done: zookeeper.Callback<[T]>) => void): Promise<Answer<T>> {
    await connection();
    return send(submit);
  }

  function refuse(
    code: number,
    cause: unknown,
    resolve: (answer: { kind: 'refused'; refusal: Refusal }) => void,
    reject: (error: KafkaMesosError) => void,
  ): void {
    const refusal = refusals.get(code);
    if (refusal !== undefined) resolve({ kind: 'refused', refusal });
    else
      reject(
        code === noAuth ? forbidden(servers, cause) : unavailable(`it answers ${cause}`, 'unknown', cause),
      );
  }

  function unavailable(why: string, outcome: 'not-sent' | 'unknown', cause?: unknown): UnavailableError {
    return new UnavailableError(
      'KM_UNAVAILABLE_ZOOKEEPER',
      `ZooKeeper at ${servers} cannot be asked: ${why}`,
      { cause, outcome, remedy: 'Check that a majority of its servers runs and can be reached from here.' },
    );
  }

  const session: ZooKeeperSession = {
    servers,
    create: (path, data, mode) =>
      ask((done) =>
        client.create(
          path,
          data,
          acls,
          mode === 'persistent' ? zookeeper.CreateMode.PERSISTENT : zookeeper.CreateMode.EPHEMERAL_SEQUENTIAL,
          done,
        ),
      ),
    setData: async (path, data) =>
      mapAnswer(await ask<zookeeper.Stat>((done) => client.setData(path, data, -1, done)), toStat),
    remove: (path) => ask((done) => client.remove(path, -1, (error) => done(error, undefined))),
    async stat(path) {
      const answer = await ask<zookeeper.Stat | null>((done) => client.exists(path, done));
      return answer.kind === 'done' && answer.value !== null ? toStat(answer.value) : undefined;
    },
    async getData(path, onChange) {
      const answer = await ask<{ data: Buffer; stat: NodeStat }>((done) =>
        client.getData(path, onChange, (error, data, stat) =>
          error ? done(error, none) : done(undefined, { data: data ?? Buffer.alloc(0), stat: toStat(stat) }),
        ),
      );
      return answer.kind === 'done' ? answer.value : undefined;
    },
    async getChildren(path, onChange) {
      const answer = await ask<string[]>((done) => client.getChildren(path, onChange, done));
      return answer.kind === 'done' ? answer.value : undefined;
    },
    async multi(operations) {
      const transaction = client.transaction();
      for (const operation of operations) add(transaction, operation, acls);
      const answer = await ask<readonly zookeeper.TransactionResult[]>((done) =>
        transaction.commit((error, results) => {
          // An operation's refusal comes as an error with results, and is told by these.
          if (results === undefined) done(error, none);
          else done(undefined, results);
        }),
      );
      if (answer.kind === 'refused') return { kind: 'refused', at: 0, refusal: answer.refusal };
      const at = answer.value.findIndex(({ err = 0 }) => err !== 0 && err !== rolledBack);
      if (at < 0) return { kind: 'done', stats: answer.value.map(({ stat }) => stat && toStat(stat)) };
      const code = answer.value[at]?.err ?? 0;
      return new Promise((resolve, reject) =>
        refuse(code, `code ${code}`, ({ refusal }) => resolve({ kind: 'refused', at, refusal }), reject),
      );
    },
    async makePath(path) {
      const parts = path.split('/').slice(1);
      for (let count = 1; count <= parts.length; count += 1) {
        const ancestor = `/${parts.slice(0, count).join('/')}`;
        // Looked at first: who may not create below the parent is refused even where the node is there.
        if ((await session.stat(ancestor)) !== undefined) continue;
        const made = await session.create(ancestor, Buffer.alloc(0), 'persistent');
        // Gone again is the parent that was there a moment ago: somebody is deleting.
        if (made.kind === 'refused' && made.refusal !== 'node-exists')
          throw unavailable(`${ancestor} cannot be made: ${made.refusal}`, 'not-sent');
      }
    },
    timeoutMs,
    certainForMs() {
      if (certainSinceMs === undefined) return 0;
      return Math.max(0, certainSinceMs + (timeoutMs() * 2) / 3 - now());
    },
    onConnected(listener) {
      if (over === undefined) listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ended,
    async close() {
      if (over !== undefined) return;
      const polite = connected;
      end('closed', 'the session was closed');
      if (polite) {
        const gone = new Promise<void>((resolve) => {
          const timer = clock.setTimer(closeTimeoutMs, resolve);
          client.on('state', () => {
            timer.cancel();
            resolve();
          });
        });
        client.close();
        await gone;
      }
      shut();
    },
  };

  watch();
  client.connect();
  return session;
}

/** Of the library's callback: never looked at, because there is an error beside it. */
const none = undefined as never;

const noAuth = -102;
/** What the operations before and behind the one that was refused are marked with. */
const rolledBack = -2;
const refusals: ReadonlyMap<number, Refusal> = new Map([
  [-101, 'no-node'],
  [-110, 'node-exists'],
  [-103, 'bad-version'],
  [-111, 'not-empty'],
]);
/** Connection loss, session expired, credentials refused: the library's own, no answer of ZooKeeper. */
const lossCodes: ReadonlySet<number> = new Set([-4, -112, -115]);

function add(transaction: zookeeper.Transaction, operation: Operation, acls: readonly zookeeper.Acl[]): void {
  switch (operation.kind) {
    case 'check':
      transaction.check(operation.path, definite(operation.version));
      return;
    case 'create':
      transaction.create(operation.path, operation.data, acls, zookeeper.CreateMode.PERSISTENT);
      return;
    case 'set':
      transaction.setData(operation.path, operation.data, definite(operation.version));
      return;
    case 'remove':
      transaction.remove(operation.path, definite(operation.version));
      return;
  }
}

function definite(version: number | 'any'): number {
  if (version === 'any') return -1;
  // The library's `version || -1` would let it through whatever the node's version is.
  if (version <= 0)
    throw new InvariantError('KM_BUG_ZOOKEEPER', 'version 0 cannot be checked in a transaction');
  return version;
}

function toStat({ mzxid, version, dataLength, numChildren }: zookeeper.Stat): NodeStat {
  return { mzxid: Number(mzxid.readBigInt64BE()), version, dataLength, numChildren };
}

function mapAnswer<T, U>(answer: Answer<T>, map: (value: T) => U): Answer<U> {
  return answer.kind === 'done' ? { kind: 'done', value: map(answer.value) } : answer;
}

function sessionOver(end: SessionEnd, outcome: 'not-sent' | 'unknown'): UnavailableError {
  return new UnavailableError(
    'KM_UNAVAILABLE_ZOOKEEPER_SESSION',
    `${end.message}: it takes no more requests`,
    {
      outcome,
      remedy: 'The process ends and its supervisor starts it again.',
    },
  );
}

function forbidden(servers: string, cause: unknown): ProtocolError {
  return new ProtocolError(
    'KM_PROTOCOL_ZOOKEEPER_ACCESS',
    `ZooKeeper at ${servers} forbids it to these credentials`,
    { cause, remedy: 'Give the credentials of who made these nodes, or another path.' },
  );
}
