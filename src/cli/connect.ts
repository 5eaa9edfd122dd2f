import { readFile } from 'node:fs/promises';
import { type ApiClient, createApiClient } from '../api/client.ts';
import type { ClusterStatus } from '../model/status.ts';
import { didYouMean } from '../spec/did-you-mean.ts';
import { noteAsked } from './asked.ts';
import type { Context } from './context.ts';
import { CommandError, UsageError } from './errors.ts';
import { readToken } from './home.ts';
import { tellIfExposed } from './secret-files.ts';
import { askLeading } from './several-schedulers.ts';
import { refuseWithLocal, resolveTarget, type Target, urlOfHome } from './target.ts';

/** Options of every command that asks the scheduler. */
export type ClientOptions = {
  readonly api?: string;
  /** Of `contexts.yaml`. */
  readonly context?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  /** Start embedded Mesos and scheduler first where they do not run. */
  readonly local?: boolean;
  /** How long one answer may take; that of the client unless said. */
  readonly timeoutMs?: number;
};

/** A client, with the cluster that its context means where none is named. */
export type Connection = ApiClient & { readonly preferredCluster?: string };

/** The client of the scheduler meant (`target.ts`). */
export async function connect(context: Context, options: ClientOptions): Promise<Connection> {
  if (options.local === true) {
    refuseWithLocal(context, options);
    const { ensureLocal } = await import('./local-stack.ts');
    await ensureLocal(context);
  }
  const target = await resolveTarget(context, options);
  noteAsked(context, target);
  const token = await demandToken(context, target);
  const how = {
    token,
    ...(target.caFile === undefined ? {} : { ca: await readCa(target.caFile) }),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  };
  const find = async () => (target.isOfHome === true ? [await urlOfHome(context.home)] : target.urls);
  const client = askLeading(find, {
    clientOf: (url) => createApiClient({ ...how, url }),
    // Of several it is not known who leads.
    first: target.urls.length === 1 ? target.urls[0] : undefined,
    chosen: (url) => noteAsked(context, target, url),
  });
  return target.cluster === undefined ? client : { ...client, preferredCluster: target.cluster };
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

async function demandToken({ io }: Context, { tokenFile: path, contextName }: Target): Promise<string> {
  const token = await readToken(path);
  if (token) {
    await tellIfExposed(path, (file, remedy) =>
      io.err(`warning: everybody on this machine can read the token in ${file}\n  → ${remedy}\n`),
    );
    return token;
  }
  throw new CommandError('KM_CLI_TOKEN', `there is no token in ${path}`, {
    remedy:
      contextName === undefined
        ? 'the scheduler writes it when it starts; name its file by --token-file'
        : `copy it from the scheduler's machine, or name its file: kafka-mesos context set ${contextName} --token-file FILE`,
  });
}

/** The cluster meant: the one named, or the only one there is. */
export async function pickCluster(
  client: Connection,
  given: string | undefined,
  how = 'by --cluster',
): Promise<ClusterStatus> {
  const name = given ?? client.preferredCluster;
  const clusters = await client.clusters();
  const names = clusters.map((cluster) => cluster.name).join(', ');
  if (name !== undefined) {
    const found = clusters.find((cluster) => cluster.name === name);
    if (found !== undefined) return found;
    const near = didYouMean(
      name,
      clusters.map((cluster) => cluster.name),
    );
    throw new CommandError(
      'KM_CLI_NO_CLUSTER',
      `there is no cluster named ${name}${given === undefined ? ', which the context names' : ''}`,
      {
        remedy:
          near !== undefined
            ? `did you mean ${near}?`
            : clusters.length === 0
              ? noClusterRemedy
              : `there is ${names}`,
      },
    );
  }
  const [only, ...others] = clusters;
  if (only === undefined)
    throw new CommandError('KM_CLI_NO_CLUSTER', 'there is no cluster yet', { remedy: noClusterRemedy });
  if (others.length > 0) throw new UsageError('there are several clusters', `choose one ${how}: ${names}`);
  return only;
}

const noClusterRemedy = 'apply one: kafka-mesos apply -f examples/three-brokers.yaml';
