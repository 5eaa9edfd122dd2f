/** One client for the schedulers that stand by for one another. */
import { hostname } from 'node:os';
import type { ApiClient } from '../api/client.ts';
import { isLoopback } from '../api/listen-address.ts';
import { KafkaMesosError, NotLeaderError, UnavailableError } from '../model/errors.ts';

/** Whether asking twice does no harm. */
const isRead: Readonly<Record<keyof ApiClient, boolean>> = {
  health: true,
  scheduler: true,
  clusters: true,
  cluster: true,
  spec: true,
  revisions: true,
  plan: true,
  apply: false,
  setIntent: false,
  teardown: false,
  readLog: true,
  events: true,
  watch: true,
  suspend: false,
  resume: false,
  rollback: false,
  reconcile: true,
};

/**
 * Asks the one that leads; where none does, one that stands by, which reads. One that stands by and names the leader is
 * believed where that proves who it is, and who was gone over to is stayed with: what is asked after a write is asked
 * of who did it. Where that one is away or leads no more, those that `find` names are looked at anew, and what was not
 * done is asked again. A write of which nobody knows whether it was done is not repeated.
 *
 * `find` gives addresses, at each look anew, since one that was started anew may listen elsewhere; `first` is asked
 * before any look. `chosen` hears which one is asked.
 */
export function askLeading(
  find: () => Promise<readonly string[]>,
  options: {
    readonly clientOf: (url: string) => ApiClient;
    readonly first?: string | undefined;
    readonly chosen?: (url: string) => void;
  },
): ApiClient {
  let current = options.first;
  const goTo = (url: string): string => {
    current = url;
    options.chosen?.(url);
    return url;
  };
  const choose = async (urls: readonly string[], before?: unknown): Promise<Found> => {
    const found = await Promise.all(urls.map((url) => look(url, options.clientOf(url))));
    const best = found.find((one) => one.state === 'leading') ?? found.find((one) => one.state === 'standby');
    if (best === undefined) throw nobodyAnswers(found, before);
    goTo(best.url);
    return best;
  };
  const ask = async (name: keyof ApiClient, args: readonly unknown[]): Promise<unknown> => {
    let url = current ?? (await choose(await find())).url;
    const asked = new Set<string>();
    let gaveUp: unknown;
    for (;;) {
      asked.add(url);
      try {
        return await call(options.clientOf(url), name, args);
      } catch (error) {
        if (!mayAskAgain(error, isRead[name])) throw error;
        const named = error instanceof NotLeaderError ? reachable(error) : undefined;
        if (named !== undefined && !asked.has(named)) {
          url = goTo(named);
          continue;
        }
        // The leader that is named is the one that cannot be asked, and why not says more.
        if (gaveUp !== undefined) throw named === undefined ? error : gaveUp;
        gaveUp = error;
        const urls = await find();
        if (urls.every((one) => one === url)) throw error;
        current = undefined;
        const found = await choose(urls, urls.includes(url) ? undefined : error);
        // One that stands by would only say again that it does.
        if (error instanceof NotLeaderError && found.state === 'standby' && asked.has(found.url)) throw error;
        url = found.url;
      }
    }
  };
  const names = Object.keys(isRead) as (keyof ApiClient)[];
  return Object.fromEntries(
    names.map((name) => [name, (...args: readonly unknown[]) => ask(name, args)]),
  ) as unknown as ApiClient;
}

function call(client: ApiClient, name: keyof ApiClient, args: readonly unknown[]): Promise<unknown> {
  return (client[name] as (...given: readonly unknown[]) => Promise<unknown>)(...args);
}

function mayAskAgain(error: unknown, isHarmless: boolean): boolean {
  if (error instanceof NotLeaderError) return true;
  return error instanceof UnavailableError && (isHarmless || error.outcome === 'not-sent');
}

/**
 * The leader's address, where the token may be shown to it (the same for all: `scheduler --token-file`): on loopback
 * only on this machine, where the address is not that of another program; elsewhere only over TLS, which proves who it
 * is first.
 */
function reachable({ leader }: NotLeaderError): string | undefined {
  if (leader === undefined || !URL.canParse(leader.apiUrl)) return undefined;
  const { hostname: address, protocol } = new URL(leader.apiUrl);
  if (isLoopback(address.replace(/^\[|\]$/g, ''))) {
    return leader.host === hostname() ? leader.apiUrl : undefined;
  }
  return protocol === 'https:' ? leader.apiUrl : undefined;
}

type Found = {
  readonly url: string;
  readonly state: 'leading' | 'standby' | 'away';
  readonly error?: KafkaMesosError;
};

async function look(url: string, client: ApiClient): Promise<Found> {
  try {
    const { leadership } = await client.scheduler();
    return { url, state: leadership.state };
  } catch (error) {
    if (!(error instanceof KafkaMesosError)) throw error;
    return { url, state: 'away', error };
  }
}

/** `before`: why one that is none of these was given up. */
function nobodyAnswers(found: readonly Found[], before: unknown): KafkaMesosError {
  const errors = [before, ...found.map(({ error }) => error)].filter(
    (error): error is KafkaMesosError => error instanceof KafkaMesosError,
  );
  // A token that is refused everywhere, say: the remedy is that of the first.
  const [first] = errors;
  if (first !== undefined && first.code !== 'KM_UNAVAILABLE_SCHEDULER') {
    if (errors.every(({ code }) => code === first.code)) return first;
  }
  return new UnavailableError(
    'KM_UNAVAILABLE_SCHEDULER',
    `none of the schedulers answers: ${errors.map(({ message }) => message).join('; ')}`,
    { remedy: 'start one of them, or choose another context: kafka-mesos context list' },
  );
}
