import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { extract } from 'tar';
import { defaultKafkaVersion, resolveDistribution } from '../../src/kafka/distribution.ts';
import { renderLog4j2, renderServerProperties } from '../../src/kafka/render.ts';
import { formatCommand, serverCommand } from '../../src/kafka/tools.ts';
import type { LaunchListener, NodeRole, QuorumVoter } from '../../src/model/launch.ts';
import { systemClock } from '../../src/sys/clock.ts';

export type RealNode = {
  readonly nodeId: number;
  readonly roles: readonly NodeRole[];
  readonly port: number;
  readonly controllerPort: number;
  readonly voters: readonly QuorumVoter[];
  readonly config?: Readonly<Record<string, string>>;
};

/** Unpacks Kafka below `folder`, from the cache that all tests share. */
export async function unpackKafka(folder: string): Promise<{ libsDir: string; log4j2Path: string }> {
  const home = process.env.KAFKA_MESOS_HOME ?? join(homedir(), '.kafka-mesos');
  const distribution = await resolveDistribution(
    { kind: 'version', version: defaultKafkaVersion },
    { cacheDir: join(home, 'dist'), clock: systemClock },
  );
  const kafka = join(folder, 'kafka');
  await mkdir(kafka);
  await extract({ file: distribution.path, cwd: kafka, strip: 1 });
  const log4j2Path = join(folder, 'log4j2.properties');
  await writeFile(log4j2Path, renderLog4j2({ loggers: { root: 'WARN', 'kafka.server': 'INFO' } }));
  return { libsDir: join(kafka, 'libs'), log4j2Path };
}

/** Renders, formats (once) and starts one node; the caller ends it by its process. */
export async function startNode(
  kafka: { libsDir: string; log4j2Path: string },
  folder: string,
  clusterId: string,
  node: RealNode,
  format: boolean,
): Promise<ChildProcess> {
  const home = join(folder, `node-${node.nodeId}`);
  await mkdir(home, { recursive: true });
  const listener = (name: string, port: number): LaunchListener => ({
    name,
    protocol: 'PLAINTEXT',
    bindHost: '127.0.0.1',
    port,
    advertisedHost: '127.0.0.1',
    advertisedPort: port,
  });
  const propertiesPath = join(home, 'server.properties');
  const text = renderServerProperties({
    launch: {
      nodeId: node.nodeId,
      roles: node.roles,
      listeners: [listener('PLAINTEXT', node.port)],
      ...(node.roles.includes('controller')
        ? { controllerListener: listener('CONTROLLER', node.controllerPort) }
        : {}),
      bootstrapControllers: node.voters.map((voter) => `${voter.host}:${voter.port}`),
      rack: `rack-${node.nodeId}`,
      config: node.config ?? {},
      heapMiB: 160,
    },
    logDirs: [join(home, 'data-0'), join(home, 'data-1')],
  });
  await writeFile(propertiesPath, text);
  const java = { java: 'java', ...kafka, propertiesPath };
  if (format) {
    const mode = node.roles.includes('controller') ? 'form' : 'join';
    await run(formatCommand({ ...java, clusterId, mode, initialVoters: node.voters }));
  }
  const log = openSync(join(home, 'stdout'), 'a');
  const [command = '', ...args] = serverCommand({
    ...java,
    heapMiB: 160,
    jvmOptions: ['-XX:TieredStopAtLevel=1'],
  });
  return spawn(command, args, { stdio: ['ignore', log, log] });
}

/** Runs a command line to its end; its stdout. */
export async function run(argv: readonly string[], input = ''): Promise<string> {
  const [command = '', ...args] = argv;
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    out += chunk;
  });
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${out}`);
  return out;
}
