import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { list } from 'tar';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseSha512 } from '../../src/kafka/dist/apache.ts';
import { writeArchive } from '../../src/kafka/dist/archive.ts';
import { answerForVersion } from '../../src/kafka/dist/cache.ts';
import { renderPom, transferredBytes } from '../../src/kafka/dist/maven.ts';
import { createMeter } from '../../src/kafka/dist/progress.ts';
import {
  type DistributionDeps,
  type DistributionProgress,
  resolveDistribution,
} from '../../src/kafka/distribution.ts';
import { KafkaMesosError, ProtocolError, SpecError, UnavailableError } from '../../src/model/errors.ts';
import { systemClock } from '../../src/sys/clock.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { type Mirror, makeArchive, startMirror, version } from './mirror.ts';

type Context = {
  folder: string;
  cacheDir: string;
  archive: Buffer;
  sha512: string;
  mirror: Mirror;
  deps: DistributionDeps;
  progress: DistributionProgress[];
};

const test = suite<Context>('distribution');

test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'kafka-mesos-dist-'));
  context.cacheDir = join(context.folder, 'cache');
  context.archive = await makeArchive(context.folder);
  context.sha512 = sha512(context.archive);
  context.mirror = await startMirror(context.archive);
  context.progress = [];
  context.deps = {
    cacheDir: context.cacheDir,
    clock: systemClock,
    mirrors: [context.mirror.url],
    mavenCommand: join(context.folder, 'no-such-mvn'),
    limits: { answerTimeoutMs: 400, idleTimeoutMs: 400, retryDelayMs: 1, maxStalls: 2 },
    onProgress: (progress) => context.progress.push(progress),
  };
});

test.after.each(async (context) => {
  await context.mirror.close();
  await rm(context.folder, { recursive: true });
});

const byVersion = { kind: 'version', version } as const;

test('a version is downloaded, checked and then taken from the cache', async (context) => {
  const { deps, mirror, archive } = context;
  const first = await resolveDistribution(byVersion, deps);
  assert.equal(
    { version: first.version, sha512: first.sha512, sizeBytes: first.sizeBytes, kind: first.origin.kind },
    { version, sha512: context.sha512, sizeBytes: archive.length, kind: 'apache' },
  );
  assert.equal(await readFile(first.path), archive);
  assert.ok(context.progress.some((progress) => progress.phase === 'downloading'));
  assert.is(context.progress.at(-1)?.doneBytes, archive.length);
  const asked = mirror.requests.length;
  assert.equal(await resolveDistribution(byVersion, deps), first);
  assert.is(mirror.requests.length, asked);
  assert.equal((await readdir(deps.cacheDir)).length, 2);
});

test('a download that breaks goes on where it was', async ({ deps, mirror, sha512: expected }) => {
  mirror.behaviour = 'cut';
  const pending = resolveDistribution(byVersion, { ...deps, limits: { ...deps.limits, maxStalls: 50 } });
  while (mirror.requests.filter(({ range }) => range !== undefined).length < 2) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  mirror.behaviour = 'serve';
  assert.is((await pending).sha512, expected);
  const starts = mirror.requests.flatMap(({ range }) =>
    range === undefined ? [] : [Number(range.slice(6, -1))],
  );
  assert.ok((starts[0] ?? 0) > 0);
  assert.equal(
    starts,
    starts.toSorted((left, right) => left - right),
  );
});

test('a silent connection is given up and what came is kept for the next call', async (context) => {
  const { deps, mirror } = context;
  mirror.behaviour = 'stall';
  const stalled = resolveDistribution(byVersion, { ...deps, limits: { ...deps.limits, maxStalls: 1 } });
  // Each request brings half of what is left until there is less than a byte to bring.
  mirror.requests.length = 0;
  while (!mirror.requests.some(({ range }) => range !== undefined)) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  mirror.behaviour = 'server-error';
  const error = await rejection(stalled);
  assert.instance(error, UnavailableError);
  mirror.behaviour = 'serve';
  mirror.requests.length = 0;
  assert.is((await resolveDistribution(byVersion, deps)).sha512, context.sha512);
  assert.match(mirror.requests.at(-1)?.range ?? '', /^bytes=[1-9]\d+-$/);
  assert.is((await parts(deps.cacheDir)).length, 0);
});

