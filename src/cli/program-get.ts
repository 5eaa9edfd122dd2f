import { type Command, Option } from 'commander';
import type { GetKind } from './commands/get.ts';
import type { Context } from './context.ts';

type Listing = {
  readonly kind: GetKind;
  readonly description: string;
  readonly examples: readonly string[];
};

const listings: readonly Listing[] = [
  {
    kind: 'brokers',
    description: 'List brokers.',
    examples: [
      'kafka-mesos get brokers',
      "kafka-mesos get brokers -l 'state!=running,rack=r1' --columns id,state,waiting",
      'kafka-mesos get brokers -A -o custom-columns=CLUSTER:.cluster,ID:.id,FREE:.diskFree --sort-by diskFree',
    ],
  },
  {
    kind: 'topics',
    description: 'List topics of the spec.',
    examples: ['kafka-mesos get topics', 'kafka-mesos get topics -l state!=ready'],
  },
  {
    kind: 'clusters',
    description: 'List clusters.',
    examples: ['kafka-mesos get clusters', "kafka-mesos get clusters -l 'env in (test,stage)' -o name"],
  },
  {
    kind: 'events',
    description: 'List the events that are kept, as a table; see also events.',
    examples: ['kafka-mesos get events', "kafka-mesos get events -A -l 'severity!=info' --sort-by broker"],
  },
  {
    kind: 'revisions',
    description: 'List the last revisions of specs; history is this of one cluster.',
    examples: [
      'kafka-mesos get revisions',
      'kafka-mesos get revisions -A --columns cluster,revision,author,outcome',
    ],
  },
];

/** Lists, with selectors and columns. */
export function addGetCommands(
  program: Command,
  context: Context,
  set: (code: Promise<number>) => Promise<void>,
  withClient: (command: Command) => Command,
): void {
  const get = program.command('get').description('List brokers, topics, clusters, events or revisions.');
  for (const { kind, description, examples } of listings) {
    const command = withClient(get.command(kind)).description(description);
    if (kind !== 'clusters') {
      command
        .option('--cluster <name>', 'which cluster; not needed when there is only one')
        .option('-A, --all-clusters', 'of all clusters');
    }
    command
      .addOption(
        new Option(
          '-l, --selector <terms>',
          kind === 'clusters'
            ? 'only those: labels and fields, as env=prod,phase!=converged'
            : 'only those: fields, as state=running,rack!=r1 or "state in (failed,stopped)"',
        ),
      )
      .option('--columns <names>', 'these fields, with commas')
      .option('--sort-by <field>', 'in its order')
      .option('--no-headers', 'without the line of titles')
      .option('-o, --output <format>', 'json, yaml, wide, name or custom-columns=TITLE:.field,…')
      .addHelpText(
        'after',
        `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}\n\nA field that is not there is answered with those that are.\n`,
      )
      .action(async (options) => set((await import('./commands/get.ts')).get(context, kind, options)));
  }
}
