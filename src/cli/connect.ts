import { readFile } from 'node:fs/promises';
import { type ApiClient, createApiClient, startRemedy } from '../api/client.ts';
import { UnavailableError } from '../model/errors.ts';
import type { ClusterStatus } from '../model/status.ts';
import type { Context } from './context.ts';
import { CommandError, UsageError } from './errors.ts';
import { followLeader } from './follow-leader.ts';
import { findRunningApi, readToken } from './home.ts';
import { tellIfExposed } from './secret-files.ts';

/** Options of every command that asks the scheduler. */
export type ClientOptions = {
  readonly api?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  /** Start embedded Mesos and scheduler first where they do not run. */
  readonly local?: boolean;
};

/** The client of the scheduler meant: by `--api`, `KAFKA_MESOS_API`, or the one of the home directory. */
export async function connect(context: Context, options: ClientOptions): Promise<ApiClient> {
  const named = options.api ?? context.env.KAFKA_MESOS_API;
  if (options.local === true) {
    if (named)
      throw new UsageError(
        '--local and --api (or KAFKA_MESOS_API) exclude one another',
        'leave one of them out',
      );
    const { ensureLocal } = await import('./local-stack.ts');
    await ensureLocal(context);
  }
  const tokenFile = options.tokenFile ?? context.home.tokenFile;
  if (named) {
    const url = URL.canParse(named) ? new URL(named) : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      throw new UsageError(`${named} is not a URL`, 'give it as https://HOST:PORT, or http://127.0.0.1:PORT');
    }
    return connectTo(context, options, url.href.replace(/\/+$/, ''), tokenFile);
  }
  const running = await findRunningApi(context.home);
  if (running === undefined) {
    throw new UnavailableError(
      'KM_UNAVAILABLE_SCHEDULER',
      `no scheduler is running (home ${context.home.directory})`,
      {
        remedy: startRemedy,
      },
    );
  }
  return connectTo(context, options, running.url, tokenFile);
}

async function connectTo(
  context: Context,
  options: ClientOptions,
  url: string,
  tokenFile: string,
): Promise<ApiClient> {
  const token = await demandToken(context, tokenFile);
  const caFile = options.caFile ?? context.env.KAFKA_MESOS_CA_FILE;
  const how = { token, ...(caFile ? { ca: await readCa(caFile) } : {}) };
  return followLeader(createApiClient({ ...how, url }), how);
}

async function readCa(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CommandError(
      'KM_CLI_FILE',
      `${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`,
      {
        cause: error,
        remedy: 'check --ca-file and KAFKA_MESOS_CA_FILE',
      },
    );
  }
}

async function demandToken({ io }: Context, path: string): Promise<string> {
  const token = await readToken(path);
  if (token) {
    await tellIfExposed(path, (file, remedy) =>
      io.err(`warning: everybody on this machine can read the token in ${file}\n  → ${remedy}\n`),
    );
    return token;
  }
  throw new CommandError('KM_CLI_TOKEN', `there is no token in ${path}`, {
    remedy: 'the scheduler writes it when it starts; name its file by --token-file',
  });
}

/** The cluster meant: the one named, or the only one there is. */
export async function pickCluster(
  client: ApiClient,
  name: string | undefined,
  how = 'by --cluster',
): Promise<ClusterStatus> {
  const clusters = await client.clusters();
  const names = clusters.map((cluster) => cluster.name).join(', ');
  if (name !== undefined) {
    const found = clusters.find((cluster) => cluster.name === name);
    if (found !== undefined) return found;
    throw new CommandError('KM_CLI_NO_CLUSTER', `there is no cluster named ${name}`, {
      remedy: clusters.length === 0 ? noClusterRemedy : `there is ${names}`,
    });
  }
  const [only, ...others] = clusters;
  if (only === undefined)
    throw new CommandError('KM_CLI_NO_CLUSTER', 'there is no cluster yet', { remedy: noClusterRemedy });
  if (others.length > 0) throw new UsageError('there are several clusters', `choose one ${how}: ${names}`);
  return only;
}

const noClusterRemedy = 'apply one: kafka-mesos apply -f examples/three-brokers.yaml';
