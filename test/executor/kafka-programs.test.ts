/** What keeps Kafka's own programs from running, each with its code and remedy; `java` is a script here. */
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create } from 'tar';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createKafkaPrograms } from '../../src/executor/kafka-programs.ts';
import type { BrokerPrograms } from '../../src/executor/run-broker.ts';
import type { BrokerReport } from '../../src/model/launch.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { inFolder } from './helpers.ts';
import { reportOf } from './scripted-agent.ts';
import { onStage } from './stage.ts';

/** A JAVA_HOME whose java says what a script makes it say. */
async function fakeJava(folder: string, script: string): Promise<string> {
  const home = join(folder, 'java');
  await mkdir(join(home, 'bin'), { recursive: true });
  await writeFile(join(home, 'bin', 'java'), `#!/bin/sh\n${script}\n`);
  await chmod(join(home, 'bin', 'java'), 0o755);
  return home;
}

async function archive(folder: string, file: string): Promise<{ uri: string; sha512: string }> {
  await mkdir(join(folder, 'kafka', 'libs'), { recursive: true });
  await writeFile(join(folder, 'kafka', file), 'x');
  const uri = join(folder, 'kafka.tgz');
  await create({ file: uri, cwd: folder, gzip: true }, ['kafka']);
  return {
    uri,
    sha512: createHash('sha512')
      .update(await readFile(uri))
      .digest('hex'),
  };
}

/** How a launch on this agent ends. */
async function endOf(javaHome: string | undefined, file = 'libs/kafka.jar'): Promise<BrokerReport> {
  let report: BrokerReport | undefined;
  await inFolder(async (folder) => {
    const kafka = await archive(folder, file);
    const env = { PATH: process.env.PATH, ...(javaHome === undefined ? {} : { JAVA_HOME: javaHome }) };
    await onStage(
      async ({ agent, launch }) => {
        launch({ kafka });
        report = reportOf(await agent.awaitState('TASK_FAILED'));
      },
      undefined,
      systemClock,
      (launch, place) => createKafkaPrograms(launch, place, { clock: systemClock, env }),
    );
  });
  if (report === undefined) throw new Error('it did not end');
  return report;
}

const current = `if [ "$2" = -version ] || [ "$1" = -version ]; then echo 'openjdk version "21.0.1"' >&2; exit 0; fi`;

test('java-missing: where it was looked for, and how to get it', () =>
  inFolder(async (folder) => {
    const { code, message } = await endOf(join(folder, 'nowhere'));
    assert.is(code, 'java-missing');
    assert.match(message ?? '', /java cannot be run as ".*nowhere\/bin\/java": there is no such program/);
    assert.match(message ?? '', /Install Java 17 or later on the agent, or name a JRE in the spec/);
  }));

test('java-missing: a java that does not run says why', () =>
  inFolder(async (folder) => {
    const { code, message } = await endOf(await fakeJava(folder, 'echo "no libjvm" >&2; exit 2'));
    assert.is(code, 'java-missing');
    assert.match(message ?? '', /no libjvm/);
  }));

test('java-too-old: both versions are named', () =>
  inFolder(async (folder) => {
    const java = await fakeJava(folder, `echo 'openjdk version "11.0.2" 2019' >&2`);
    const { code, message } = await endOf(java);
    assert.is(code, 'java-too-old');
    assert.match(message ?? '', /is Java 11, but Kafka 4\.4\.0 needs 17\. Install Java 17/);
  }));

test('a java is not run for its version where the JDK states one that is new enough', () =>
  inFolder(async (folder) => {
    const java = await fakeJava(folder, 'echo "no libjvm" >&2; exit 2');
    const state = (version: string, arch: string) =>
      writeFile(
        join(java, 'release'),
        `JAVA_VERSION="${version}"\nOS_ARCH="${arch}"\nOS_NAME="${process.platform === 'darwin' ? 'Darwin' : 'Linux'}"\n`,
      );
    const ours = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
    await state('21.0.1', ours);
    assert.is((await endOf(java)).code, 'format-failed');
    await state('11.0.2', ours);
    assert.is((await endOf(java)).code, 'java-missing', 'only running it may refuse it');
    await state('21.0.1', 'sparc');
    assert.is(
      (await endOf(java)).code,
      'java-missing',
      'what a JDK of another platform states counts for nothing',
    );
  }));

test('fetch-failed: an archive without jars', () =>
  inFolder(async (folder) => {
    const { code, message } = await endOf(await fakeJava(folder, current), 'README');
    assert.is(code, 'fetch-failed');
    assert.match(message ?? '', /no jars in libs\/.*binary archive/);
  }));

test('format-failed: with the last words of the tool, and what comes next', () =>
  inFolder(async (folder) => {
    const java = await fakeJava(folder, `${current}\necho "Invalid cluster id" >&2; exit 3`);
    const { code, message, formatted } = await endOf(java);
    assert.is(code, 'format-failed');
    assert.match(message ?? '', /StorageTool exited with code 3: Invalid cluster id/);
    assert.match(message ?? '', /the next launch formats it again/);
    assert.is(formatted, true, 'the scheduler has to know that a format was begun');
  }));

test('executor-failed: what nobody foresaw is told in its own words', () =>
  onStage(
    async ({ agent, launch }) => {
      launch();
      const { code, message } = reportOf(await agent.awaitState('TASK_FAILED'));
      assert.is(code, 'executor-failed');
      assert.match(message ?? '', /a bug/);
    },
    undefined,
    systemClock,
    () => ({ prepare: () => Promise.reject(new Error('a bug')) }) as unknown as BrokerPrograms,
  ));

test.run();
