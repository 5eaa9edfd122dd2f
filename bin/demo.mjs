#!/usr/bin/env node
/**
 * `npm run demo`: from nothing to three brokers that are proven to work.
 *
 * Gets Kafka, applies examples/three-brokers.yaml
 * with the live view (plain lines without a terminal), produces and consumes, and says what to try.
 * Run again it finds everything there and has nothing to do.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cli = join(root, 'bin', 'kafka-mesos');

process.exitCode = await demo();

async function demo() {
  const steps = [
    ['dist', 'get'],
    ['apply', '-f', join(root, 'examples', 'three-brokers.yaml'), '--local', '--wait', '--timeout', '10m'],
  ];
  for (const args of steps) {
    const { status, error } = spawnSync(process.execPath, [cli, ...args], { stdio: 'inherit', cwd: root });
    if (error !== undefined) throw error;
    if (status !== 0) return status ?? 1;
  }
  const { proveCluster } = await import('../dist/demo.js');
  try {
    await proveCluster('demo');
    return 0;
  } catch (error) {
    process.stderr.write(
      `error: the cluster does not work: ${error.message}\n  → npx kafka-mesos describe cluster demo\n`,
    );
    return 1;
  }
}
