import { Command, CommanderError, Option } from 'commander';
import type { Context } from './context.ts';
import { UsageError } from './errors.ts';
import { exitCodes, exitCodeTable } from './exit-codes.ts';
import { explainUsage } from './explain-usage.ts';
import { hang } from './format/text.ts';
import { addBrokerCommands } from './program-brokers.ts';
import { addCompletionCommands } from './program-completion.ts';
import { addContextCommands } from './program-contexts.ts';
import { addEventsCommand } from './program-events.ts';
import { addFollowingCommands } from './program-following.ts';
import { addGetCommands } from './program-get.ts';
import { addServiceCommands } from './program-services.ts';
import { collect, parseBrokerId, parseCount, parseDurationOption } from './program-values.ts';

/** `run` resolves to the exit code; errors, those of usage included, reject. */
export function createProgram(context: Context): { run(args: readonly string[]): Promise<number> } {
  let exitCode: number = exitCodes.ok;
  const program = commandLine(context, async (code) => {
    exitCode = await code;
  });
  return {
    async run(args) {
      try {
        await program.parseAsync([...args], { from: 'user' });
      } catch (error) {
        // Help and version are printed by then; help that nobody asked for means a command was missing.
        if (!(error instanceof CommanderError)) throw error;
        return error.code === 'commander.help' ? exitCodes.usage : exitCodes.ok;
      }
      return exitCode;
    },
  };
}

/**
 * The command line. Actions load what they need when they are called, so that help and completion
 * stay fast; `set` hears the exit code of the one that ran.
 */
