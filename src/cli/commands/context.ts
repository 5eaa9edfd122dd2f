import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Context } from '../context.ts';
import { demandContext, type NamedContext, parseApiUrl, requireContextName } from '../contexts.ts';
import { changeContexts } from '../contexts-file.ts';
import { CommandError, UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Column, renderTable } from '../format/table.ts';
import { type OutputOptions, print } from '../output.ts';
import { readContexts } from '../read-contexts.ts';

type Row = NamedContext & { readonly current: boolean };

const columns: readonly Column<Row>[] = [
  { title: '', cell: (row) => (row.current ? '*' : '') },
  {
    title: 'NAME',
    cell: (row) => row.name,
    paint: (row, style) => (row.current ? style.bold : (text) => text),
  },
  { title: 'API', cell: (row) => row.api.join(', '), shrinkTo: 20 },
  { title: 'TOKEN FILE', cell: (row) => row.tokenFile ?? '', optional: true, shrinkTo: 12 },
  { title: 'CA FILE', cell: (row) => row.caFile ?? '', optional: true, shrinkTo: 12, spare: 1 },
  { title: 'CLUSTER', cell: (row) => row.cluster ?? '', optional: true, shrinkTo: 8 },
];

export async function contextList(context: Context, options: OutputOptions): Promise<ExitCode> {
  const { home, io } = context;
  const { all } = await readContexts(home.contextsFile);
  const current = await currentOf(context);
  const rows = all.map((one) => ({ ...one, current: one.name === current?.name }));
  await print(context, options, rows, () =>
    rows.length === 0 ? '' : `${renderTable(columns, rows, io).join('\n')}\n`,
  );
  if (rows.length === 0) {
    io.err(`No context yet: commands ask the scheduler of ${home.directory}.\n`);
    io.err('Make one: kafka-mesos context set NAME --api URL --token-file FILE\n');
  } else if (current?.how !== undefined) io.err(`Chosen by ${current.how}.\n`);
  return exitCodes.ok;
}

/** Its name on stdout, for scripts and prompts. */
export async function contextCurrent(context: Context): Promise<ExitCode> {
  const current = await currentOf(context);
  if (current === undefined) {
    throw new CommandError(
      'KM_CLI_NO_CONTEXT',
      `no context is chosen: commands ask the scheduler of ${context.home.directory}`,
      { remedy: 'choose one: kafka-mesos context use NAME' },
    );
  }
  context.io.out(`${current.name}\n`);
  return exitCodes.ok;
}

export async function contextUse(
  { home, io }: Context,
  name: string | undefined,
  { none }: { readonly none?: boolean },
): Promise<ExitCode> {
  if ((name === undefined) === (none !== true)) {
    throw new UsageError('a name or --none is needed, and not both', 'kafka-mesos context list names them');
  }
  await changeContexts(home.contextsFile, (contexts) => {
    if (name !== undefined) demandContext(contexts, name, 'context use');
    return { current: name ?? null };
  });
  io.err(
    name === undefined
      ? `Commands ask the scheduler of ${home.directory} from now on.\n`
      : `Commands ask ${name} from now on.\n`,
  );
  return exitCodes.ok;
}

export type ContextSetOptions = {
  readonly api: readonly string[];
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly cluster?: string;
};

/** Makes it, or changes what is given. */
export async function contextSet(
  { home, io }: Context,
  name: string,
  options: ContextSetOptions,
): Promise<ExitCode> {
  requireContextName(name);
  const urls = options.api.flatMap((one) => one.split(',')).map((url) => parseApiUrl(url, '--api'));
  const files = {
    ...(options.tokenFile === undefined ? {} : { tokenFile: resolve(options.tokenFile) }),
    ...(options.caFile === undefined ? {} : { caFile: resolve(options.caFile) }),
  };
  let isNew = false;
  let isCurrent = false;
  await changeContexts(home.contextsFile, ({ all, current }) => {
    const known = all.find((one) => one.name === name);
    isNew = known === undefined;
    isCurrent = current === name;
    const api = urls.length > 0 ? urls : (known?.api ?? []);
    if (api.length === 0)
      throw new UsageError(`context ${name} is new and needs an address`, 'give it by --api URL');
    const { name: _name, api: _api, ...before } = known ?? { name, api };
    const fields = {
      api: api.length === 1 ? api[0] : api,
      ...before,
      ...files,
      ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
    };
    return { set: { [name]: fields } };
  });
  for (const file of Object.values(files)) {
    await access(file).catch(() => io.err(`warning: there is no ${file} yet, or it cannot be read\n`));
  }
  io.err(`Context ${name} ${isNew ? 'made' : 'changed'}.\n`);
  if (!isCurrent) io.err(`Use it: kafka-mesos context use ${name}\n`);
  return exitCodes.ok;
}

export async function contextRemove({ home, io }: Context, name: string): Promise<ExitCode> {
  let wasCurrent = false;
  await changeContexts(home.contextsFile, (contexts) => {
    demandContext(contexts, name, 'context remove');
    wasCurrent = contexts.current === name;
    return { set: { [name]: undefined }, ...(wasCurrent ? { current: null } : {}) };
  });
  io.err(`Context ${name} removed.\n`);
  if (wasCurrent)
    io.err(`It was the current one: commands ask the scheduler of ${home.directory} from now on.\n`);
  return exitCodes.ok;
}

/** `how`: what chose it instead of `context use`. */
async function currentOf({
  env,
  home,
}: Context): Promise<{ readonly name: string; readonly how?: string } | undefined> {
  const contexts = await readContexts(home.contextsFile);
  const { KAFKA_MESOS_CONTEXT: byEnvironment } = env;
  if (byEnvironment) {
    return {
      name: demandContext(contexts, byEnvironment, 'KAFKA_MESOS_CONTEXT').name,
      how: 'KAFKA_MESOS_CONTEXT',
    };
  }
  return contexts.current === undefined ? undefined : { name: contexts.current };
}
