import { type Command, Option } from 'commander';
import type { BrokerVerb } from './commands/broker.ts';
import type { Context } from './context.ts';
import { collect, parseDurationOption } from './program-values.ts';

type Verb = { readonly verb: BrokerVerb; readonly description: string; readonly expires: boolean };

const verbs: readonly Verb[] = [
  {
    verb: 'restart',
    description: 'Restart once, one after the other, each when every partition can spare it.',
    expires: true,
  },
  { verb: 'stop', description: 'Stop, and keep stopped; disk, agent and port stay.', expires: true },
  {
    verb: 'start',
    description: 'Take a stop back, and try at once what backs off or gave up.',
    expires: false,
  },
  {
    verb: 'replace',
    description: 'Give up the disk and start empty on another agent, when no data is lost by it.',
    expires: true,
  },
  {
    verb: 'pause',
    description: 'Leave alone: neither start, stop, restart nor relocate.',
    expires: true,
  },
  { verb: 'resume', description: 'Take back whatever was asked.', expires: false },
];

/** What operators ask of single brokers beside the spec; stored with author and time, shown in status. */
export function addBrokerCommands(
  program: Command,
  context: Context,
  set: (code: Promise<number>) => Promise<void>,
  withTarget: (command: Command) => Command,
): void {
  const group = program
    .command('broker')
    .description('Ask something of single brokers, beside the spec: restart, stop, start, replace, pause.')
    .addHelpText(
      'after',
      `
What is asked is stored, with who asked and when, and done when it is safe.
It is no difference to the spec: nothing repairs it. It ends when it is done,
taken back, or its time is over.

Examples:
  kafka-mesos broker restart 0..2 --reason "new certificates"
  kafka-mesos broker stop 3 --for 2h
  kafka-mesos broker restart 0 --without-kafka
  kafka-mesos broker replace 4
  kafka-mesos broker resume "*"
`,
    );
  for (const { verb, description, expires } of verbs) {
    const command = withTarget(group.command(verb))
      .description(description)
      .argument('<ids>', 'of brokers: 2, 0..2, 0,3 or "*"');
    if (expires) {
      command
        .option('--reason <text>', 'why, for whoever looks at the status')
        .addOption(
          new Option(
            '--for <duration>',
            'how long it holds: 30m, 2h, 7d (default: until it is done or taken back)',
          ).argParser(parseDurationOption),
        );
    }
    if (verb === 'replace') {
      command.addOption(
        new Option(
          '--accept-loss <partitions...>',
          'give these partitions up, such as events-3: nothing else has their data',
        )
          .argParser(collect)
          .default([], 'none'),
      );
    }
    if (verb === 'restart' || verb === 'stop') {
      command.option(
        '--without-kafka',
        'also where Kafka has not answered for minutes and cannot say whether the broker can be spared; one broker at a time',
      );
    }
    command.action(async (ids, options) =>
      set((await import('./commands/broker.ts')).broker(context, verb, ids, options)),
    );
  }
}