export function commandLine(context: Context, set: (code: Promise<number>) => Promise<void>): Command {
  const program = new Command('kafka-mesos')
    .description('Runs Apache Kafka on Apache Mesos as you declare it in a file.')
    .version(context.version, '-V, --version', 'print the version')
    .option('--no-color', 'plain text (NO_COLOR does the same)')
    .helpOption('-h, --help', 'show help; also of a command: kafka-mesos apply --help')
    .helpCommand(false)
    .configureOutput({ writeOut: context.io.out, writeErr: context.io.err, outputError: () => {} })
    .addHelpText('after', overview);

  withOutput(withFiles(program.command('validate')))
    .description('Check spec files and explain every mistake. Needs no scheduler.')
    .addHelpText(
      'after',
      examples(
        'kafka-mesos validate -f examples/three-brokers.yaml',
        'kafka-mesos validate -f specs/ -o json',
      ),
    )
    .action(async (options) => set((await import('./commands/validate.ts')).validate(context, options)));

  withOutput(program.command('explain'))
    .description('Explain a field of a spec, or of the configuration of the scheduler. Needs no scheduler.')
    .argument('[path]', 'such as spec.pools.memory or scheduler.sessionTimeout (default: all of a spec)')
    .option('-r, --recursive', 'every field below it, a line each')
    .addHelpText(
      'after',
      examples(
        'kafka-mesos explain spec.pools.storage',
        'kafka-mesos explain spec.topics --recursive',
        'kafka-mesos explain scheduler.sessionTimeout',
      ),
    )
    .action(async (path, options) =>
      set((await import('./commands/explain.ts')).explain(context, path, options)),
    );

  withClient(withOutput(withFiles(program.command('plan'))))
    .description('Show what applying would do, and why; change nothing.')
    .option('--cluster <name>', 'show only this cluster')
    .option('--out <path>', 'save it there, for apply --plan')
    .option('--detailed-exitcode', 'exit with 2 when there are changes')
    .addHelpText(
      'after',
      `
Marks: + start or create, ~ restart or change, - stop or delete, ! held.
${examples('kafka-mesos plan -f examples/three-brokers.yaml --local', 'kafka-mesos plan -f specs/ --detailed-exitcode', 'kafka-mesos plan -f specs/ --out demo.plan')}`,
    )
    .action(async (options) => set((await import('./commands/plan.ts')).plan(context, options)));

  withClient(withOutput(withFiles(program.command('apply'))))
    .description(
      'Store spec files as the wanted state. The scheduler makes it so, whether this command runs on or not.',
    )
    .option('--wait', 'follow until the clusters are as declared')
    .addOption(
      new Option('--timeout <duration>', 'how long --wait waits: 90s, 10m, 1h')
        .argParser(parseDurationOption)
        .default(600_000, '10m'),
    )
    .option('--dry-run', 'the same as the plan command')
    .option('--take-over', 'also clusters that a file of the followed directory declares; see resume')
    .option('--plan <path>', 'a plan that plan --out saved: applied as it was shown, or refused')
    .addHelpText(
      'after',
      `
With --wait the exit code is 0 when converged, 2 when held (a person has to act)
and 3 at the time-out.
Ctrl-C leaves the waiting, nothing else: the scheduler goes on.
${examples(
  'kafka-mesos apply -f examples/three-brokers.yaml --local --wait',
  'kafka-mesos apply -f specs/ --dry-run',
  'kafka-mesos apply --plan demo.plan --wait',
  'cat demo.yaml | kafka-mesos apply -f -',
)}`,
    )
    .action(async (options) => set((await import('./commands/apply.ts')).apply(context, options)));

  withClient(withOutput(program.command('status')))
    .description('Show clusters: phase, brokers, topics, and what is held and why.')
    .argument('[name]', 'of a cluster; all otherwise')
    .option('-w, --watch', 'draw it anew as it changes; Ctrl-C leaves')
    .addHelpText(
      'after',
      examples('kafka-mesos status', 'kafka-mesos status demo --watch', 'kafka-mesos status -o json'),
    )
    .action(async (name, options) =>
      set((await import('./commands/status.ts')).status(context, name, options)),
    );

  addGetCommands(program, context, set, (command) => withClient(command));

  withClient(withCluster(program.command('wait')))
    .description('Wait until a cluster or a broker is as wanted.')
    .argument('[what...]', 'name of a cluster, or: broker ID')
    .option(
      '--for <what>',
      'converged (default), condition=Ready, condition=Stalled=false, deleted; of a broker state=running (default)',
    )
    .addOption(
      new Option('--timeout <duration>', 'how long: 90s, 10m, 1h')
        .argParser(parseDurationOption)
        .default(600_000, '10m'),
    )
    .addHelpText(
      'after',
      `
Exit codes: 0 when it is so, 3 at the time-out. A scheduler that is away
meanwhile, or hands over, is waited for.
${examples(
  'kafka-mesos wait demo --for=condition=Ready --timeout 5m',
  'kafka-mesos wait broker 2 --for=state=running',
  'kafka-mesos wait demo --for=deleted',
)}`,
    )
    .action(async (what, options) => set((await import('./commands/wait.ts')).wait(context, what, options)));

  const describe = program.command('describe').description('Tell everything about one broker or cluster.');
  withClient(withOutput(withCluster(describe.command('broker'))))
    .description('Where a broker is, why it waits and until when, what differs, how it last ended.')
    .argument('<id>', 'of the broker', parseBrokerId)
    .addHelpText(
      'after',
      examples('kafka-mesos describe broker 2', 'kafka-mesos describe broker 2 --cluster demo'),
    )
    .action(async (id, options) =>
      set((await import('./commands/describe.ts')).describeBroker(context, id, options)),
    );
  withClient(withOutput(describe.command('cluster')))
    .description('Status, conditions and recent events of a cluster.')
    .argument('[name]', 'of the cluster; not needed when there is only one')
    .addHelpText('after', examples('kafka-mesos describe cluster demo'))
    .action(async (name, options) =>
      set((await import('./commands/describe.ts')).describeCluster(context, name, options)),
    );

  addEventsCommand(program, context, set, (command) => withClient(withOutput(command)));
  withClient(withCluster(program.command('logs')))
    .description("Print the end of a broker's log, read from its sandbox on the agent.")
    .argument('<broker>', 'id of the broker', parseBrokerId)
    .option(
      '--file <path>',
      'kafka-server.log, kafka-format.log, stderr (of the executor), or a path below the sandbox',
      'kafka-server.log',
    )
    .option('-n, --tail <lines>', 'how many lines', parseCount, 100)
    .option('-F, --follow', 'go on with what comes; Ctrl-C leaves')
    .addHelpText(
      'after',
      examples(
        'kafka-mesos logs 0',
        'kafka-mesos logs 2 --file stderr --tail 20',
        'kafka-mesos logs 0 --follow',
      ),
    )
    .action(async (id, options) => set((await import('./commands/logs.ts')).logs(context, id, options)));

  addFollowingCommands(program, context, set, { client: withClient, output: withOutput });
  addBrokerCommands(program, context, set, (command) => withClient(withCluster(command)));
  withClient(withOutput(program.command('teardown')))
    .description('Destroy all clusters with their data, give everything back to Mesos and end the framework.')
    .requiredOption('--confirm <name>', "the framework's name, to show that it is meant")
    .addOption(
      new Option('--timeout <duration>', 'how long to wait for agents: 90s, 10m, 1h')
        .argParser(parseDurationOption)
        .default(600_000, '10m'),
    )
    .option('--abandon', 'after the time-out, end the framework although something is left')
    .addHelpText(
      'after',
      `
The master is asked until it shows no task, reservation or volume of the
framework. What an agent that is away still has is listed when the time is over,
with how to remove it; the scheduler goes on, and the command can be repeated.
${examples('kafka-mesos teardown --confirm kafka-mesos', 'kafka-mesos teardown --confirm kafka-mesos --timeout 1m --abandon')}`,
    )
    .action(async (options) => set((await import('./commands/teardown.ts')).teardown(context, options)));

  addContextCommands(program, context, set, withOutput);
  addServiceCommands(program, context, set);
  addCompletionCommands(program, context, set);
  program
    .command('help')
    .description('Show this help, or that of a command.')
    .argument('[command...]', 'such as: broker stop')
    .action((names: readonly string[]) => showHelp(program, names));
  explainUsage(program, 'kafka-mesos');
  return program;
}

