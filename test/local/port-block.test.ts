import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { blockSize, claimPortBlock } from '../../src/local/port-block.ts';

const directory = mkdtempSync(join(tmpdir(), 'port-block-'));
const file = (name: string) => join(directory, name);

test('two homes get disjoint blocks, and each keeps its own', async () => {
  const one = await claimPortBlock(file('one'));
  const two = await claimPortBlock(file('two'));
  assert.ok(Math.abs(one.firstPort - two.firstPort) >= blockSize);
  await one.release();
  const again = await claimPortBlock(file('one'));
  assert.is(again.firstPort, one.firstPort);
  await again.release();
  await two.release();
});

test('a home that is down keeps its block from other homes', async () => {
  const down = await claimPortBlock(file('down'));
  await down.release();
  const next = await claimPortBlock(file('next'));
  assert.is.not(next.firstPort, down.firstPort);
  const up = await claimPortBlock(file('down'));
  assert.is(up.firstPort, down.firstPort);
  await up.release();
  await next.release();
});

test('a block whose brokers live on without an owner is passed over', async () => {
  const probe = await claimPortBlock(file('probe'));
  await probe.release();
  const broker = createServer();
  await new Promise<void>((resolve) => broker.listen(probe.firstPort + 100, '127.0.0.1', resolve));
  const other = await claimPortBlock(file('other'));
  assert.is.not(other.firstPort, probe.firstPort);
  await other.release();
  await new Promise((resolve) => broker.close(resolve));
});

test('a remembered block that somebody else holds is refused with the port and a remedy', async () => {
  const owner = await claimPortBlock(file('owner'));
  try {
    await claimPortBlock(file('owner'));
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), new RegExp(`port ${owner.firstPort + blockSize - 1} is taken`));
  }
  await owner.release();
});

test.after(() => rmSync(directory, { recursive: true, force: true }));

test.run();
