import { PassThrough, Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClusterStatus } from '../../src/model/status.ts';
import { type LiveLook, type LiveOptions, renderLive } from '../../src/view/render-live.tsx';
import { noonMs, samples } from './samples.ts';

const enterAlternate = '\u001b[?1049h';
const cursorHome = '\u001b[H';
const leaveAlternate = '\u001b[?1049l';
const showCursor = '\u001b[?25h';
const hideCursor = '\u001b[?25l';

/** A terminal of the given size that remembers what was written to it. */
function fakeTerminal(columns = 80, rows = 24, isTTY = true) {
  let written = '';
  const stream = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written += chunk.toString();
        done();
      },
    }),
    { columns, rows, isTTY },
  );
  return {
    stdout: stream as unknown as NodeJS.WriteStream,
    written: () => written,
    resize(newColumns: number, newRows: number) {
      stream.columns = newColumns;
      stream.rows = newRows;
      stream.emit('resize');
    },
  };
}

/** Time that passes only by `pass`; what a timer sets off has settled before the next one fires. */
function fakeClock() {
  let nowMs = noonMs;
  const timers = new Set<{ atMs: number; fire: () => void }>();
  return {
    nowMs: () => nowMs,
    setTimer(delayMs: number, fire: () => void) {
      const timer = { atMs: nowMs + delayMs, fire };
      timers.add(timer);
      return { cancel: () => void timers.delete(timer) };
    },
    pending: () => timers.size,
    async pass(durationMs: number) {
      const endMs = nowMs + durationMs;
      await settle();
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.atMs - b.atMs);
        if (next === undefined || next.atMs > endMs) break;
        timers.delete(next);
        nowMs = next.atMs;
        next.fire();
        await settle();
      }
      nowMs = endMs;
    },
  };
}

/**
 * Longer than ink waits, by the real clock, between two frames (34 ms), so that each is on the screen. A pause in which
 * the machine did not come to us for a while counts for nothing: the frame may have been late as well.
 */
async function settle(): Promise<void> {
  for (let lateMs = Number.POSITIVE_INFINITY; lateMs > 5; ) {
    const startedMs = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 45));
    lateMs = performance.now() - startedMs - 45;
  }
}

type Story = {
  readonly poll?: () => Promise<readonly ClusterStatus[]>;
  readonly footer?: () => string | undefined;
};

/** A look at every second of the clock; while `poll` is pending nothing is heard. */
function told({ poll = async () => [samples.rolling], footer }: Story, clock: ReturnType<typeof fakeClock>) {
  return async function* (signal: AbortSignal): AsyncGenerator<LiveLook> {
    while (!signal.aborted) {
      yield await poll().then(
        (statuses): LiveLook => ({ kind: 'statuses', statuses, footer: footer?.() }),
        (error: Error): LiveLook => ({ kind: 'away', error }),
      );
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(1000, resolve);
        signal.addEventListener('abort', () => {
          timer.cancel();
          resolve();
        });
      });
    }
  };
}

type Scene = {
  terminal: ReturnType<typeof fakeTerminal>;
  clock: ReturnType<typeof fakeClock>;
  live: ReturnType<typeof renderLive>;
};

function start({ poll, footer, ...options }: Partial<LiveOptions> & Story, terminal = fakeTerminal()): Scene {
  const clock = fakeClock();
  const live = renderLive({
    looks: told({ ...(poll && { poll }), ...(footer && { footer }) }, clock),
    stdout: terminal.stdout,
    clock,
    environment: { LANG: 'C.UTF-8', TERM: 'xterm' },
    ...options,
  });
  return { terminal, clock, live };
}

/** What stays on the primary screen, and a check that all of the rest was on the alternate one. */
function remains(text: string): string {
  assert.is(text.split(enterAlternate).length, 2, 'the alternate screen is entered once');
  assert.is(text.split(leaveAlternate).length, 2, 'and left once');
  assert.is(text.slice(0, text.indexOf(enterAlternate)), '');
  const after = text.slice(text.indexOf(leaveAlternate) + leaveAlternate.length);
  assert.ok(text.lastIndexOf(showCursor) > text.lastIndexOf(hideCursor), 'the cursor is visible');
  return stripVTControlCharacters(after);
}

