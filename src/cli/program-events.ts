import type { Command } from 'commander';
import type { Context } from './context.ts';
import { parseCount } from './program-values.ts';

/** What happened and why; kept by the scheduler over restarts. */
export function addEventsCommand(
  program: Command,
  context: Context,
  set: (code: Promise<number>) => Promise<void>,
  withTarget: (command: Command) => Command,
): void {
  withTarget(program.command('events'))
    .description('Tell what happened: who wanted what, why and when; the oldest first.')
    .argument('[cluster]', 'only of this one; otherwise of all, and of the framework itself')
    .option('-n, --limit <count>', 'how many of the newest', parseCount, 50)
    .option('-F, --follow', 'go on with what comes; Ctrl-C leaves')
    .addHelpText(
      'after',
      `
The last 200 or so of each cluster are kept, over restarts and failover of the
scheduler. What repeats itself is told once more, with how often.
With --follow, -o json prints one event a line.

Examples:
  kafka-mesos events
  kafka-mesos events demo --limit 20
  kafka-mesos events --follow -o json
`,
    )
    .action(async (name, options) =>
      set((await import('./commands/events.ts')).events(context, name, options)),
    );
}
