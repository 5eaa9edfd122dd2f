import { type Command, Option } from 'commander';
import type { Context } from './context.ts';
import { collect } from './program-values.ts';

/** Schedulers by name. */
export function addContextCommands(
  program: Command,
  context: Context,
  set: (code: Promise<number>) => Promise<void>,
  withOutput: (command: Command) => Command,
): void {
  const load = () => import('./commands/context.ts');
  const group = program
    .command('context')
    .description('Name schedulers, and choose which one commands ask.')
    .addHelpText(
      'after',
      `
A command asks what --api names, else --context, KAFKA_MESOS_API,
KAFKA_MESOS_CONTEXT, the current context, and else the scheduler of the home.
Tokens stay in their files; contexts.yaml of the home only names those.

Examples:
  kafka-mesos context set production --api https://km1:7443 --api https://km2:7443 \\
    --token-file /etc/kafka-mesos/token
  kafka-mesos context use production
  kafka-mesos status --context staging
`,
    );
  withOutput(group.command('list'))
    .description('Show them; * marks the current one.')
    .action(async (options) => set((await load()).contextList(context, options)));
  group
    .command('current')
    .description('Print the name of the current one.')
    .action(async () => set((await load()).contextCurrent(context)));
  group
    .command('use')
    .description('Make one the current one.')
    .argument('[name]', 'of a context')
    .option('--none', "ask the home's own scheduler again")
    .action(async (name, options) => set((await load()).contextUse(context, name, options)));
  group
    .command('set')
    .description('Make a context, or change what is given of it.')
    .argument('<name>', 'of the context')
    .addOption(
      new Option('--api <url...>', 'of its scheduler; several times for those that stand by')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--token-file <path>', 'token of these schedulers')
    .option('--ca-file <path>', 'certificate that theirs are signed by')
    .option('--cluster <name>', 'the cluster meant where none is named')
    .action(async (name, options) => set((await load()).contextSet(context, name, options)));
  group
    .command('remove')
    .description('Forget one.')
    .argument('<name>', 'of the context')
    .action(async (name) => set((await load()).contextRemove(context, name)));
}
