import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { detectLeader } from '../../src/mesos/leader.ts';
import { UnavailableError } from '../../src/model/errors.ts';
import { silentLogger } from '../../src/sys/logger.ts';
import { orHang } from './scripted-master.ts';
import { createVirtualClock } from './virtual-clock.ts';

test('a list of hosts is gone through in turn', async () => {
  const detector = detectLeader('m1,m2:5051', { logger: silentLogger });
  const asked = [await detector.current(), await detector.current(), await detector.current()];
  assert.equal(asked, [
    { host: 'm1', port: 5050 },
    { host: 'm2', port: 5051 },
    { host: 'm1', port: 5050 },
  ]);
  detector.close();
});

test('a ZooKeeper that accepts and says nothing is given up, asked anew, and left without a trace', async () => {
  const arrivals: Socket[] = [];
  const askers: ((socket: Socket) => void)[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.resume();
    const asker = askers.shift();
    if (asker) asker(socket);
    else arrivals.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const nextSocket = (): Promise<Socket> => {
    const arrived = arrivals.shift();
    return arrived
      ? Promise.resolve(arrived)
      : orHang(new Promise((resolve) => askers.push(resolve)), 'no connection');
  };
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const timersBefore = timers();
  const clock = createVirtualClock();
  const { port } = server.address() as AddressInfo;
  const detector = detectLeader(`zk://user:hunter2@127.0.0.1:${port}/mesos`, {
    logger: silentLogger,
    clock,
    monotonicMs: clock.nowMs,
  });

  const failure = detector.current().then(
    () => undefined,
    (error: unknown) => error,
  );
  const first = await nextSocket();
  const firstClosed = new Promise((resolve) => first.on('close', resolve));
  // The connection is cut before the look-up is given up, so that another server may still answer it.
  // Five rounds of a sixth of the session timeout.
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    clock.advance(1_700);
  }
  await orHang(firstClosed, 'the silent connection stays open');
  clock.advance(2_000);
  const error = await failure;
  assert.instance(error, UnavailableError);
  assert.match((error as Error).message, 'no connection within 10000 ms');
  assert.not.match((error as Error).message, 'hunter2');

  const second = await nextSocket();
  const secondClosed = new Promise((resolve) => second.on('close', resolve));

  const pending = detector.current().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  detector.close();
  assert.instance(await pending, UnavailableError);
  await orHang(secondClosed, 'a connection stays open');
  assert.equal(clock.pending(), []);
  assert.ok(timers() <= timersBefore, 'nor does the library have one that keeps the process');
  await new Promise((resolve) => server.close(resolve));
});

test.run();