test('shows what is seen until `until`, then leaves the last frame once', async () => {
  let answer: readonly ClusterStatus[] = [samples.rolling];
  const { terminal, clock, live } = start({
    poll: async () => answer,
    until: ([status]) => status?.phase === 'converged',
    timeoutMs: 600_000,
  });
  await clock.pass(3000);
  assert.match(terminal.written(), /rolling/);
  // From the top, wherever the cursor was: a frame that grows must not scroll.
  const [, opened = ''] = terminal.written().split(enterAlternate);
  const before = opened.slice(0, opened.indexOf('three-brokers'));
  assert.not.match(before.slice(before.indexOf(cursorHome)), '\n');
  assert.ok(before.includes(cursorHome));
  answer = [samples.converged];
  await clock.pass(2000);
  assert.equal(await live, { reason: 'until', last: answer });
  const frame = remains(terminal.written());
  assert.is(frame.split('three-brokers').length, 2);
  assert.match(frame, /^● three-brokers {2}converged {2}3 of 3 brokers ready\n/);
  assert.ok(frame.endsWith('topic orders created\n'));
  assert.is(clock.pending(), 0, 'no timer is left');
});

test('says who leads where others stand by, and forgets it when nobody answers', async () => {
  let words: string | undefined = 'Scheduler a:1 leads; 1 other stands by.';
  const poll = async () => {
    if (words === undefined) throw new Error('nobody answers');
    return [samples.rolling];
  };
  const frameOf = (text: string) => stripVTControlCharacters(text.slice(text.lastIndexOf(cursorHome)));
  const { terminal, clock, live } = start({ poll, footer: () => words });
  await clock.pass(1_000);
  assert.match(frameOf(terminal.written()), 'Scheduler a:1 leads; 1 other stands by.');
  words = 'Scheduler b:2 leads; 1 other stands by.';
  await clock.pass(2_000);
  assert.match(terminal.written(), 'b:2 leads');
  const told = words;
  words = undefined;
  await clock.pass(2_000);
  // Only what changed is drawn: the same words are drawn again only if they were gone.
  words = told;
  const before = terminal.written().length;
  await clock.pass(2_000);
  assert.match(terminal.written().slice(before), 'b:2 leads');
  process.emit('SIGINT');
  await live;
});

test('does not open the screen when the first answer ends it', async () => {
  const { terminal, clock, live } = start({ poll: async () => [samples.converged], until: () => true });
  await clock.pass(0);
  assert.is((await live).reason, 'until');
  assert.not.ok(terminal.written().includes(enterAlternate));
  assert.is(stripVTControlCharacters(terminal.written()).split('three-brokers').length, 2);
});

test('ends at the time-out with the last statuses', async () => {
  const { terminal, clock, live } = start({ timeoutMs: 5000 });
  await clock.pass(5000);
  assert.equal(await live, { reason: 'timeout', last: [samples.rolling] });
  assert.match(remains(terminal.written()), /rolling/);
});

test('SIGINT detaches', async () => {
  const { terminal, clock, live } = start({});
  await clock.pass(1000);
  process.emit('SIGINT');
  assert.equal(await live, { reason: 'interrupted', last: [samples.rolling] });
  remains(terminal.written());
});

for (const [name, key] of [
  ['Ctrl-C', '\u0003'],
  ['q', 'q'],
] as const) {
  test(`${name} detaches, and the keyboard is given back`, async () => {
    const modes: boolean[] = [];
    const keyboard = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (mode: boolean) => void modes.push(mode),
      ref() {},
      unref() {},
    });
    const { terminal, clock, live } = start({ stdin: keyboard as unknown as NodeJS.ReadStream });
    await clock.pass(1000);
    assert.match(terminal.written(), /Ctrl-C leaves this view/);
    keyboard.write(key);
    assert.equal(await live, { reason: 'interrupted', last: [samples.rolling] });
    assert.equal(modes, [true, false]);
    assert.not.match(remains(terminal.written()), /Ctrl-C/);
  });
}

test('a scheduler that does not answer is told over its last word, and that it is back', async () => {
  let isUp = true;
  let isHanging = false;
  const poll = async () => {
    if (isHanging) await new Promise(() => {});
    if (isUp) return [samples.converged];
    throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:7070'), { remedy: 'start it' });
  };
  const { terminal, clock, live } = start({ poll, lostAfterMs: 15_000, quietMs: 5_000 });
  await clock.pass(1000);
  isUp = false;
  await clock.pass(3000);
  assert.not.match(terminal.written(), /has not answered/);
  await clock.pass(4000);
  const text = stripVTControlCharacters(terminal.written());
  assert.match(text, /! The scheduler has not answered for 5s: connect ECONNREFUSED 127\.0\.0\.1:7070/);
  assert.match(text, /→ start it/);
  isUp = true;
  await clock.pass(2000);
  isHanging = true;
  await clock.pass(16_000);
  assert.equal(await live, { reason: 'lost', last: [samples.converged] });
  const frame = remains(terminal.written());
  // Of the outage that is over nothing is left.
  assert.match(frame, /has not answered for 15s\n/);
  assert.match(frame, /● three-brokers {2}converged/);
});