test('the part of a dead process is taken over, that of a living one is not', async (context) => {
  const { deps, mirror, archive } = context;
  const child = spawn(process.execPath, ['-e', '0']);
  await once(child, 'exit');
  await mkdir(deps.cacheDir);
  const living = join(deps.cacheDir, `version-${version}.${process.pid}.0000000a.part`);
  await writeFile(living, archive.subarray(0, 200_000));
  await writeFile(
    join(deps.cacheDir, `version-${version}.${child.pid}.0000000b.part`),
    archive.subarray(0, 100_000),
  );
  assert.is((await resolveDistribution(byVersion, deps)).sha512, context.sha512);
  assert.is(mirror.requests.at(-1)?.range, 'bytes=100000-');
  assert.equal((await parts(deps.cacheDir)).length, 1);
  assert.is((await stat(living)).size, 200_000);
});

test('a complete part is only checked', async (context) => {
  const { deps, archive } = context;
  await mkdir(deps.cacheDir);
  await writeFile(join(deps.cacheDir, `version-${version}.0.0000000b.part`), archive);
  assert.is((await resolveDistribution(byVersion, deps)).sha512, context.sha512);
});

test('a spoilt part leads to one download from the start', async (context) => {
  const { deps, mirror } = context;
  await mkdir(deps.cacheDir);
  await writeFile(join(deps.cacheDir, `version-${version}.0.0000000b.part`), Buffer.alloc(1000, 7));
  assert.is((await resolveDistribution(byVersion, deps)).sha512, context.sha512);
  assert.equal(
    mirror.requests.filter(({ path }) => path.endsWith('.tgz')).map(({ range }) => range),
    ['bytes=1000-', undefined],
  );
});

test('a server without ranges is no harm', async (context) => {
  const { deps, mirror, archive } = context;
  mirror.behaviour = 'ignore-range';
  await mkdir(deps.cacheDir);
  await writeFile(join(deps.cacheDir, `version-${version}.0.0000000b.part`), archive.subarray(0, 5000));
  assert.is((await resolveDistribution(byVersion, deps)).sha512, context.sha512);
  assert.is(mirror.requests.length, 2);
});

test('wrong bytes are refused, nothing is kept, and Maven is not tried instead', async ({ deps, mirror }) => {
  mirror.behaviour = 'corrupt';
  const error = await rejection(resolveDistribution(byVersion, deps));
  assert.instance(error, ProtocolError);
  assert.match(error.message, 'sha512');
  assert.equal(await readdir(deps.cacheDir), []);
});

test('without Apache and without Maven every reason and a remedy are named', async ({ deps, mirror }) => {
  mirror.behaviour = 'hang';
  const error = await rejection(resolveDistribution(byVersion, deps));
  assert.instance(error, UnavailableError);
  assert.match(error.message, '127.0.0.1');
  assert.match(error.message, 'no-such-mvn');
  assert.match(error.remedy ?? '', 'Maven');
});

