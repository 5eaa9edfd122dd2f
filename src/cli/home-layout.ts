import { join, resolve } from 'node:path';

/**
 * Where everything of one user's kafka-mesos lies: `KAFKA_MESOS_HOME`, or `~/.kafka-mesos`.
 *
 *     dist/                   Kafka archives, each beside what brokers on this machine share of it, unpacked
 *     local/                  the embedded Mesos: its agents' disks, the store of its scheduler
 *     scheduler/api.json      where the running scheduler listens
 *     scheduler/token         what its API wants, 0600
 *     scheduler/store/        what the scheduler remembers
 *     scheduler/scheduler.log
 *     contexts.yaml           other schedulers by name
 *     cli.log                 details of bugs in commands
 */
export type Home = {
  readonly directory: string;
  readonly dist: string;
  readonly local: string;
  /** Of the scheduler of the embedded Mesos: it goes with it. */
  readonly localStore: string;
  readonly scheduler: string;
  readonly store: string;
  readonly apiFile: string;
  readonly tokenFile: string;
  readonly schedulerLog: string;
  readonly contextsFile: string;
  readonly cliLog: string;
};

export function resolveHome(env: Readonly<Record<string, string | undefined>>, userHome: string): Home {
  const chosen = env.KAFKA_MESOS_HOME;
  const directory = chosen ? resolve(chosen) : join(userHome, '.kafka-mesos');
  const scheduler = join(directory, 'scheduler');
  const local = join(directory, 'local');
  return {
    directory,
    dist: join(directory, 'dist'),
    local,
    localStore: join(local, 'scheduler-store'),
    scheduler,
    store: join(scheduler, 'store'),
    apiFile: join(scheduler, 'api.json'),
    tokenFile: join(scheduler, 'token'),
    schedulerLog: join(scheduler, 'scheduler.log'),
    contextsFile: join(directory, 'contexts.yaml'),
    cliLog: join(directory, 'cli.log'),
  };
}
