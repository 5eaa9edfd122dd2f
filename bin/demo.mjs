#!/usr/bin/env node
/**
 * `npm run demo`: from nothing to three brokers that are proven to work.
 *
 * Names what is missing before anything is started, gets Kafka, applies examples/three-brokers.yaml
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
  const missing = [...missingJava(), ...missingPlatform()];
  if (missing.length > 0) {
    for (const { what, remedy } of missing) process.stderr.write(`error: ${what}\n  → ${remedy}\n`);
    return 1;
  }
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

function missingJava() {
  const java = process.env.JAVA_HOME ? join(process.env.JAVA_HOME, 'bin', 'java') : 'java';
  const { status, stderr, error } = spawnSync(java, ['-version'], { encoding: 'utf8' });
  const remedy =
    'install a JDK or JRE 17 or later (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@21; or https://adoptium.net) and have `java` on PATH or JAVA_HOME set';
  if (error !== undefined || status !== 0)
    return [{ what: 'Java was not found; Kafka needs Java 17 or later', remedy }];
  const version = Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
  return version >= 17 ? [] : [{ what: `Java ${version} is too old; Kafka needs Java 17 or later`, remedy }];
}

function missingPlatform() {
  return process.platform === 'linux' || process.platform === 'darwin'
    ? []
    : [{ what: `${process.platform} is not supported`, remedy: 'use Linux or macOS' }];
}
