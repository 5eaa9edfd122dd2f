/** TLS, with certificates that the program `openssl` makes here. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createApiClient } from '../../src/api/client.ts';
import { type ApiServer, startApiServer } from '../../src/api/server.ts';
import { readCertificate } from '../../src/api/tls.ts';
import { KafkaMesosError, SpecError } from '../../src/model/errors.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { createVirtualClock } from '../mesos/virtual-clock.ts';
import { fakeService, specs, token } from './fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'kafka-mesos-tls-'));
test.after(() => rmSync(folder, { recursive: true }));

/** Files of a certificate that vouches for itself. */
function makeCertificate(name: string) {
  const directory = join(folder, name);
  mkdirSync(directory);
  const files = { certPath: join(directory, 'cert.pem'), keyPath: join(directory, 'key.pem') };
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-keyout', files.keyPath, '-out', files.certPath, '-subj', `/CN=${name}`],
      ...['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'],
    ],
    { stdio: 'ignore' },
  );
  return files;
}

const isThere = spawnSync('openssl', ['version']).status === 0;
const withOpenssl = isThere ? test : test.skip;
const none = { certPath: '', keyPath: '' };
const first = isThere ? makeCertificate('first') : none;
const second = isThere ? makeCertificate('second') : none;

async function withServer(
  files: typeof first,
  use: (server: ApiServer, clock: ReturnType<typeof createVirtualClock>, logged: string[]) => Promise<void>,
): Promise<void> {
  const clock = createVirtualClock();
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  const server = await startApiServer({
    service: fakeService().service,
    specs,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    tls: { ...files, ...(await readCertificate(files)) },
    version: '1',
    logger: { ...silentLogger, info: log, warn: log },
    clock,
  });
  try {
    await use(server, clock, logged);
  } finally {
    await server.close();
    assert.equal(clock.pending(), []);
  }
}

async function failure(promise: Promise<unknown>): Promise<KafkaMesosError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.instance(error, KafkaMesosError);
  return error as KafkaMesosError;
}

withOpenssl('the client speaks TLS, to who is vouched for only', () =>
  withServer(first, async ({ url }) => {
    assert.match(url, /^https:/);
    const ca = readFileSync(first.certPath, 'utf8');
    assert.is((await createApiClient({ url, token, ca }).clusters())[0]?.name, 'demo');
    const named = url.replace('127.0.0.1', 'localhost');
    assert.is((await createApiClient({ url: named, token, ca }).health()).ok, true);
    for (const wrong of [undefined, readFileSync(second.certPath, 'utf8')]) {
      const error = await failure(
        createApiClient({ url, token, ...(wrong === undefined ? {} : { ca: wrong }) }).clusters(),
      );
      assert.is(error.code, 'KM_UNAVAILABLE_CERTIFICATE');
      assert.match(error.remedy ?? '', '--ca-file');
    }
    const plain = await failure(createApiClient({ url: url.replace('https', 'http'), token }).clusters());
    assert.is(plain.code, 'KM_UNAVAILABLE_SCHEDULER');
  }),
);

test('a client that wants TLS says so where there is none', async () => {
  const server = await startApiServer({
    service: fakeService().service,
    specs,
    tokens: { write: token },
    listen: { host: '127.0.0.1', port: 0 },
    version: '1',
    logger: silentLogger,
  });
  const error = await failure(
    createApiClient({ url: server.url.replace('http', 'https'), token }).clusters(),
  );
  assert.match(error.message, 'does not speak TLS');
  await server.close();
});

/** The name in the certificate that is shown, or why there is none. */
function shown(
  { url }: ApiServer,
  maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3',
): Promise<string> {
  const { port } = new URL(url);
  return new Promise((resolve) => {
    const socket: TLSSocket = connect(
      {
        host: '127.0.0.1',
        port: Number(port),
        rejectUnauthorized: false,
        minVersion: 'TLSv1.1',
        maxVersion,
        ciphers: 'DEFAULT@SECLEVEL=0',
      },
      () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      },
    );
    socket.once('error', (error) => resolve(String((error as NodeJS.ErrnoException).code)));
  });
}

withOpenssl('nothing older than TLS 1.2', () =>
  withServer(first, async (server) => {
    assert.is(await shown(server), 'first');
    assert.is(await shown(server, 'TLSv1.2'), 'first');
    assert.match(await shown(server, 'TLSv1.1'), /ERR_SSL|ECONNRESET/);
  }),
);

withOpenssl(
  'a certificate that is renewed on disk is taken up; half of one, or none, changes nothing',
  async () => {
    const files = { certPath: join(folder, 'cert.pem'), keyPath: join(folder, 'key.pem') };
    const copy = (from: typeof first, which: 'certPath' | 'keyPath') =>
      writeFileSync(files[which], readFileSync(from[which]));
    copy(first, 'certPath');
    copy(first, 'keyPath');
    await withServer(files, async (server, clock, logged) => {
      const look = async () => {
        while (clock.pending().length === 0) await turn();
        clock.advance(60_000);
        while (clock.pending().length === 0) await turn();
      };
      await look();
      assert.equal([await shown(server), logged], ['first', []]);
      copy(second, 'certPath');
      await look();
      await look();
      assert.equal([await shown(server), logged], ['first', ['the certificate cannot be renewed']]);
      copy(second, 'keyPath');
      await look();
      assert.is(await shown(server), 'second');
      assert.is(logged.at(-1), 'the certificate was renewed');
      rmSync(files.keyPath);
      await look();
      assert.is(await shown(server), 'second');
    });
  },
);

withOpenssl('what is no certificate is refused at the start, with what to do', async () => {
  const text = join(folder, 'text.pem');
  writeFileSync(text, 'hello');
  for (const files of [
    { certPath: text, keyPath: first.keyPath },
    { certPath: first.certPath, keyPath: second.keyPath },
    { certPath: join(folder, 'nowhere'), keyPath: first.keyPath },
  ]) {
    const error = await failure(readCertificate(files));
    assert.instance(error, SpecError);
    assert.is(error.code, 'KM_SPEC_TLS');
    assert.not.match(error.message, 'hello');
  }
});

test.run();
