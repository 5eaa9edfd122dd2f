/** One client for the schedulers that stand by for one another. */
import type { ApiClient } from '../api/client.ts';
import { KafkaMesosError, NotLeaderError, UnavailableError } from '../model/errors.ts';

export type Candidate = { readonly url: string; readonly client: ApiClient };

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
  suspend: false,
  resume: false,
  rollback: false,
  reconcile: true,
};

/**
 * Asks the one that leads; where none does, one that stands by, which reads. Looks anew when that one is away or does
 * not lead any more, and asks again what was not done. A write of which nobody knows whether it was done is not
 * repeated. `find` is asked at each look, since one that was started anew may listen elsewhere; `first` is asked
 * before any look. `chosen` hears which one is asked.
 */
export function askLeading(
  find: () => Promise<readonly Candidate[]>,
  options: { readonly first?: Candidate | undefined; readonly chosen?: (url: string) => void } = {},
): ApiClient {
  let current = options.first;
  const choose = async (candidates: readonly Candidate[]): Promise<Candidate> => {
    const found = await Promise.all(candidates.map(look));
    const best = found.find((one) => one.state === 'leading') ?? found.find((one) => one.state === 'standby');
    if (best === undefined) throw nobodyAnswers(found);
    current = best.candidate;
    options.chosen?.(current.url);
    return current;
  };
  const ask = async (name: keyof ApiClient, args: readonly unknown[]): Promise<unknown> => {
    const first = current ?? (await choose(await find()));
    try {
      return await call(first.client, name, args);
    } catch (error) {
      if (!mayAskAgain(error, isRead[name])) throw error;
      const candidates = await find();
      if (candidates.every(({ url }) => url === first.url)) throw error;
      current = undefined;
      const next = await choose(candidates);
      // The one that stands by would only say again that it does.
      if (next.url === first.url && error instanceof NotLeaderError) throw error;
      return call(next.client, name, args);
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

type Found = {
  readonly candidate: Candidate;
  readonly state: 'leading' | 'standby' | 'away';
  readonly error?: KafkaMesosError;
};

async function look(candidate: Candidate): Promise<Found> {
  try {
    const { leadership } = await candidate.client.scheduler();
    return { candidate, state: leadership.state };
  } catch (error) {
    if (!(error instanceof KafkaMesosError)) throw error;
    return { candidate, state: 'away', error };
  }
}

function nobodyAnswers(found: readonly Found[]): KafkaMesosError {
  const errors = found.flatMap(({ error }) => (error === undefined ? [] : [error]));
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
