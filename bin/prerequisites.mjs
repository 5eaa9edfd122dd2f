#!/usr/bin/env node
/** Names what `npm run demo` needs of the machine and does not find, before anything is installed or started. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const missing = [...missingPlatform(), ...missingJava()];
for (const { what, remedy } of missing) process.stderr.write(`error: ${what}\n  → ${remedy}\n`);
process.exitCode = missing.length > 0 ? 1 : 0;

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
