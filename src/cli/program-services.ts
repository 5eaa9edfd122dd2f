import { type Command, Option } from 'commander';
import type { Context } from './context.ts';
import { collect, parseDurationOption, parseListenOption } from './program-values.ts';

/** Commands that run or prepare something, apart from those that ask the scheduler. */
export function addServiceCommands(
  program: Command,
  context: Context,
  set: (code: Promise<number>) => Promise<void>,
): void {
  addLocal(program, context, set);
  addDist(program, context, set);

  program
    .command('scheduler')
    .description('Run the scheduler in the foreground. Brokers outlive it; Ctrl-C stops it.')
    .addOption(
      new Option('--master <address>', 'Mesos: host:port, several with commas, or zk://host:port,…/path').env(
        'KAFKA_MESOS_MASTER',
      ),
    )
    .option('--config <file>', 'YAML with these options in camel case, as artifactListen: 10.0.0.9:7070')
    .addOption(
      new Option(
        '--store <uri>',
        'what it remembers: zk://host:port,…/path for several schedulers, or file:DIRECTORY (default: file: in the home)',
      ).env('KAFKA_MESOS_STORE'),
    )
    .option('--specs <directory>', 'follow the spec files in it, a work tree of git or not')
    .option('--store-credentials-file <path>', 'file with user:password for ZooKeeper')
    .addOption(
      new Option('--session-timeout <duration>', 'of ZooKeeper: when a standby takes over')
        .argParser(parseDurationOption)
        .default(10_000, '10s'),
    )
    .addOption(
      new Option('--listen <host:port>', 'of the API; beyond loopback it wants --token-file and TLS')
        .argParser(parseListenOption)
        .default({ host: '127.0.0.1', port: 0 }, '127.0.0.1:0'),
    )
    .addOption(
      new Option('--artifact-listen <host:port>', 'where agents fetch from; it must be reachable for them')
        .argParser(parseListenOption)
        .default({ host: '127.0.0.1', port: 0 }, '127.0.0.1:0'),
    )
    .option(
      '--artifact-url <url>',
      'what agents use instead: a mirror (see dist export), another name of this machine, or file: when they are on it',
    )
    .addOption(agentNodeOption())
    .option('--framework-name <name>', 'our name in Mesos', 'kafka-mesos')
    .option('--role <name>', 'role that reservations belong to', 'kafka')
    .option('--principal <name>', 'who we are to Mesos', 'kafka-mesos')
    .option('--secret-file <path>', "file with the principal's secret")
    .option('--token-file <path>', "file with the API's token, for several schedulers to share")
    .option('--read-token-file <path>', 'file with a token that may look and plan, and change nothing')
    .option('--tls-cert-file <path>', "PEM chain of the API's certificate; taken up anew when it changes")
    .option('--tls-key-file <path>', 'PEM key of that certificate')
    .option('--allow-plain-http', 'of an API beyond loopback: without TLS, tokens readable on the way')
    .option('--web-url <url>', "where Mesos' web UI leads to (default: the API, where others reach it)")
    .option('--user <name>', 'Unix user of the brokers (default: yours)')
    .addOption(
      new Option('--failover-timeout <duration>', 'how long Mesos keeps brokers without a scheduler')
        .argParser(parseDurationOption)
        .default(14 * 86_400_000, '14d'),
    )
    .addOption(
      new Option('--log-level <level>', 'of the JSON lines on stderr')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option(
      '--register-anew <framework-id>',
      'Mesos has removed that framework: begin another one, with the volumes of its clusters',
    )
    .option(
      '--recover',
      'the store is lost: show what Mesos and Kafka know of it, start nothing, stop nothing',
    )
    .addOption(
      new Option('-f, --file <path...>', 'with --recover: the spec files of all clusters')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--framework-id <id>', 'with --recover: which framework, when Mesos knows several of our name')
    .option('--confirm', 'with --recover: write it into the empty store')
    .addHelpText(
      'after',
      `
Examples:
  kafka-mesos scheduler --master 10.0.0.1:5050 --artifact-listen 10.0.0.9:7070
  kafka-mesos scheduler --config /etc/kafka-mesos/scheduler.yaml

After exit code 76 Mesos has forgotten the framework and kept its volumes: start
it with --register-anew and the id that it named. Left there, it does nothing.

Arguments are seen by everyone. An address with credentials belongs into
KAFKA_MESOS_MASTER or KAFKA_MESOS_STORE, other secrets into files, or into
KAFKA_MESOS_SECRET and KAFKA_MESOS_STORE_CREDENTIALS.
`,
    )
    .action(async (_flags, command: Command) =>
      set((await import('./commands/scheduler.ts')).scheduler(context, command)),
    );

  program
    .command('executor')
    .description('Run one broker on an agent. Mesos starts it; not for use by hand.')
    .action(async () => set((await import('./commands/executor.ts')).executor()));
}

function addLocal(program: Command, context: Context, set: (code: Promise<number>) => Promise<void>): void {
  const local = program
    .command('local')
    .description('A small Mesos on this machine, for trying and testing: one master, four agents.')
    .addHelpText(
      'after',
      `
It is for one machine only. For production run Apache Mesos and give its address
to kafka-mesos scheduler --master.

Examples:
  kafka-mesos local up
  kafka-mesos local agent stop agent-2
  kafka-mesos local down --purge
`,
    );
  const load = () => import('./commands/local.ts');
  local
    .command('up')
    .description('Start the embedded Mesos and the scheduler in the background, where they do not run.')
    .option('--specs <directory>', 'follow the spec files in it, as scheduler --specs does')
    .action(async (options) => set((await load()).localUp(context, options)));
  local
    .command('down')
    .description('Stop scheduler, brokers and embedded Mesos. Data stays, unless --purge.')
    .option('--purge', 'delete the data too: disks of all brokers, and what the scheduler remembers')
    .action(async (options) => set((await load()).localDown(context, options)));
  local
    .command('status')
    .description('Show what runs, and the agents.')
    .addOption(new Option('-o, --output <format>', 'for programs').choices(['json', 'yaml']))
    .action(async (options) => set((await load()).localStatus(context, options)));
  local
    .command('run', { hidden: true })
    .description('Run the embedded Mesos in the foreground.')
    .action(async () => set((await load()).localRun(context)));
  const agent = local
    .command('agent')
    .description('Take agents away and bring them back, to see what happens.');
  agent
    .command('stop')
    .description('Stop an agent as kill -9 would; its brokers run on.')
    .argument('<name>', 'such as agent-2')
    .option('--machine', 'its brokers die with it, as when the machine fails')
    .action(async (name, options) => set((await load()).agentStop(context, name, options)));
  agent
    .command('start')
    .description('Bring an agent back.')
    .argument('<name>', 'such as agent-2')
    .option('--wiped', 'as a new machine: everything on its disk is gone')
    .action(async (name, options) => set((await load()).agentStart(context, name, options)));
}

function addDist(program: Command, context: Context, set: (code: Promise<number>) => Promise<void>): void {
  const dist = program.command('dist').description('Get Kafka itself, and show what is there.');
  const output = () => new Option('-o, --output <format>', 'for programs').choices(['json', 'yaml']);
  dist
    .command('get')
    .description('Get Kafka, from Apache or Maven.')
    .argument('[version]', 'such as 4.3.1 (default: the newest that is known to work)')
    .option('--from <archive>', 'a kafka_2.13-VERSION.tgz on this machine, or a URI with --sha512')
    .option('--sha512 <hex>', 'what the archive must match')
    .addOption(output())
    .addHelpText(
      'after',
      `
Apache's download is tried first, Maven where that cannot be reached.

Examples:
  kafka-mesos dist get
  kafka-mesos dist get --from ~/Downloads/kafka_2.13-4.3.1.tgz
`,
    )
    .action(async (version, options) =>
      set((await import('./commands/dist.ts')).distGet(context, version, options)),
    );
  dist
    .command('list')
    .description('Show the versions there are.')
    .addOption(output())
    .action(async (options) => set((await import('./commands/dist.ts')).distList(context, options)));
  dist
    .command('export')
    .description('Copy what agents fetch.')
    .argument('<directory>', 'where to; files land in artifacts/SHA512/NAME below it')
    .argument('[version...]', 'of Kafka (default: all that are there)')
    .addOption(agentNodeOption())
    .addOption(output())
    .addHelpText(
      'after',
      `
Agents fetch from the mirror that scheduler --artifact-url names instead of from
us. Repeat it after an update and before the scheduler is started anew: paths
hold the content's digest.

Example:
  kafka-mesos dist export /srv/mirror 4.3.1
`,
    )
    .action(async (directory, versions, options) =>
      set((await import('./commands/dist.ts')).distExport(context, directory, versions, options)),
    );
}

/** Of the scheduler and of `dist export`, which have to be given the same. */
function agentNodeOption(): Option {
  return new Option(
    '--agent-node <[platform=]path>',
    'Node for agents, as linux-arm64=PATH; repeatable (default: the one that runs this, for its own platform)',
  )
    .argParser((one: string, before: readonly string[]) => [...before, one])
    .default([], 'none');
}