test('without Apache an archive is made by Maven, with the same bytes each time', async (context) => {
  const { deps, folder } = context;
  const mavenCommand = await stubMaven(folder, ['kafka_2.13-4.0.9.jar', 'kafka-tools-4.0.9.jar', 'a.jar']);
  const request = { kind: 'version', version: '4.0.9' } as const;
  const offline = { ...deps, mavenCommand, mirrors: ['http://127.0.0.1:1'] };
  const first = await resolveDistribution(request, offline);
  assert.is(first.origin.kind, 'maven');
  assert.match(first.origin.detail, '127.0.0.1:1 cannot be reached');
  assert.equal((await readdir(deps.cacheDir)).sort(), [
    first.path.slice(deps.cacheDir.length + 1),
    'version-4.0.9.json',
  ]);
  const names: string[] = [];
  await list({ file: first.path, onReadEntry: (entry) => names.push(entry.path) });
  assert.equal(
    names,
    ['a.jar', 'kafka-tools-4.0.9.jar', 'kafka_2.13-4.0.9.jar'].map((jar) => `kafka_2.13-4.0.9/libs/${jar}`),
  );
  const second = await resolveDistribution(request, { ...offline, cacheDir: join(folder, 'other') });
  assert.is(second.sha512, first.sha512);
  assert.equal(await readFile(second.path), await readFile(first.path));
});

test('what Maven says is in the error', async ({ deps, folder }) => {
  const mavenCommand = await stubMaven(folder, [], 'echo "[ERROR] no route to central -> [Help 1]"; exit 1');
  const error = await rejection(
    resolveDistribution(byVersion, { ...deps, mavenCommand, mirrors: ['http://127.0.0.1:1'] }),
  );
  assert.instance(error, UnavailableError);
  assert.match(error.message, 'no route to central');
  assert.not.match(error.message, 'Help 1');
  assert.equal(await readdir(deps.cacheDir), []);
});

test('an archive that was brought answers for its version from then on, and never in place of another', async (context) => {
  const { deps, folder, cacheDir } = context;
  const path = join(folder, 'brought.tgz');
  await writeFile(path, context.archive);
  const brought = await resolveDistribution({ kind: 'archive', path }, deps);
  assert.equal(await answerForVersion(cacheDir, brought, silentLogger), brought);
  const nobody = { ...deps, mirrors: ['http://127.0.0.1:1'] };
  assert.is((await resolveDistribution(byVersion, nobody)).sha512, context.sha512);
  const otherPath = join(folder, 'other.tgz');
  await writeFile(otherPath, await makeArchive(folder, 2));
  const other = await resolveDistribution({ kind: 'archive', path: otherPath }, deps);
  assert.is.not(other.sha512, context.sha512);
  assert.is((await answerForVersion(cacheDir, other, silentLogger)).sha512, context.sha512);
});

test('two at once both get a whole archive', async (context) => {
  const { deps } = context;
  const both = await Promise.all([
    resolveDistribution(byVersion, deps),
    resolveDistribution(byVersion, deps),
  ]);
  for (const found of both) assert.is(sha512(await readFile(found.path)), context.sha512);
  assert.is((await readdir(deps.cacheDir)).length, 2);
});

test('an archive changed in the cache is got again; one that was only touched is not', async (context) => {
  const { deps, mirror } = context;
  const first = await resolveDistribution(byVersion, deps);
  const asked = mirror.requests.length;
  await utimes(first.path, 1, 1);
  assert.is((await resolveDistribution(byVersion, deps)).path, first.path);
  assert.is(mirror.requests.length, asked);
  await appendFile(first.path, 'x');
  assert.is((await resolveDistribution(byVersion, deps)).sha512, context.sha512);
  assert.equal(await readFile(first.path), context.archive);
});

test('what dead processes left is removed, except downloads', async ({ deps, cacheDir }) => {
  const child = spawn(process.execPath, ['-e', '0']);
  await once(child, 'exit');
  await mkdir(join(cacheDir, `maven-${child.pid}-AbCdEf`, 'libs'), { recursive: true });
  const kept = [`sha512-00.${child.pid}.0000000a.part`, `archive-00.${process.pid}.0000000a.part`];
  const left = [
    `maven-4.3.1.${child.pid}.0000000a.part`,
    `archive-00.${child.pid}.0000000a.part`,
    `version-4.3.1.json.${child.pid}.0000000a`,
  ];
  for (const name of [...kept, ...left]) await writeFile(join(cacheDir, name), 'x');
  await resolveDistribution(byVersion, deps);
  const names = await readdir(cacheDir);
  assert.equal(names.filter((name) => !/^kafka-|^version-4.3.1.json$/.test(name)).sort(), kept.sort());
});

