import { ConflictError, ProtocolError, UnavailableError } from '../model/errors.ts';
import type { Leader, Leadership } from '../model/leadership.ts';
import { type Clock, delay, systemClock, type Timer } from '../sys/clock.ts';
import type { Logger } from '../sys/logger.ts';
import type { ZooKeeperSession } from '../zookeeper/session.ts';

/**
 * Stands for election below `root`, with a node that goes with the session:
 *
 *     root/election/candidate-3f1c…-0000000007    {"id":"…","host":"…","apiUrl":"…"}
 *
 * The lowest number leads. Each other candidate watches the one before it only, so that an end wakes one.
 *
 * The end of a leadership is decided here, not by ZooKeeper: when the session is no longer certain to
 * last (see `certainForMs`) it is lost, whether ZooKeeper ended it or was just not heard for too long.
 */
export async function standForElection(
  session: ZooKeeperSession,
  root: string,
  self: Leader & { /** Different for every candidature. */ readonly nonce: string },
  deps: { readonly logger: Logger; readonly clock?: Clock },
): Promise<Leadership> {
  const { logger, clock = systemClock } = deps;
  const election = `${root}/election`;
  const { nonce, ...data } = self;
  const prefix = `candidate-${nonce}-`;
  let own: string | undefined;
  let state: 'standing' | 'leading' | 'over' = 'standing';
  let expiry: Timer | undefined;
  let checking = false;
  let again = false;
  let tellElected: () => void = () => {};
  let refuseElected: (error: ConflictError) => void = () => {};
  let tellLost: (why: string) => void = () => {};
  const elected = new Promise<void>((resolve, reject) => {
    tellElected = resolve;
    refuseElected = reject;
  });
  elected.catch(() => {});
  const lost = new Promise<string>((resolve) => {
    tellLost = resolve;
  });

  /** The session may live on, and with it a node that the others would wait for: it is taken away. */
  async function end(why: string): Promise<void> {
    if (state === 'over') return;
    state = 'over';
    expiry?.cancel();
    stopListening();
    refuseElected(
      new ConflictError('KM_CONFLICT_LEADERSHIP_LOST', `this candidate is out of the election: ${why}`),
    );
    tellLost(why);
    if (own !== undefined) await session.remove(`${election}/${own}`);
  }

  /** Where nobody waits for it: a node that cannot be taken away goes with the session. */
  function endNow(why: string): void {
    end(why).catch((error: unknown) => logger.debug('candidate not removed', { error: String(error) }));
  }

  const candidates = async () => inOrder((await session.getChildren(election)) ?? []);

  /** Looks at the order and watches whom it depends on; one look at a time, and one more if asked meanwhile. */
  function look(): void {
    if (state === 'over' || own === undefined) return;
    if (checking) {
      again = true;
      return;
    }
    checking = true;
    lookOnce()
      .catch(async (error: unknown) => {
        // Each reconnect looks again; what is not about the connection is tried after a while.
        logger.warn('the election cannot be looked at', { error: String(error) });
        await delay(clock, 1_000);
        again = true;
      })
      .finally(() => {
        checking = false;
        if (!again) return;
        again = false;
        look();
      });
  }

  async function lookOnce(): Promise<void> {
    const all = await candidates();
    const index = own === undefined ? -1 : all.indexOf(own);
    if (state === 'over') return;
    if (index < 0) {
      endNow('its node was removed');
      return;
    }
    // The leader watches its own node: who removes that by hand deposes it.
    const watched = all[Math.max(0, index - 1)];
    const found = await session.getData(`${election}/${watched}`, look);
    if (found === undefined) {
      again = true;
      return;
    }
    if (index !== 0 || state !== 'standing') return;
    if (session.certainForMs() > 0) {
      lead();
      return;
    }
    // Its last answers were slow, or the connection is just being lost: nobody else leads meanwhile.
    await delay(clock, 1_000);
    again = true;
  }

  function lead(): void {
    state = 'leading';
    guard();
    logger.info('elected', { id: self.id });
    tellElected();
  }

  /** Tells the loss of a leadership that nobody asked about meanwhile. */
  function guard(): void {
    expiry = clock.setTimer(Math.max(1, session.certainForMs()), () => {
      if (session.certainForMs() > 0) guard();
      else
        endNow(
          `nothing was heard of ZooKeeper at ${session.servers} for so long that the session may be over`,
        );
    });
  }

  async function stand(): Promise<string> {
    await session.makePath(election);
    for (;;) {
      const mine = (await candidates()).find((name) => name.startsWith(prefix));
      if (mine !== undefined) return mine;
      // An answer that was lost is found by the list: a second node of ours would stand before us, unwatched.
      await session
        .create(`${election}/${prefix}`, Buffer.from(JSON.stringify(data)), 'ephemeral-sequential')
        .catch((error: unknown) => {
          if (!(error instanceof UnavailableError)) throw error;
        });
    }
  }

  const stopListening = session.onConnected(look);
  void session.ended.then(({ message }) => endNow(message));
  own = await stand();
  look();

  return {
    elected: () => elected,
    async leader() {
      const [first] = await candidates();
      const found = first === undefined ? undefined : await session.getData(`${election}/${first}`);
      return found === undefined ? undefined : parseLeader(found.data.toString('utf8'));
    },
    standbys: async () => Math.max(0, (await candidates()).length - 1),
    mayAct: () => state === 'leading' && session.certainForMs() > 0,
    lost,
    resign: () => end('it was given up'),
  };
}

/** By the ten digits that ZooKeeper appends; what is no candidate is left out. */
function inOrder(names: readonly string[]): readonly string[] {
  const number = (name: string) => Number(name.slice(-10));
  return names
    .filter((name) => /^candidate-[a-z0-9-]+-\d{10}$/.test(name))
    .sort((left, right) => number(left) - number(right));
}

function parseLeader(text: string): Leader {
  try {
    const { id, host, apiUrl } = JSON.parse(text) as Partial<Leader>;
    if (typeof id === 'string' && typeof host === 'string' && typeof apiUrl === 'string')
      return { id, host, apiUrl };
  } catch {
    // Said below.
  }
  throw new ProtocolError(
    'KM_PROTOCOL_ELECTION',
    "the leader's node in ZooKeeper is not one of this program",
  );
}