function showHelp(program: Command, names: readonly string[]): void {
  let shown = program;
  for (const name of names) {
    const next = shown.commands.find((command) => command.name() === name);
    if (next === undefined) {
      throw new UsageError(
        `there is no command ${names.join(' ')}`,
        'kafka-mesos --help shows what there is',
      );
    }
    shown = next;
  }
  shown.outputHelp();
}

function withFiles(command: Command): Command {
  return command.addOption(
    new Option('-f, --file <path...>', 'spec file, directory of spec files, or - for stdin; repeatable')
      .argParser(collect)
      .default([], 'none'),
  );
}

function withOutput(command: Command): Command {
  return command.addOption(
    new Option('-o, --output <format>', 'json and yaml for programs, wide for more').choices([
      'json',
      'yaml',
      'wide',
    ]),
  );
}

function withCluster(command: Command): Command {
  return command.option('--cluster <name>', 'which cluster; not needed when there is only one');
}

function withClient(command: Command): Command {
  return command
    .option('--local', 'start the embedded Mesos and the scheduler first, where they do not run')
    .option('--context <name>', 'scheduler by its name (KAFKA_MESOS_CONTEXT; see context)')
    .option('--api <url>', "another scheduler than the home's (KAFKA_MESOS_API)")
    .option('--token-file <path>', 'token of that scheduler')
    .option('--ca-file <path>', 'PEM of who vouches for its certificate (KAFKA_MESOS_CA_FILE)');
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}

const overview = `
First steps:
  kafka-mesos apply -f examples/three-brokers.yaml --local --wait
  kafka-mesos status
  kafka-mesos local down

Exit codes:
${exitCodeTable.flatMap(([command, code, meaning]) => hang(`  ${command.padEnd(29)} ${String(code).padStart(3)}  `, meaning, 80)).join('\n')}

Environment:
  KAFKA_MESOS_HOME    where data, token and logs are (~/.kafka-mesos)
  KAFKA_MESOS_API     URL of a scheduler other than the home's
  KAFKA_MESOS_CA_FILE who vouches for its certificate, in PEM
  KAFKA_MESOS_CONTEXT name of one, as kafka-mesos context has it
  KAFKA_MESOS_MASTER  the scheduler's --master; here it may carry a password
  KAFKA_MESOS_STORE   the scheduler's --store
  KAFKA_MESOS_SECRET  the principal's secret itself
  KAFKA_MESOS_STORE_CREDENTIALS
                      user:password for ZooKeeper
  KAFKA_MESOS_LOCAL_AGENT_TIMEOUT
                      when local Mesos gives up an agent that is away (75s)
  NO_COLOR            plain text
`;
