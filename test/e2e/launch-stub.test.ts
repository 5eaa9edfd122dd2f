/** What an agent is given to run, through the embedded Mesos, with brokers that are stubs. */
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { exportFiles } from '../../src/cli/agent-files.ts';
import type { ClusterStatus } from '../../src/model/status.ts';
import { bundlePrograms, createWorld, stubSpec, type World, type WorldOptions } from '../crash/world.ts';

const spec = stubSpec('launch', '0..0');
const timeoutMs = 180_000;
const programs = await bundlePrograms('test/executor/stub-main.ts', { withKafkaClients: false });
test.after(() => programs.remove());

async function inWorld(
  options: Omit<WorldOptions, 'spec' | 'stubBrokers'>,
  use: (world: World) => Promise<void>,
): Promise<void> {
  const world = await createWorld({ ...options, spec, stubBrokers: 1 });
  try {
    await use(world);
  } finally {
    await world.close();
  }
}

const hasEnded = ({ brokers }: ClusterStatus) => brokers.some(({ lastEnd }) => lastEnd !== undefined);

async function firstEnd(world: World): Promise<string> {
  world.start();
  const status = await world.bringUp(hasEnded, timeoutMs);
  if (status === 'died') throw new Error(world.log());
  return status.brokers[0]?.lastEnd?.why ?? '';
}

test('a Node that does not run on the agent is told, with a remedy', async () => {
  const node = join(programs.executor, '..', 'node-of-another-libc.sh');
  // As the dynamic loader does it, before any line of Node's own.
  const complaint = "./node: /lib64/libc.so.6: version `GLIBC_2.28' not found (required by ./node)";
  writeFileSync(node, `#!/bin/sh\necho ${JSON.stringify(complaint).replaceAll('`', '\\`')} >&2\nexit 1\n`, {
    mode: 0o755,
  });
  await inWorld({ programs: { ...programs, node } }, async (world) => {
    const why = await firstEnd(world);
    assert.match(why, 'the Node that this agent was given does not run on it');
    assert.match(why, '--agent-node');
  });
});

test('a file that changed after its digest was taken is not run, and that is told', async () => {
  const node = join(programs.executor, '..', 'node-that-changes.sh');
  writeFileSync(node, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  await inWorld({ programs: { ...programs, node }, artifactUrl: 'file:' }, async (world) => {
    world.start();
    // The digest is taken at the start, and published only then.
    while (!world.log().includes('scheduler started'))
      await new Promise((resolve) => setTimeout(resolve, 25));
    writeFileSync(node, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const status = await world.bringUp(hasEnded, timeoutMs);
    assert.is.not(status, 'died', world.log());
    if (status === 'died') return;
    assert.match(status.brokers[0]?.lastEnd?.why ?? '', 'does not have the expected sha512');
  });
});

test('a launch needs nothing of the scheduler when agents have a mirror', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'km-mirror-'));
  const asked: string[] = [];
  // As plain as a file server gets.
  const mirror = createServer((request, response) => {
    asked.push(request.url ?? '');
    const file = createReadStream(join(folder, decodeURIComponent(request.url ?? '')));
    file.on('open', () => file.pipe(response.writeHead(200)));
    file.on('error', () => response.writeHead(404).end());
  }).listen(0, '127.0.0.1');
  await once(mirror, 'listening');
  try {
    const files = await exportFiles([programs.executor, programs.node], folder);
    const again = await exportFiles([programs.executor, programs.node], folder);
    assert.equal(again, files, 'what is there stays');
    const artifactUrl = `http://127.0.0.1:${(mirror.address() as AddressInfo).port}/`;
    await inWorld({ programs, artifactUrl }, async (world) => {
      world.start();
      const status = await world.bringUp(({ phase }) => phase === 'converged', timeoutMs);
      assert.is.not(status, 'died', world.log());
    });
    assert.equal(
      [...new Set(asked)].toSorted(),
      files.map(({ path }) => path.slice(folder.length)).toSorted(),
      'all that was launched came from there',
    );
  } finally {
    mirror.closeAllConnections();
    mirror.close();
    rmSync(folder, { recursive: true });
  }
});

test.run();
