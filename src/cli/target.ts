/** Which scheduler a command asks. */

import { startRemedy } from '../api/client-errors.ts';
import { UnavailableError } from '../model/errors.ts';
import type { ClientOptions } from './connect.ts';
import type { Context } from './context.ts';
import { type Contexts, demandContext, type NamedContext, parseApiUrl } from './contexts.ts';
import { UsageError } from './errors.ts';
import { findRunningApi, type Home } from './home.ts';
import { readContexts } from './read-contexts.ts';

export type Target = {
  /** One, or several that stand by for one another. */
  readonly urls: readonly string[];
  /** It is the scheduler of the home, which listens elsewhere once it was started anew. */
  readonly isOfHome?: true;
  readonly tokenFile: string;
  readonly caFile?: string;
  /** The cluster meant where none is named. */
  readonly cluster?: string;
  /** Of the context that was chosen; absent: no context was. */
  readonly contextName?: string;
};

/**
 * `--api`, else `--context`, else `KAFKA_MESOS_API`, else `KAFKA_MESOS_CONTEXT`, else the current context, else the
 * scheduler of the home. Beside `--api`, a context that is named by `--context` says the rest; one that is not named
 * says nothing, so that its token goes nowhere else.
 */
export async function resolveTarget(context: Context, options: ClientOptions): Promise<Target> {
  const { env, home } = context;
  const named = options.api ?? (options.context === undefined ? env.KAFKA_MESOS_API || undefined : undefined);
  const contexts =
    named === undefined || options.context !== undefined ? await readContexts(home.contextsFile) : undefined;
  const chosen = contexts && chosenContext(context, options, contexts);
  const caFile = options.caFile ?? chosen?.caFile ?? (env.KAFKA_MESOS_CA_FILE || undefined);
  const rest = {
    tokenFile: options.tokenFile ?? chosen?.tokenFile ?? home.tokenFile,
    ...(caFile === undefined ? {} : { caFile }),
    ...(chosen?.cluster === undefined ? {} : { cluster: chosen.cluster }),
    ...(chosen === undefined ? {} : { contextName: chosen.name }),
  };
  if (named !== undefined) {
    const how = options.api === undefined ? 'KAFKA_MESOS_API' : '--api';
    return { ...rest, urls: [parseApiUrl(named, how)] };
  }
  if (chosen !== undefined) return { ...rest, urls: chosen.api };
  return {
    ...rest,
    urls: [
      await urlOfHome(
        home,
        contexts?.all.map((one) => one.name),
      ),
    ],
    isOfHome: true,
  };
}

/** Where the scheduler of the home listens just now; rejects with `UnavailableError` when none runs. */
export async function urlOfHome(home: Home, contextNames: readonly string[] = []): Promise<string> {
  const running = await findRunningApi(home);
  if (running !== undefined) return running.url;
  const [one] = contextNames;
  throw new UnavailableError('KM_UNAVAILABLE_SCHEDULER', `no scheduler is running (home ${home.directory})`, {
    remedy:
      one === undefined
        ? startRemedy
        : `choose a context (there is ${contextNames.join(', ')}): kafka-mesos context use ${one}; or ${startRemedy}`,
  });
}

function chosenContext(
  { env }: Context,
  options: ClientOptions,
  contexts: Contexts,
): NamedContext | undefined {
  if (options.context !== undefined) return demandContext(contexts, options.context, '--context');
  // What --local started is meant, whatever is current.
  if (options.local === true) return undefined;
  const { KAFKA_MESOS_CONTEXT: byEnvironment } = env;
  if (byEnvironment) return demandContext(contexts, byEnvironment, 'KAFKA_MESOS_CONTEXT');
  return contexts.all.find(({ name }) => name === contexts.current);
}

/** What the command line or the environment names beside `--local`, which names one itself. */
export function refuseWithLocal({ env }: Context, options: ClientOptions): void {
  const other =
    (options.api && '--api') ||
    (options.context && '--context') ||
    (env.KAFKA_MESOS_API && 'KAFKA_MESOS_API') ||
    (env.KAFKA_MESOS_CONTEXT && 'KAFKA_MESOS_CONTEXT');
  if (other) throw new UsageError(`--local and ${other} exclude one another`, 'leave one of them out');
}
