import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  findSandboxDirectory,
  readPieces,
  readSandboxTail,
  sandboxPath,
  virtualDirectory,
} from '../../src/mesos/sandbox.ts';
import { KafkaMesosError } from '../../src/model/errors.ts';

const virtual = virtualDirectory('f-1', 'e-1');

/** An agent that behaves as in recording 24: size by offset -1, raw bytes in JSON, empty 404. */
async function withAgent(
  files: Readonly<Record<string, Buffer>>,
  state: unknown,
  use: (agentUrl: string, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://agent');
    asked.push(url.pathname);
    if (url.pathname === '/state') return response.end(JSON.stringify(state));
    const content = files[url.searchParams.get('path') ?? ''];
    if (content === undefined) return response.writeHead(404).end();
    const offset = Number(url.searchParams.get('offset'));
    const length = Math.min(Number(url.searchParams.get('length') ?? content.length), 65536);
    const part = offset === -1 ? Buffer.alloc(0) : content.subarray(offset, offset + length);
    const text = part.toString('latin1').replaceAll('\n', '\\n').replaceAll('"', '\\"');
    const at = offset === -1 ? content.length : offset;
    return response.end(Buffer.from(`{"data":"${text}","offset":${at}}`, 'latin1'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const ask = (agentUrl: string, file: string, bytes: number) =>
  readSandboxTail({ agentUrl, frameworkId: 'f-1', executorId: 'e-1', file, bytes });

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.catch((reason: unknown) => reason);
  assert.instance(error, KafkaMesosError);
  return (error as KafkaMesosError).code;
}

test('reads the end of a file by its virtual path', async () => {
  await withAgent({ [`${virtual}/stdout`]: Buffer.from('one\ntwo\n') }, {}, async (agentUrl, asked) => {
    assert.equal(await ask(agentUrl, 'stdout', 4), {
      text: 'two\n',
      path: `${virtual}/stdout`,
      totalBytes: 8,
    });
    assert.is((await ask(agentUrl, 'stdout', 1000)).text, 'one\ntwo\n');
    assert.not.ok(asked.includes('/state'));
  });
});

test('puts long files together without losing characters at the joints', async () => {
  const text = 'größer "x" →\n'.repeat(20_000);
  await withAgent({ [`${virtual}/log`]: Buffer.from(text) }, {}, async (agentUrl) => {
    assert.is((await ask(agentUrl, 'log', 1_000_000)).text, text);
  });
});

test('finds the directory of an ended executor in /state', async () => {
  const state = {
    frameworks: [],
    completed_frameworks: [{ id: 'f-1', completed_executors: [{ id: 'e-1', directory: '/w/runs/c' }] }],
  };
  await withAgent({ '/w/runs/c/stderr': Buffer.from('oops') }, state, async (agentUrl) => {
    assert.is((await ask(agentUrl, 'stderr', 10)).text, 'oops');
    assert.is(await codeOf(ask(agentUrl, 'other', 10)), 'KM_UNAVAILABLE_LOG');
  });
});

test('says which it is: no file, no agent, no sandbox path', async () => {
  let url = '';
  await withAgent({}, {}, async (agentUrl) => {
    url = agentUrl;
    assert.is(await codeOf(ask(agentUrl, 'stdout', 10)), 'KM_UNAVAILABLE_LOG');
  });
  assert.is(await codeOf(ask(url, 'stdout', 10)), 'KM_UNAVAILABLE_AGENT');
  for (const file of ['', '/etc/passwd', '../x', 'a/../b', 'a//b', 'a/', './a', 'a\0b']) {
    assert.throws(() => sandboxPath('/w', file), /not a path below the sandbox/, file);
  }
});

test('pieces cover exactly the end', () => {
  assert.equal(readPieces(0, 10), []);
  assert.equal(readPieces(10, 4), [{ offset: 6, length: 4 }]);
  assert.equal(readPieces(65537, 1e9), [
    { offset: 0, length: 65536 },
    { offset: 65536, length: 1 },
  ]);
});

const recording = new URL('../fixtures/mesos-transcripts/24-operator-api.jsonl', import.meta.url);

test('finds the directory in the recorded /state of a real agent', () => {
  const lines = readFileSync(recording, 'utf8').split('\n').filter(Boolean);
  const state = lines
    .map((line) => JSON.parse(line))
    .find((line) => line.conn === 'agent-http' && line.body?.frameworks?.length > 0)?.body;
  const frameworkId = state.frameworks[0].id;
  assert.match(
    findSandboxDirectory(state, frameworkId, 't-1') ?? '',
    new RegExp(`/frameworks/${frameworkId}/executors/t-1/runs/[0-9a-f-]{36}$`),
  );
  assert.match(findSandboxDirectory(state, frameworkId, 't-3') ?? '', '/executors/t-3/runs/');
  assert.is(findSandboxDirectory(state, frameworkId, 'nope'), undefined);
});

test.run();
