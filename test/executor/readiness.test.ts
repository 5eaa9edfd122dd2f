import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMesosDuration } from '../../src/executor/durations.ts';
import { neededJava, parseJavaVersion, parseRelease } from '../../src/executor/java.ts';
import { readLaunch } from '../../src/executor/launch.ts';
import {
  apiVersionsRequest,
  heartbeatsFail,
  initialView,
  isApiVersionsResponse,
  isStalled,
  observeLine,
} from '../../src/executor/readiness.ts';
import { sampleLaunch, sampleTask } from './helpers.ts';

const see = (...lines: string[]) => lines.reduce((view, line) => observeLine(view, line, 1_000), initialView);

test('the durations of Mesos', () => {
  assert.is(parseMesosDuration('15mins'), 900_000);
  assert.is(parseMesosDuration('2secs'), 2_000);
  assert.is(parseMesosDuration('1.5hrs'), 5_400_000);
  assert.is(parseMesosDuration('500ms'), 500);
  for (const wrong of ['', '15', 'mins', '15 minutes', '-1secs', undefined]) {
    assert.is(parseMesosDuration(wrong), undefined, String(wrong));
  }
});

test('the versions of Java', () => {
  assert.is(parseJavaVersion('openjdk version "17.0.15" 2025-04-15'), 17);
  assert.is(parseJavaVersion('java version "1.8.0_402"'), 8);
  assert.is(parseJavaVersion('openjdk version "21" 2023-09-19'), 21);
  assert.is(parseJavaVersion('who knows'), undefined);
  assert.is(neededJava('4.4.0'), 17);
  assert.is(neededJava('3.9.1'), 8);
});

test('the version that a JDK states of itself, if it is for this platform', () => {
  const debian =
    'IMPLEMENTOR="Debian"\nJAVA_VERSION="17.0.15"\nLIBC="gnu"\nOS_ARCH="x86_64"\nOS_NAME="Linux"\n';
  const here = { platform: 'linux', arch: 'x64' };
  assert.is(parseRelease(debian, here), 17);
  assert.is(parseRelease(debian.replace('17.0.15', '1.8.0_402'), here), 8);
  assert.is(parseRelease(debian.replace('x86_64', 'aarch64'), { platform: 'linux', arch: 'arm64' }), 17);
  assert.is(parseRelease(debian, { platform: 'linux', arch: 'arm64' }), undefined);
  assert.is(parseRelease(debian, { platform: 'darwin', arch: 'x64' }), undefined);
  assert.is(parseRelease(debian.replace('gnu', 'musl'), here), undefined);
  assert.is(parseRelease('JAVA_VERSION="17.0.15"\n', here), undefined);
  assert.is(parseRelease('', here), undefined);
});

// Lines as Kafka 4.4.0 wrote them.
const recovering =
  '[t] INFO Recovering 3 logs from /v/data since no clean shutdown file was found (o.LogManager)';
const loaded = (done: number) =>
  `[t] INFO Completed load of Log(dir=/v/data/t-${done}) with 1 segments, local-log-start-offset 0 and log-end-offset 9 in 4ms (${done}/3 completed in /v/data) (o.LogManager)`;

test('log recovery is a phase with counters, over when the logs are loaded', () => {
  const view = see(recovering, loaded(1), loaded(2));
  assert.is(view.phase, 'recovering');
  assert.equal(view.recovery, { doneLogs: 2, totalLogs: 3, doneSegments: 0, movedAtMs: 1_000 });
  const after = observeLine(
    view,
    '[t] INFO Loaded 3 logs in 92ms (unclean log dirs = ArrayBuffer(/v/data)) (o.LogManager)',
    1,
  );
  assert.is(after.phase, 'starting');
  assert.is(after.recovery, undefined);
  const clean = see(
    '[t] INFO Skipping recovery of 3 logs from /v/data since clean shutdown file was found (o.LogManager)',
    loaded(1),
  );
  assert.is(clean.phase, 'starting');
});

const segment = (offset: number) =>
  `[t] INFO [LogLoader partition=t-1, dir=/v/data] Recovering unflushed segment ${offset}. 0 recovered for t-1. (o.LogLoader)`;

