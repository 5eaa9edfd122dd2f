/** A real ZooKeeper on loopback, from Maven Central, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { dependency, renderProject, runMaven } from '../../src/kafka/dist/maven.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { freePorts } from '../free-ports.ts';
import { testFolder } from '../test-folder.ts';

const version = '3.9.5';
/** ZooKeeper's pom says of these that somebody else provides them; its server does not start without. */
const provided = [
  dependency('io.dropwizard.metrics', 'metrics-core', '4.1.12.1'),
  dependency('org.xerial.snappy', 'snappy-java', '1.1.10.5'),
];

export type RealZooKeeper = {
  readonly port: number;
  /** `127.0.0.1:PORT` */
  readonly address: string;
  pid(): number;
  start(): Promise<void>;
  /** Ends the process by SIGKILL; its data stay. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: it accepts connections and says nothing. */
  freeze(): void;
  thaw(): void;
  /** What it says to one of its four-letter commands; empty when it does not answer. */
  tell(command: 'srvr' | 'cons' | 'dump'): Promise<string>;
  /** Ends it and deletes its data. */
  close(): Promise<void>;
};

/** A tick of 250 ms: sessions from half a second to five are possible. */
export async function startZooKeeper(tickMs = 250): Promise<RealZooKeeper> {
  const [port = 0] = await freePorts(1);
  const zookeeper = await createServer({ port, tickMs });
  await zookeeper.start();
  return zookeeper;
}

/** Three that vote. A tick of a second: sessions from two seconds to twenty are possible. */
export async function startEnsemble(tickMs = 1_000): Promise<readonly RealZooKeeper[]> {
  const ids = [1, 2, 3];
  const ports = await freePorts(3 * ids.length);
  const portOf = (id: number, use: 0 | 1 | 2) => ports[3 * (id - 1) + use] ?? 0;
  const voters = [
    'initLimit=20',
    'syncLimit=10',
    ...ids.map((id) => `server.${id}=127.0.0.1:${portOf(id, 1)}:${portOf(id, 2)}`),
  ];
  const members = await Promise.all(
    ids.map((id) => createServer({ port: portOf(id, 0), tickMs, member: { id, voters } })),
  );
  await Promise.all(members.map((one) => one.start()));
  return members;
}

async function createServer(config: {
  readonly port: number;
  readonly tickMs: number;
  /** Of an ensemble: its id, and the lines that are the same for all. */
  readonly member?: { readonly id: number; readonly voters: readonly string[] };
}): Promise<RealZooKeeper> {
  const { port, tickMs, member } = config;
  const libs = await zooKeeperLibs();
  const folder = await mkdtemp(join(testFolder, 'kafka-mesos-zookeeper-'));
  const configPath = join(folder, 'zoo.cfg');
  const logPath = join(folder, 'zookeeper.log');
  const dataDir = join(folder, 'data');
  await mkdir(dataDir);
  if (member !== undefined) await writeFile(join(dataDir, 'myid'), `${member.id}\n`);
  await writeFile(
    configPath,
    [
      `tickTime=${tickMs}`,
      `dataDir=${dataDir}`,
      'clientPortAddress=127.0.0.1',
      `clientPort=${port}`,
      'maxClientCnxns=0',
      'admin.enableServer=false',
      '4lw.commands.whitelist=srvr,cons,dump',
      ...(member?.voters ?? []),
      '',
    ].join('\n'),
  );
  let child: ChildProcess | undefined;
  const zookeeper: RealZooKeeper = {
    port,
    address: `127.0.0.1:${port}`,
    pid: () => child?.pid ?? 0,
    async start() {
      const log = openSync(logPath, 'a');
      child = spawn(
        'java',
        [
          '-Xmx96m',
          '-XX:TieredStopAtLevel=1',
          '-XX:+UseSerialGC',
          '-Dzookeeper.preAllocSize=1024',
          // No test cuts the power, and on a busy disk every session of these few seconds would wait for it.
          '-Dzookeeper.forceSync=no',
          '-cp',
          join(libs, '*'),
          'org.apache.zookeeper.server.quorum.QuorumPeerMain',
          configPath,
        ],
        { stdio: ['ignore', log, log] },
      );
      const started = child;
      const deadlineMs = Date.now() + 60_000;
      // It has a version to tell only once it serves.
      while (!(await zookeeper.tell('srvr')).startsWith('Zookeeper version')) {
        if (started.exitCode !== null || Date.now() > deadlineMs) {
          throw new Error(`ZooKeeper does not start: ${await readFile(logPath, 'utf8')}`);
        }
        await wait(50);
      }
    },
    async kill() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    tell: (command) =>
      new Promise((resolve) => {
        const socket = createConnection({ host: '127.0.0.1', port }, () => socket.end(command));
        let text = '';
        socket.setTimeout(1_000, () => socket.destroy());
        socket.on('data', (chunk) => {
          text += chunk;
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve(text));
      }),
    async close() {
      await zookeeper.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return zookeeper;
}

/** The folder of jars, got once for all homes of this user. */
async function zooKeeperLibs(): Promise<string> {
  const cache = join(process.env.KAFKA_MESOS_HOME ?? join(homedir(), '.kafka-mesos'), 'dist');
  const libs = join(cache, `zookeeper-${version}`);
  if (await exists(libs)) return libs;
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, `maven-${process.pid}-`));
  try {
    await writeFile(
      join(folder, 'pom.xml'),
      renderProject([dependency('org.apache.zookeeper', 'zookeeper', version), ...provided]),
    );
    const made = join(folder, 'libs');
    await mkdir(made);
    await runMaven(folder, made, {
      what: `ZooKeeper ${version}`,
      command: 'mvn',
      clock: systemClock,
      meter: { report() {} },
    });
    // Another process may have been quicker; its folder has the same jars.
    await rename(made, libs).catch(async (error) => {
      if (!(await exists(libs))) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return libs;
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