test('a cache that cannot be is named', async ({ deps, folder }) => {
  const error = await rejection(
    resolveDistribution(byVersion, { ...deps, cacheDir: join(folder, 'archive-1.tgz', 'below') }),
  );
  assert.instance(error, UnavailableError);
  assert.match(error.message, 'below');
});

test('a damaged entry file counts as none', async (context) => {
  await resolveDistribution(byVersion, context.deps);
  for (const text of ['', '{"schema":1', 'null']) {
    await writeFile(join(context.cacheDir, `version-${version}.json`), text);
    assert.is((await resolveDistribution(byVersion, context.deps)).sha512, context.sha512);
  }
});

test('a local archive is copied once, checked, and followed when it changes', async (context) => {
  const { deps, folder } = context;
  const path = join(folder, 'archive-1.tgz');
  const first = await resolveDistribution({ kind: 'archive', path }, deps);
  assert.equal([first.version, first.sha512, first.origin.kind], [version, context.sha512, 'archive']);
  assert.equal(
    await resolveDistribution({ kind: 'archive', path, sha512: context.sha512.toUpperCase() }, deps),
    first,
  );
  const wrong = await rejection(
    resolveDistribution({ kind: 'archive', path, sha512: '0'.repeat(128) }, deps),
  );
  assert.instance(wrong, ProtocolError);
  await writeFile(path, await makeOther(folder));
  const second = await resolveDistribution({ kind: 'archive', path }, deps);
  assert.is.not(second.sha512, first.sha512);
  assert.equal(await readFile(first.path), context.archive);
  const uri = { kind: 'uri', uri: `file://${path}`, sha512: second.sha512 } as const;
  assert.is((await resolveDistribution(uri, deps)).path, second.path);
});

test('what is no Kafka archive is refused', async ({ deps, folder, archive }) => {
  for (const content of ['', 'hello', gunzipSync(archive).subarray(0, 300)]) {
    const path = join(folder, 'x.tgz');
    await writeFile(path, content);
    assert.instance(await rejection(resolveDistribution({ kind: 'archive', path }, deps)), ProtocolError);
  }
  const missing = await rejection(resolveDistribution({ kind: 'archive', path: '/no/such.tgz' }, deps));
  assert.instance(missing, UnavailableError);
  assert.match(missing.message, '/no/such.tgz');
  assert.is((await parts(deps.cacheDir)).length, 0);
});

test('any URI, with its digest; secrets in it are not shown', async (context) => {
  const { deps, mirror } = context;
  const uri = `${mirror.url}/${version}/kafka_2.13-${version}.tgz`;
  const found = await resolveDistribution({ kind: 'uri', uri, sha512: context.sha512 }, deps);
  assert.equal([found.version, found.origin.kind], [version, 'uri']);
  const secret = `${mirror.url}/nothing.tgz?token=geheim`;
  const error = await rejection(
    resolveDistribution({ kind: 'uri', uri: secret, sha512: '0'.repeat(128) }, deps),
  );
  assert.match(error.message, '404');
  assert.not.match(error.message, 'geheim');
});

test('requests that cannot be met', async ({ deps }) => {
  const requests = [
    { kind: 'version', version: '../../x' },
    { kind: 'version', version: '3.9.1' },
    { kind: 'uri', uri: 'hdfs://x/y', sha512: '0'.repeat(128) },
    { kind: 'uri', uri: 'http://x/y', sha512: 'abc' },
  ] as const;
  for (const request of requests) {
    assert.instance(await rejection(resolveDistribution(request, deps)), SpecError);
  }
});

