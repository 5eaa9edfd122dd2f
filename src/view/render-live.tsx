import { type Instance, render } from 'ink';
import type { ClusterStatus } from '../model/status.ts';
import { formatDuration } from './format.ts';
import { type Layout, layoutScreen, type Screen } from './layout.ts';
import { Frame, frameSize, LiveView } from './live-view.tsx';
import { type Environment, speaksUnicode, wantsColor } from './terminal.ts';
import { turnKey, type ViewState } from './view-state.ts';

export type LiveOptions = {
  /** What is seen, as it changes; ends with `signal`. A rejection ends the view and is passed on. */
  readonly looks: (signal: AbortSignal) => AsyncIterable<LiveLook>;
  /** Longer silence than this of a scheduler that is not known to be away is told; 30 seconds unless told. */
  readonly quietMs?: number;
  readonly stdout: NodeJS.WriteStream;
  /** Where Ctrl-C and q are read, if it is a terminal; SIGINT leaves in any case. */
  readonly stdin?: NodeJS.ReadStream;
  /** Shows and judges only these; all otherwise. */
  readonly clusterNames?: readonly string[];
  /** Asked about each answer; ends the view by returning true. */
  readonly until?: (statuses: readonly ClusterStatus[]) => boolean;
  /** Ends the view after this long. */
  readonly timeoutMs?: number;
  /** Ends the view when nothing has answered for this long; 60 seconds unless told. */
  readonly lostAfterMs?: number;
  readonly clock: LiveClock;
  /** `process.env` unless told; NO_COLOR, FORCE_COLOR, TERM and the locale are looked at. */
  readonly environment?: Environment;
};

export type LiveLook =
  | {
      readonly kind: 'statuses';
      readonly statuses: readonly ClusterStatus[];
      /** Who leads, say; a line below everything. */
      readonly footer?: string | undefined;
    }
  /** Nothing has changed, and who is asked is there. */
  | { readonly kind: 'still' }
  /** Its `remedy`, if it has one, is shown too. */
  | { readonly kind: 'away'; readonly error: Error };

/** As `Clock` of `sys`. */
export type LiveClock = {
  nowMs(): number;
  setTimer(delayMs: number, fire: () => void): { cancel(): void };
};

export type LiveEnd = {
  readonly reason: 'until' | 'timeout' | 'interrupted' | 'lost';
  /** The last answer, of the clusters named; empty when there was none. */
  readonly last: readonly ClusterStatus[];
};

/**
 * Shows the clusters until `until`, the time-out, Ctrl-C, or a scheduler that does not answer for long.
 * Only looks on: ending it changes nothing. It draws on the terminal's alternate screen, so that
 * resizing leaves no pieces of old frames behind; the last frame then stays, once, where the cursor was.
 * Where `stdout` is no terminal only that last frame is printed.
 */
