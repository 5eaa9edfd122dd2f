/** The same brokers without us: Kafka's own main classes in shell loops. Needs /proc, so Linux. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatCommand } from '../../src/kafka/tools.ts';
import type { ClusterRecord } from '../../src/model/records.ts';
import type { ClusterStatus } from '../../src/model/status.ts';

export type BareBroker = {
  readonly id: number;
  readonly endpoint: string;
  readonly folder: string;
  readonly format: readonly string[];
  readonly start: readonly string[];
};

/**
 * The brokers of a running cluster with data folders of their own: same heap, options, config, ports
 * and jars, taken from the processes themselves.
 */
export function copyBrokers(home: string, status: ClusterStatus): readonly BareBroker[] {
  const { clusterId, voters } = clusterRecord(home, status.name);
  return status.brokers.map(({ id, jvmPid, endpoint = '' }) => {
    const argv = readFileSync(`/proc/${jvmPid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const token = '-Dkafka.mesos.volume=';
    const volume = argv.find((arg) => arg.startsWith(token))?.slice(token.length) ?? '';
    const classPath = argv[argv.indexOf('-cp') + 1] ?? '';
    const log4j = '-Dlog4j2.configurationFile=';
    const folder = join(home, 'bare', String(id));
    const propertiesPath = join(folder, 'server.properties');
    mkdirSync(folder, { recursive: true });
    const properties = readFileSync(argv.at(-1) ?? '', 'utf8');
    writeFileSync(propertiesPath, properties.replaceAll(volume, folder));
    return {
      id,
      endpoint,
      folder,
      format: formatCommand({
        java: argv[0] ?? 'java',
        libsDir: classPath.replace(/\/\*$/, ''),
        log4j2Path: argv.find((arg) => arg.startsWith(log4j))?.slice(log4j.length) ?? '',
        propertiesPath,
        clusterId,
        mode: 'form',
        initialVoters: voters,
      }),
      start: [...argv.slice(0, -1).filter((arg) => !arg.startsWith(token)), propertiesPath],
    };
  });
}

export type BareCluster = { pidOf(id: number): number; stop(): Promise<void> };

/** Formats and starts all at once; each is started again whenever it ends. */
export function startBare(brokers: readonly BareBroker[]): BareCluster {
  const shells = new Map<number, ChildProcess>();
  for (const { id, folder, format, start } of brokers) {
    const log = openSync(join(folder, 'out'), 'a');
    const script = `${format.map(quote).join(' ')} && while true; do ${start.map(quote).join(' ')}; done`;
    // A group of its own, to end loop and broker together.
    shells.set(id, spawn('sh', ['-c', script], { cwd: folder, detached: true, stdio: ['ignore', log, log] }));
    closeSync(log);
  }
  return {
    pidOf(id) {
      const parent = shells.get(id)?.pid ?? -1;
      const child = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim();
      return Number(child.split(' ')[0]);
    },
    async stop() {
      for (const shell of shells.values()) {
        const exited = once(shell, 'exit');
        process.kill(-(shell.pid ?? 0), 'SIGKILL');
        await exited;
      }
    },
  };
}

function clusterRecord(home: string, name: string): ClusterRecord {
  const file = `clusters~${name}~cluster.json`;
  const found = readdirSync(home, { recursive: true, withFileTypes: true }).find((e) => e.name === file);
  if (found === undefined) throw new Error(`no ${file} below ${home}`);
  return (JSON.parse(readFileSync(join(found.parentPath, file), 'utf8')) as { value: ClusterRecord }).value;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
