import { type Command, InvalidArgumentError } from 'commander';
import type { Context } from './context.ts';

/** What goes between clusters and the directory of specs that the scheduler follows. */
export function addFollowingCommands(
  program: Command,
  context: Context,
  set: (code: Promise<number>) => Promise<void>,
  shaped: { readonly client: (command: Command) => Command; readonly output: (command: Command) => Command },
): void {
  const load = () => import('./commands/following.ts');
  const asClient = (command: Command) => shaped.client(shaped.output(command));
  const whose = 'of the cluster; not needed when there is only one';

  asClient(program.command('history'))
    .description(
      'List the last revisions of a cluster: where each came from, how long it took, what became of it.',
    )
    .argument('[cluster]', whose)
    .addHelpText('after', examples('kafka-mesos history', 'kafka-mesos history demo -o wide'))
    .action(async (name, options) => {
      const { get } = await import('./commands/get.ts');
      return set(get(context, 'revisions', { ...options, cluster: name, how: 'by its name' }));
    });

  for (const { verb, description } of [
    { verb: 'suspend', description: 'Take nothing from the file of a cluster until resume.' },
    { verb: 'resume', description: 'Take what the file of a cluster has, and follow it again.' },
  ] as const) {
    asClient(program.command(verb))
      .description(description)
      .argument('[cluster]', whose)
      .option('--reason <text>', 'why, for whoever looks at the status')
      .addHelpText('after', examples(`kafka-mesos ${verb} demo`))
      .action(async (name, options) => set((await load()).followOrder(context, verb, name, options)));
  }

  asClient(program.command('rollback'))
    .description('Apply an earlier revision again, and follow the file no more until resume.')
    .argument('<revision>', 'which one; history lists them', parseRevision)
    .option('--cluster <name>', 'which cluster; not needed when there is only one')
    .option('--reason <text>', 'why, for whoever looks at the status')
    .addHelpText(
      'after',
      examples('kafka-mesos rollback 5', 'kafka-mesos rollback 5 --cluster demo --reason "latency since 6"'),
    )
    .action(async (revision, options) => set((await load()).rollback(context, revision, options)));

  asClient(program.command('reconcile'))
    .description('Look at the directory of specs, at Kafka and at everything else now instead of in a while.')
    .argument('[cluster]', 'only this one; all otherwise')
    .requiredOption('--now', 'as it is meant')
    .addHelpText('after', examples('kafka-mesos reconcile --now'))
    .action(async (name, options) => set((await load()).reconcile(context, name, options)));
}

function parseRevision(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('A revision is a number, such as 5.');
  return Number(text);
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}
