import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLeaseClock } from '../../src/sys/lease-clock.ts';

test('time passes while the machine sleeps, and no system call has to say so', () => {
  let awakeMs = 5_000;
  let uptimeMs = 900_000;
  const leaseMs = createLeaseClock(
    () => awakeMs,
    () => uptimeMs,
  );
  const startMs = leaseMs();
  awakeMs += 3_000;
  uptimeMs += 3_000;
  assert.is(leaseMs() - startMs, 3_000);

  uptimeMs += 60_000;
  assert.is(leaseMs() - startMs, 63_000, 'asleep for a minute');
  awakeMs += 1_000;
  uptimeMs += 1_000;
  assert.is(leaseMs() - startMs, 64_000, 'counted once');
  uptimeMs += 20_000;
  assert.is(leaseMs() - startMs, 84_000, 'and asleep again');
});

test('an uptime in whole seconds, or one that is set back, moves nothing', () => {
  let awakeMs = 0;
  let uptimeMs = 7_000;
  const leaseMs = createLeaseClock(
    () => awakeMs,
    () => uptimeMs,
  );
  for (const [awake, up] of [
    [999, 7_000],
    [1_500, 8_000],
    [2_000, 9_000],
    [3_000, 1_000],
  ] as const) {
    awakeMs = awake;
    uptimeMs = up;
    assert.is(leaseMs(), awake);
  }
});

test('the real one goes with the monotonic clock', () => {
  const leaseMs = createLeaseClock();
  const [first, before] = [leaseMs(), performance.now()];
  while (performance.now() - before < 20);
  assert.ok(leaseMs() - first >= 20);
});

test.run();
