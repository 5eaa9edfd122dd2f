import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { KafkaMesosError, ProtocolError, UnavailableError } from '../../model/errors.ts';
import type { Clock, Timer } from '../../sys/clock.ts';
import { writeArchive } from './archive.ts';
import { diskError, freshPart } from './cache.ts';
import { digestMismatch } from './digest.ts';
import type { Meter } from './progress.ts';

/**
 * The sha512 of the archives this makes, where a run has shown it. Maven checks its downloads by sha1
 * only; this notices any other jar.
 */
const assembledSha512: Readonly<Record<string, string>> = {
  '4.3.1':
    '64a52ef3d1df6f74a8561e30d701c7f65cde240a12e1867332bc371cb3b1d82ce8523d9edacc6c4dd2c32e0f61fe37c0f8fcccb673b5133274f7bd549b6d19b7',
};

/** Kafka's poms name log4j but not what binds slf4j 1.7 to it; both then have this version. */
const log4jVersion = '2.25.4';

const silenceTimeoutMs = 180_000;

/**
 * Puts an archive with Apache's layout (`kafka_2.13-VERSION/libs/*.jar`) together from Maven Central:
 * the broker, the tools with the console clients, and the log binding. Left out is what `kafka-tools`
 * wants for Kafka Connect only (Jetty, Jersey: 9 MB which broker, formatter and consoles never load).
 *
 * Errors: `UnavailableError` when `mvn` is missing or cannot resolve, with its own words.
 */
export async function assembleWithMaven(
  version: string,
  deps: {
    readonly cacheDir: string;
    readonly command: string;
    readonly clock: Clock;
    readonly meter: Meter;
  },
): Promise<{ readonly part: string; readonly sha512: string }> {
  const part = freshPart(deps.cacheDir, `maven-${version}`);
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(deps.cacheDir, `maven-${process.pid}-`));
    const libs = join(folder, 'libs');
    await mkdir(libs);
    await writeFile(join(folder, 'pom.xml'), renderPom(version));
    await runMaven(folder, libs, { ...deps, what: `Kafka ${version}` });
    const jars = (await readdir(libs)).filter((name) => name.endsWith('.jar')).sort();
    for (const jar of [`kafka_2.13-${version}.jar`, `kafka-tools-${version}.jar`]) {
      if (jars.includes(jar)) continue;
      throw new ProtocolError('KM_PROTOCOL_MAVEN', `Maven resolved Kafka ${version} without ${jar}`);
    }
    const sizes = await Promise.all(jars.map(async (jar) => (await stat(join(libs, jar))).size));
    const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
    const files = jars.map((jar) => ({ name: `kafka_2.13-${version}/libs/${jar}`, path: join(libs, jar) }));
    const sha512 = await writeArchive(part, files, (bytes) =>
      deps.meter.report('packing', bytes, totalBytes),
    );
    const expected = assembledSha512[version];
    if (expected !== undefined && sha512 !== expected) {
      throw digestMismatch(`Kafka ${version} put together from Maven Central`, expected, sha512);
    }
    return { part, sha512 };
  } catch (error) {
    await rm(part, { force: true });
    if (error instanceof KafkaMesosError) throw error;
    throw diskError(folder ?? deps.cacheDir, error);
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

export function renderPom(version: string): string {
  const exclusions = ['connect-runtime', 'connect-api', 'connect-transforms', 'connect-json']
    .map((artifact) => exclusion('org.apache.kafka', artifact))
    .join('');
  return renderProject([
    dependency('org.apache.kafka', 'kafka_2.13', version),
    dependency('org.apache.kafka', 'kafka-tools', version, exclusions),
    dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', log4jVersion),
  ]);
}

/** A project that only names what `runMaven` is to copy. */
export function renderProject(dependencies: readonly string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafka-mesos</groupId>
  <artifactId>libs</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    ${dependencies.join('\n    ')}
  </dependencies>
  <build>
    <plugins>
      <plugin>
        <groupId>org.apache.maven.plugins</groupId>
        <artifactId>maven-dependency-plugin</artifactId>
        <version>3.8.1</version>
      </plugin>
    </plugins>
  </build>
</project>
`;
}

export function dependency(group: string, artifact: string, version: string, exclusions = ''): string {
  const inner = exclusions === '' ? '' : `<exclusions>${exclusions}</exclusions>`;
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${inner}</dependency>`;
}

function exclusion(group: string, artifact: string): string {
  return `<exclusion><groupId>${group}</groupId><artifactId>${artifact}</artifactId></exclusion>`;
}

/** Copies what `folder/pom.xml` names, and what that needs to run, into `libs`. */
export async function runMaven(
  folder: string,
  libs: string,
  deps: { readonly what: string; readonly command: string; readonly clock: Clock; readonly meter: Meter },
): Promise<void> {
  const child = spawn(
    deps.command,
    [
      '--batch-mode',
      // Looks again for what was missing at an earlier try; a release arrives in pieces.
      '--update-snapshots',
      '--file',
      join(folder, 'pom.xml'),
      'dependency:copy-dependencies',
      `-DoutputDirectory=${libs}`,
      '-DincludeScope=runtime',
    ],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const errors: string[] = [];
  let doneBytes = 0;
  let silent = false;
  let silence: Timer | undefined;
  const heard = () => {
    silence?.cancel();
    silence = deps.clock.setTimer(silenceTimeoutMs, () => {
      silent = true;
      child.kill('SIGKILL');
    });
  };
  heard();
  const hear = (line: string) => {
    heard();
    doneBytes += transferredBytes(line);
    deps.meter.report('assembling', doneBytes);
    if (line.includes('ERROR') && errors.length < 20) errors.push(errorText(line));
  };
  createInterface({ input: child.stdout }).on('line', hear);
  createInterface({ input: child.stderr }).on('line', hear);
  deps.meter.report('assembling', 0);
  try {
    const code = await exitOf(child, deps.command);
    if (code === 0) return;
    const said = silent ? `nothing for ${silenceTimeoutMs / 1000} s` : (errors[0] ?? `exit code ${code}`);
    throw new UnavailableError('KM_UNAVAILABLE_MAVEN', `mvn cannot resolve ${deps.what}: ${said}`, {
      remedy: 'Check that Maven Central (or the mirror in ~/.m2/settings.xml) can be reached and has it.',
    });
  } finally {
    silence?.cancel();
  }
}

function errorText(line: string): string {
  return line
    .replace(/^.*?ERROR\S*\s*/, '')
    .replace(/ -> \[Help 1\]$/, '')
    .slice(0, 500);
}

function exitOf(child: ChildProcess, command: string): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(
        new UnavailableError('KM_UNAVAILABLE_MAVEN', `${command} cannot be started: ${error.message}`, {
          cause: error,
          remedy: 'Install Maven (apt-get install maven, dnf install maven, brew install maven).',
        }),
      );
    });
    child.once('close', resolve);
  });
}

/** From `Downloaded from central: https://… (5.9 MB at 11 MB/s)`. */
export function transferredBytes(line: string): number {
  const match = /Downloaded from .* \((\d+(?:\.\d+)?) (B|kB|MB|GB) at /.exec(line);
  const unit = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 }[match?.[2] ?? ''] ?? 0;
  return Math.round(Number(match?.[1] ?? 0) * unit);
}
