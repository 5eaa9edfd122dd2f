/** The proof at the end of `npm run demo` (bin/demo.mjs): a real client on the cluster, and what to try next. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { createApiClient } from '../api/client.ts';
import { proveProduceConsume } from '../kafka/prove.ts';
import type { ClusterStatus } from '../model/status.ts';
import { findRunningApi, resolveHome } from './home.ts';

/** Produces and consumes on the cluster's first topic; writes to stdout; rejects when it does not work. */
export async function proveCluster(clusterName: string): Promise<void> {
  const say = (line = ''): void => void process.stdout.write(`${line}\n`);
  const cluster = await readStatus(clusterName);
  const topic = cluster.topics[0]?.name;
  if (topic === undefined) {
    throw new Error(`cluster ${clusterName} has no topic to prove it with`);
  }
  const { produced, consumed, elapsedMs } = await proveProduceConsume({
    bootstrap: cluster.bootstrap,
    topic,
    timeoutMs: 120_000,
  });
  if (consumed !== produced) {
    throw new Error(`${produced} records were produced and ${consumed} consumed`);
  }
  say(
    `Proven: ${produced} records written to topic ${topic} with acks=all, read back in ${(elapsedMs / 1000).toFixed(1)} s.`,
  );
  say();
  say(`The cluster runs in the background. Bootstrap address:`);
  say(`  ${cluster.bootstrap.join(',')}`);
  say();
  say('Try next:');
  const rows = [
    ['npx kafka-mesos status --watch', 'the live view'],
    [
      `kill -9 ${cluster.brokers[1]?.jvmPid ?? '<pid>'}`,
      `kills broker ${cluster.brokers[1]?.id ?? 1}; it comes back on the same agent with its data`,
    ],
    ['npx kafka-mesos describe broker 1', 'where it is, what it waits for and why'],
    ['npx kafka-mesos plan -f examples/three-brokers.yaml', 'what your edit of the file would do'],
    [
      'npx kafka-mesos apply -f examples/three-brokers.yaml --wait',
      'do it: one broker at a time, and only those that have to restart',
    ],
    ['npx kafka-mesos logs 0', 'its log'],
    ['npx kafka-mesos local down', 'stop everything (--purge: delete the data too)'],
  ] as const;
  // Below, not beside: together they are wider than many a terminal.
  for (const [command, meaning] of rows) say(`  ${command}\n      ${meaning}`);
}

async function readStatus(clusterName: string): Promise<ClusterStatus> {
  const home = resolveHome(process.env, homedir());
  const api = await findRunningApi(home);
  const token = await readFile(home.tokenFile, 'utf8').catch(() => undefined);
  if (api === undefined || token === undefined) {
    throw new Error(`the scheduler does not run any more; its log is ${home.schedulerLog}`);
  }
  const cluster = await createApiClient({ url: api.url, token: token.trim() }).cluster(clusterName);
  if (cluster === undefined) {
    throw new Error(`the scheduler knows no cluster ${clusterName}`);
  }
  return cluster;
}