test('segments move the recovery of a large partition on; without any word for long it has stalled', () => {
  const minute = 60_000;
  const begun = observeLine(initialView, recovering, 0);
  assert.not(isStalled(begun, 9 * minute));
  assert.ok(isStalled(begun, 10 * minute));
  const moved = observeLine(begun, segment(0), 9 * minute);
  assert.equal(moved.recovery, { doneLogs: 0, totalLogs: 3, doneSegments: 1, movedAtMs: 9 * minute });
  assert.not(isStalled(moved, 18 * minute), 'no limit to the whole');
  assert.ok(isStalled(moved, 19 * minute));
  assert.not(isStalled(observeLine(moved, loaded(1), 19 * minute), 19 * minute));
  // A start that waits for its controller is no recovery, and neither is the reading of a clean directory.
  assert.not(isStalled(initialView, 100 * minute));
  assert.is(observeLine(initialView, segment(0), 0), initialView);
});

test('what it waits for, and that it has started', () => {
  const duplicate = see(
    '[t] INFO [BrokerLifecycleManager id=1] Unable to register broker 1 because the controller returned error DUPLICATE_BROKER_REGISTRATION (o.B)',
  );
  assert.match(duplicate.waitingFor ?? '', /DUPLICATE_BROKER_REGISTRATION \(the session of its previous run/);
  const line =
    '[t] INFO [BrokerServer id=1] Waiting for the broker to be unfenced (kafka.server.BrokerServer)';
  assert.is(see(line).waitingFor, 'broker to be unfenced');
  const started = '[t] INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)';
  assert.equal(see(line, started), { phase: 'starting', started: true });
});

test('heartbeats that fail count for a while; one alone is the controllers’ failover', () => {
  const line =
    '[t] INFO [BrokerLifecycleManager id=1] Unable to send a heartbeat because the RPC got timed out before it could be sent. (o.B)';
  const once = observeLine(initialView, line, 1_000);
  assert.not(heartbeatsFail(once, 2_000));
  const twice = observeLine(once, line, 5_500);
  assert.ok(heartbeatsFail(twice, 6_000));
  assert.not(heartbeatsFail(twice, 16_000));
  const later = observeLine(twice, line, 60_000);
  assert.not(heartbeatsFail(later, 60_000), 'two failovers');
  assert.not(heartbeatsFail(initialView, 2_000));
});

test('ApiVersions by hand', () => {
  const request = Buffer.from(apiVersionsRequest(7, 'km'));
  assert.is(request.toString('hex'), '0000000c00120000000000070002' + '6b6d');
  // The beginning of what a broker of 4.4.0 answered to these bytes.
  const answer = Buffer.from('000001d80000000700000000004d', 'hex');
  assert.is(isApiVersionsResponse(answer, 7), true);
  assert.is(isApiVersionsResponse(answer, 8), false);
  assert.is(isApiVersionsResponse(answer.subarray(0, 9), 7), undefined);
  assert.is(isApiVersionsResponse(Buffer.from('HTTP/1.1 400 Bad Request'), 7), false);
});

test('a launch is read, and a wrong one is named', () => {
  const launch = sampleLaunch(9092);
  assert.equal(readLaunch(sampleTask(launch)), launch);
  const reasons: [object, RegExp][] = [
    [{ protocol: 2 }, /protocol 2, this executor 1/],
    [{ clusterId: '../etc' }, /clusterId/],
    [{ kafka: { uri: '/x', sha512: 'short' } }, /kafka is missing/],
    [{ listeners: [] }, /without a listener/],
    [{ storage: { ...launch.storage, mode: 'form' } }, /no first voter/],
    [{ roles: ['broker', 'controller'] }, /without a controllerListener/],
  ];
  for (const [change, reason] of reasons) {
    assert.throws(() => readLaunch(sampleTask(sampleLaunch(1, change))), reason);
  }
  assert.throws(() => readLaunch({ ...sampleTask(launch), data: 'bm90IGpzb24=' }), /cannot be used/);
});

test.run();