test('what was waited for may come by time alone, but not while nobody answers', async () => {
  for (const [isAway, reason] of [
    [false, 'until'],
    [true, 'timeout'],
  ] as const) {
    const { clock, live } = start({
      looks: async function* () {
        yield { kind: 'statuses', statuses: [samples.held] } as const;
        if (isAway) yield { kind: 'away', error: new Error('it restarts') } as const;
        await new Promise(() => {});
      },
      until: () => clock.nowMs() >= noonMs + 3000,
      timeoutMs: 5000,
    });
    await clock.pass(5000);
    assert.is((await live).reason, reason);
  }
});

test('a scheduler of which nothing is heard does not stop the clock', async () => {
  const { terminal, clock, live } = start({ poll: () => new Promise(() => {}), lostAfterMs: 8000 });
  await clock.pass(8000);
  assert.equal(await live, { reason: 'lost', last: [] });
  assert.match(stripVTControlCharacters(terminal.written()), /The scheduler has not answered for 5s/);
});

test('shows and judges only the clusters named, and says which are missing', async () => {
  const others = { ...samples.converged, name: 'unrelated' };
  const seen: string[][] = [];
  const { terminal, clock, live } = start({
    poll: async () => [others, samples.rolling],
    clusterNames: ['three-brokers', 'typo'],
    until: (statuses) => {
      seen.push(statuses.map(({ name }) => name));
      return false;
    },
    timeoutMs: 2000,
  });
  await clock.pass(2000);
  assert.equal((await live).last, [samples.rolling]);
  assert.ok(seen.length > 0 && seen.every((names) => names.join() === 'three-brokers'));
  const frame = remains(terminal.written());
  assert.match(frame, /! The scheduler knows no cluster named typo/);
  assert.not.match(frame, /unrelated/);
});

test('an error in `until` ends the view and is passed on, the terminal restored', async () => {
  const { terminal, clock, live } = start({
    until() {
      throw new Error('planted');
    },
  });
  const failed = live.then(
    () => undefined,
    (error: Error) => error.message,
  );
  await clock.pass(1000);
  assert.is(await failed, 'planted');
  assert.ok(terminal.written().lastIndexOf(leaveAlternate) >= terminal.written().lastIndexOf(enterAlternate));
});

test('draws in the new size after a resize', async () => {
  const { terminal, clock, live } = start({ timeoutMs: 4000, poll: async () => [samples.thousand] });
  await clock.pass(1000);
  const before = terminal.written().length;
  terminal.resize(50, 12);
  await clock.pass(1000);
  assert.match(stripVTControlCharacters(terminal.written().slice(before)), /996 of 1000 broke…/);
  await clock.pass(2000);
  await live;
  const lines = remains(terminal.written()).trimEnd().split('\n');
  assert.ok(lines.length < 12);
  for (const line of lines) assert.ok(line.length < 50, line);
});

test('a second that changes one countdown rewrites little of a thousand brokers', async () => {
  const { terminal, clock, live } = start(
    { poll: async () => [samples.thousand], timeoutMs: 5000 },
    fakeTerminal(200, 50),
  );
  await clock.pass(1500);
  const before = terminal.written().length;
  await clock.pass(2000);
  const redrawn = stripVTControlCharacters(terminal.written().slice(before));
  assert.ok(redrawn.length > 0 && redrawn.length < 1000, `${redrawn.length} characters`);
  assert.not.match(redrawn, /ip-10-0-0-5 /);
  await clock.pass(2000);
  await live;
});

test('without a terminal it prints the last frame only', async () => {
  const { terminal, clock, live } = start({ timeoutMs: 3000 }, fakeTerminal(80, 24, false));
  await clock.pass(3000);
  await live;
  assert.is(stripVTControlCharacters(terminal.written()), terminal.written());
  assert.is(terminal.written().split('three-brokers').length, 2);
});

test('in a locale without UTF-8 it draws ASCII', async () => {
  const { terminal, clock, live } = start({ timeoutMs: 1000, environment: { LANG: 'C', NO_COLOR: '1' } });
  await clock.pass(1000);
  await live;
  assert.match(remains(terminal.written()), /^[\x20-\x7e\n]*$/);
});

test.run();