export async function renderLive(options: LiveOptions): Promise<LiveEnd> {
  const { stdout, clock } = options;
  const environment = options.environment ?? process.env;
  const color = wantsColor(environment, stdout.isTTY === true);
  const unicode = speaksUnicode(environment);
  const readsKeys = options.stdin?.isTTY === true;
  const startedAtMs = clock.nowMs();
  const lostAfterMs = options.lostAfterMs ?? 60_000;

  let last: readonly ClusterStatus[] = [];
  let heardAtMs: number | undefined;
  let away: { readonly sinceMs: number; readonly error: Error } | undefined;
  let footer: string | undefined;
  let view: ViewState = {};

  const layoutNow = (): Omit<Layout, 'width' | 'height'> => {
    const nowMs = clock.nowMs();
    return { nowMs, unicode, utcOffsetMinutes: -new Date(nowMs).getTimezoneOffset() };
  };
  const silentMs = () => clock.nowMs() - (away?.sinceMs ?? heardAtMs ?? startedAtMs);
  const screenNow = (below: readonly string[] = []): Screen => {
    const notice = noticeOf({
      silentMs: silentMs(),
      hasAnswered: heardAtMs !== undefined,
      patienceMs: away === undefined && heardAtMs !== undefined ? (options.quietMs ?? 30_000) : patienceMs,
      failure: away?.error,
      missing: (options.clusterNames ?? []).filter((name) => !last.some((status) => status.name === name)),
      isEmpty: last.length === 0,
    });
    return { clusters: last, view, ...(notice && { notice }), ...(below.length > 0 && { footer: below }) };
  };

  const ended = Promise.withResolvers<LiveEnd['reason']>();
  let isOver = false;
  const finish = (reason: LiveEnd['reason']) => {
    isOver = true;
    ended.resolve(reason);
  };
  const leave = () => finish('interrupted');

  // Opened by the first draw: where the first answer already ends it, the screen does not flash.
  let ink: Instance | undefined;
  const draw = () => {
    if (isOver || stdout.isTTY !== true) return;
    const element = (
      <LiveView
        screen={screenNow(footerOf(footer, readsKeys))}
        layout={layoutNow()}
        color={color}
        readsKeys={readsKeys}
        onLeave={leave}
        onKey={(key) => {
          view = turnKey(view, key, last);
          draw();
        }}
      />
    );
    if (ink !== undefined) {
      ink.rerender(element);
      return;
    }
    ink = render(null, {
      stdout,
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
      interactive: true,
      exitOnCtrlC: false,
      alternateScreen: true,
      incrementalRendering: true,
    });
    ink.waitUntilExit().catch(ended.reject);
    // The alternate screen is entered where the cursor was; a frame that grows from there would scroll.
    stdout.write(cursorHome);
    ink.rerender(element);
  };

  const timers = new Set<{ cancel(): void }>();
  const after = (delayMs: number, fire: () => void) => {
    const timer = clock.setTimer(delayMs, () => {
      timers.delete(timer);
      if (!isOver) fire();
    });
    timers.add(timer);
  };
  const judge = () => {
    try {
      if (heardAtMs !== undefined && options.until?.(last)) finish('until');
    } catch (error) {
      ended.reject(error);
    }
  };
  const take = (look: LiveLook) => {
    if (look.kind === 'away') {
      away = {
        sinceMs: away?.sinceMs ?? (heardAtMs === undefined ? startedAtMs : clock.nowMs()),
        error: look.error,
      };
      footer = undefined;
      return;
    }
    away = undefined;
    if (look.kind === 'statuses') {
      last = ofInterest(look.statuses, options.clusterNames);
      footer = look.footer;
    }
    heardAtMs = clock.nowMs();
    judge();
  };
  const leaving = new AbortController();
  const looking = async () => {
    for await (const look of options.looks(leaving.signal)) {
      if (isOver) return;
      take(look);
      draw();
    }
  };
  // Countdowns go on, and silence is noticed, whether or not anything is heard; what is waited for may come by time alone.
  const tick = () => {
    if (silentMs() >= lostAfterMs) finish('lost');
    // What was seen last may not be so any more while nobody says anything.
    if (away === undefined) judge();
    draw();
    after(1000, tick);
  };

  process.on('SIGINT', leave);
  try {
    if (options.timeoutMs !== undefined) after(options.timeoutMs, () => finish('timeout'));
    after(1000, tick);
    looking().catch(ended.reject);
    return { reason: await ended.promise, last };
  } finally {
    isOver = true;
    leaving.abort();
    for (const timer of timers) timer.cancel();
    process.off('SIGINT', leave);
    ink?.unmount();
    await ink?.waitUntilExit();
    await printScreen(screenNow(), layoutNow(), color, stdout);
  }
}

/** Prints a frame once, as high as the terminal at most, and leaves the cursor below it. */
async function printScreen(
  screen: Screen,
  layout: Omit<Layout, 'width' | 'height'>,
  color: boolean,
  stdout: NodeJS.WriteStream,
): Promise<void> {
  const size = frameSize(stdout.columns || 80, stdout.rows || 24);
  const ink = render(<Frame lines={layoutScreen(screen, { ...layout, ...size })} color={color} />, {
    stdout,
  });
  ink.unmount();
  await ink.waitUntilExit();
}

const cursorHome = '\u001b[H';

function footerOf(words: string | undefined, readsKeys: boolean): readonly string[] {
  return [
    ...(words === undefined ? [] : [words]),
    ...(readsKeys ? ['Ctrl-C leaves this view; the scheduler goes on. ? shows the keys.'] : []),
  ];
}

/** Silence shorter than this is not worth a word. */
const patienceMs = 5000;

function noticeOf(state: {
  readonly silentMs: number;
  readonly hasAnswered: boolean;
  readonly patienceMs: number;
  readonly failure: unknown;
  readonly missing: readonly string[];
  readonly isEmpty: boolean;
}): Screen['notice'] {
  const { silentMs, hasAnswered, failure, missing } = state;
  if (silentMs >= state.patienceMs) {
    const why = failure instanceof Error ? `: ${failure.message}` : '';
    const remedy = (failure as { remedy?: string } | undefined)?.remedy;
    return {
      message: `The scheduler has not answered for ${formatDuration(silentMs)}${why}`,
      remedy:
        remedy ??
        (hasAnswered
          ? 'Below is what it said last. See whether it runs; this view goes on when it answers.'
          : 'See whether it runs and listens at that address; this view goes on when it answers.'),
    };
  }
  if (!hasAnswered) return { message: 'Asking the scheduler' };
  if (missing.length > 0) {
    return {
      message: `The scheduler knows no cluster named ${missing.join(', ')}`,
      remedy: 'Apply its spec: kafka-mesos apply -f FILE',
    };
  }
  return state.isEmpty
    ? { message: 'The scheduler has no cluster', remedy: 'Apply a spec: kafka-mesos apply -f FILE' }
    : undefined;
}

function ofInterest(
  statuses: readonly ClusterStatus[],
  names: readonly string[] | undefined,
): readonly ClusterStatus[] {
  return names === undefined ? statuses : statuses.filter(({ name }) => names.includes(name));
}