test('a file without end is cut off', async (context) => {
  const { deps } = context;
  const error = await rejection(
    resolveDistribution(byVersion, { ...deps, limits: { ...deps.limits, maxBytes: 1000 } }),
  );
  assert.match(error.message, 'larger than 1000 bytes');
});

test('checksum files', () => {
  const sum = 'ab'.repeat(64);
  assert.is(parseSha512(`kafka.tgz: ${sum.slice(0, 64)}\n   ${sum.slice(64).toUpperCase()}\n`, 'x'), sum);
  assert.is(parseSha512(`${sum}  kafka.tgz\n`, 'x'), sum);
  assert.throws(
    () => parseSha512('<html>login</html>', 'x'),
    (error: unknown) => error instanceof ProtocolError,
  );
});

test('an archive holds the files, of any size, and nothing of this machine', async ({ folder }) => {
  const sizes = [0, 1, 511, 512, 513, 65_535, 65_536, 200_001];
  const files = await Promise.all(
    sizes.map(async (size) => {
      const path = join(folder, `size-${size}`);
      await writeFile(path, Buffer.alloc(size, size % 251));
      return { name: `top/libs/${size}.jar`, path };
    }),
  );
  const path = join(folder, 'sizes.tgz');
  const digest = await writeArchive(path, files);
  assert.is(digest, sha512(await readFile(path)));
  const seen: [string, number, number | undefined, number | undefined][] = [];
  await list({
    file: path,
    strict: true,
    onReadEntry: (entry) => seen.push([entry.path, entry.size, entry.mtime?.getTime(), entry.uid]),
  });
  assert.equal(
    seen,
    sizes.map((size) => [`top/libs/${size}.jar`, size, 0, 0]),
  );
  // Node's own gzip checks the checksum and the size at the end.
  assert.is(gunzipSync(await readFile(path)).length % 512, 0);
});

test('progress is thinned, and its rate is that of the last seconds', () => {
  let nowMs = 0;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const seen: DistributionProgress[] = [];
  const meter = createMeter(clock, (progress) => seen.push(progress));
  for (nowMs = 0; nowMs <= 10_000; nowMs += 10) meter.report('downloading', nowMs * 10, 200_000);
  assert.ok(seen.length < 60);
  assert.is(seen.at(-1)?.bytesPerSecond, 10_000);
  meter.report('verifying', 5);
  assert.equal(seen.at(-1), { phase: 'verifying', doneBytes: 5, bytesPerSecond: 0 });
});

test('the pom and what Maven prints', () => {
  assert.match(renderPom('4.3.1'), '<artifactId>kafka_2.13</artifactId><version>4.3.1</version>');
  assert.is(
    transferredBytes('[INFO] Downloaded from central: https://x/y.jar (5.9 MB at 11 MB/s)'),
    5_900_000,
  );
  assert.is(transferredBytes('[INFO] BUILD SUCCESS'), 0);
});

test.run();

function sha512(bytes: Buffer): string {
  return createHash('sha512').update(bytes).digest('hex');
}

async function parts(cacheDir: string): Promise<string[]> {
  return (await readdir(cacheDir)).filter((name) => name.endsWith('.part'));
}

async function rejection(promise: Promise<unknown>): Promise<KafkaMesosError> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, KafkaMesosError);
    return error as KafkaMesosError;
  }
  throw new Error('expected a rejection');
}

function makeOther(folder: string): Promise<Buffer> {
  return makeArchive(folder, 2);
}

/** A `mvn` that "resolves" these jars, or does as told. */
async function stubMaven(folder: string, jars: readonly string[], instead = ''): Promise<string> {
  const path = join(folder, 'mvn');
  const script = `#!/bin/sh
${instead}
for argument in "$@"; do case "$argument" in -DoutputDirectory=*) libs="\${argument#*=}";; esac; done
${jars.map((jar) => `echo ${jar} > "$libs/${jar}"`).join('\n')}
`;
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}
