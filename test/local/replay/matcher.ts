/**
 * Pairs the recorded events of one connection with the model's, in order.
 *
 * N6 order: neighbours may have swapped where the real order hung on threads and sockets: a HEARTBEAT
 *    with anything, an OFFERS with an update of a task or an operation, updates of different tasks,
 *    two RESCINDs, an ACKNOWLEDGED with whatever the scheduler's side caused. All else keeps its order.
 * N7 times: an event may come up to `slackMs` earlier or later than recorded (timers of the real
 *    processes, scheduling); one that comes later than that, or never, is a failure.
 */
import { type Bindings, type Tolerance, unify } from './unify.ts';

type Timed = { readonly t: number; readonly body: unknown; readonly line: string };

export class Matcher {
  readonly #name: string;
  readonly #slackMs: number;
  readonly #tolerance: Tolerance;
  readonly #bindings: Bindings;
  readonly #recorded: Timed[] = [];
  readonly #actual: Timed[] = [];
  readonly failures: string[] = [];
  matched = 0;

  constructor(name: string, slackMs: number, tolerance: Tolerance, bindings: Bindings) {
    this.#name = name;
    this.#slackMs = slackMs;
    this.#tolerance = tolerance;
    this.#bindings = bindings;
  }

  recorded(t: number, body: unknown): void {
    this.#recorded.push({ t, body, line: `${t} ${JSON.stringify(body)}` });
    this.#match();
  }

  actual(t: number, body: unknown): void {
    this.#actual.push({ t, body, line: `${t} ${JSON.stringify(body)}` });
    this.#match();
  }

  /** The client hung up: what was on its way does not count. */
  forget(): void {
    this.#recorded.length = 0;
    this.#actual.length = 0;
  }

  /** Complains about everything that should have found its partner by `nowMs`. */
  check(nowMs: number): void {
    const [recorded, actual] = [this.#recorded[0], this.#actual[0]];
    if (recorded !== undefined && nowMs - recorded.t > this.#slackMs) {
      const why = this.#actual[0] === undefined ? '' : ` (${this.#difference(recorded, this.#actual[0])})`;
      this.failures.push(`${this.#name}: recorded but not seen: ${short(recorded.line)}${why}`);
      this.#recorded.shift();
    } else if (actual !== undefined && nowMs - actual.t > this.#slackMs) {
      this.failures.push(`${this.#name}: seen but not recorded: ${short(actual.line)}`);
      this.#actual.shift();
    }
  }

  get idle(): boolean {
    return this.#recorded.length === 0 && this.#actual.length === 0;
  }

  #match(): void {
    for (let progress = true; progress; ) {
      progress = this.#recorded.some(
        (one, at) => this.#mayOvertake(this.#recorded, at) && this.#pair(at, one),
      );
    }
  }

  #pair(at: number, recorded: Timed): boolean {
    for (const [index, actual] of this.#actual.entries()) {
      if (!this.#mayOvertake(this.#actual, index)) continue;
      if (Math.abs(actual.t - recorded.t) > this.#slackMs) continue;
      if (unify(recorded.body, actual.body, this.#bindings, this.#tolerance) !== undefined) continue;
      this.#recorded.splice(at, 1);
      this.#actual.splice(index, 1);
      this.matched += 1;
      return true;
    }
    return false;
  }

  #mayOvertake(queue: readonly Timed[], index: number): boolean {
    const one = queue[index];
    return one !== undefined && queue.slice(0, index).every((other) => maySwap(other.body, one.body));
  }

  #difference(recorded: Timed, actual: Timed): string {
    return short(
      unify(recorded.body, actual.body, new Map(this.#bindings), this.#tolerance) ?? 'times differ',
    );
  }
}

function short(text: string): string {
  return text.length > 1200 ? `${text.slice(0, 1200)}…` : text;
}

type Event = {
  readonly type?: string;
  readonly update?: { readonly status: { readonly task_id: { readonly value: string } } };
  readonly failure?: { readonly executor_id?: unknown };
};

function maySwap(one: unknown, other: unknown): boolean {
  const [a, b] = [one as Event, other as Event];
  const types = [a.type, b.type];
  const both = (first: string, second: string): boolean =>
    (types[0] === first && types[1] === second) || (types[0] === second && types[1] === first);
  if (types.includes('SUBSCRIBED') || types.includes('closed')) return false;
  if (types.includes('HEARTBEAT')) return true;
  if (both('OFFERS', 'UPDATE') || both('OFFERS', 'UPDATE_OPERATION_STATUS')) return true;
  if (both('RESCIND', 'RESCIND')) return true;
  if (both('UPDATE', 'UPDATE')) {
    return a.update?.status.task_id.value !== b.update?.status.task_id.value;
  }
  return types.includes('ACKNOWLEDGED') && !both('ACKNOWLEDGED', 'ACKNOWLEDGED');
}
