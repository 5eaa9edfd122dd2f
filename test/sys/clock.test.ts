import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { steadyClock } from '../../src/sys/clock.ts';

test('a jump of the wall clock, either way, is not a passing of time', () => {
  let wallMs = 1_800_000_000_000;
  let runMs = 5;
  const clock = steadyClock({ nowMs: () => wallMs, setTimer: () => ({ cancel() {} }) }, () => runMs);
  assert.is(clock.nowMs(), 1_800_000_000_000);
  wallMs += 3_600_000;
  runMs += 1_000.7;
  assert.is(clock.nowMs(), 1_800_000_001_000);
  wallMs -= 7_200_000;
  assert.is(clock.nowMs(), 1_800_000_001_000);
});

test.run();
