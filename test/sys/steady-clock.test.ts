import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createSteadyClock } from '../../src/sys/steady-clock.ts';

const hourMs = 3_600_000;

function world() {
  let wallMs = 1_700_000_000_000;
  let upMs = 0;
  const clock = createSteadyClock(
    { nowMs: () => wallMs, setTimer: () => ({ cancel: () => {} }) },
    () => upMs,
  );
  return {
    /** What the clock says has passed. */
    pass(ms: number, stepMs = 1_000): number {
      const fromMs = clock.nowMs();
      for (let passed = 0; passed < ms; passed += stepMs) {
        upMs += stepMs;
        wallMs += stepMs;
        clock.nowMs();
      }
      return clock.nowMs() - fromMs;
    },
    jump(ms: number) {
      wallMs += ms;
    },
    sleep(ms: number) {
      wallMs += ms;
    },
    wallMs: () => wallMs,
    offMs: () => clock.nowMs() - wallMs,
    clock,
  };
}

test('it is the wall clock while that does not jump', () => {
  const { pass, offMs } = world();
  assert.is(pass(hourMs), hourMs);
  assert.is(offMs(), 0);
});

test('a wall clock set forward by hours ends no wait: ten minutes take at least nine', () => {
  const { pass, jump, clock } = world();
  const beforeMs = clock.nowMs();
  jump(5 * hourMs);
  assert.is(clock.nowMs() - beforeMs, 0);
  assert.is(pass(600_000), 660_000);
});

test('what the wall says is told as it is', () => {
  const { pass, jump, wallMs, clock } = world();
  jump(5 * hourMs);
  pass(1_000);
  assert.is(clock.wallMs(), wallMs());
});

test('one set back prolongs none: ten minutes take at most eleven and a bit, and time never goes back', () => {
  const { pass, jump, clock } = world();
  const beforeMs = clock.nowMs();
  jump(-5 * hourMs);
  assert.is(clock.nowMs() - beforeMs, 0);
  const passedMs = pass(600_000);
  assert.ok(Math.abs(passedMs - 540_000) <= 1, String(passedMs));
});

test('it comes back to the wall clock, at a tenth of the time that passes', () => {
  const { pass, jump, offMs } = world();
  jump(hourMs);
  pass(9 * hourMs, 10_000);
  assert.ok(offMs() < 0);
  pass(2 * hourMs, 10_000);
  assert.ok(Math.abs(offMs()) <= 1, String(offMs()));
});

test('no time passes while the machine sleeps', () => {
  const { sleep, clock } = world();
  const beforeMs = clock.nowMs();
  sleep(8 * hourMs);
  assert.is(clock.nowMs(), beforeMs);
});

test('readings are whole milliseconds and never go back, however often it is asked', () => {
  let upMs = 0;
  const clock = createSteadyClock({ nowMs: () => 1_000, setTimer: () => ({ cancel: () => {} }) }, () => upMs);
  let lastMs = clock.nowMs();
  for (let i = 0; i < 1_000; i += 1) {
    upMs += 0.37;
    const nowMs = clock.nowMs();
    assert.ok(Number.isInteger(nowMs) && nowMs >= lastMs);
    lastMs = nowMs;
  }
});

test.run();
