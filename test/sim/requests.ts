/** What a person asks of single brokers, beside the spec: of whoever leads, and not twice when the answer is lost. */
import type { IntentBody } from '../../src/model/api.ts';
import { ConflictError } from '../../src/model/errors.ts';
import type { BrokerIntent } from '../../src/model/records.ts';
import type { VirtualClock } from './clock.ts';
import type { Direction } from './directions.ts';
import type { Operator } from './operator.ts';
import type { Dice } from './randomness.ts';
import type { Schedulers } from './schedulers.ts';
import { brokerRecords, type Truth } from './truth.ts';

export type Requests = {
  begin(untilMs: number): void;
  /** From now on what stands and ends by nothing else is taken back. */
  end(): void;
  /** Nothing stands any more but restarts. */
  isDone(): boolean;
  /** Somebody may be writing just now what is asked of this broker. */
  isOpen(clusterName: string, brokerId: number): boolean;
};

export function createRequests(deps: {
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly schedulers: Schedulers;
  readonly operator: Operator;
  readonly truth: Truth;
  readonly refused: () => void;
  /** What is asked first. */
  readonly directed?: Direction['asks'];
  readonly note: (line: string) => void;
}): Requests {
  const { clock, dice, schedulers, operator, truth, note } = deps;
  const open = new Set<{ readonly key: string; readonly isDead: () => boolean }>();
  let authors = 0;
  const forced = [...(deps.directed ?? [])];

  function ask(clusterName: string, brokerId: number, request: IntentBody | undefined): void {
    const leader = schedulers.leader();
    const reconciler = leader?.reconciler();
    if (leader === undefined || reconciler === undefined) return;
    note(`asked: ${request?.kind ?? 'nothing more'} of broker ${brokerId} of ${clusterName}`);
    const one = { key: `${clusterName}/${brokerId}`, isDead: leader.process.isDead };
    open.add(one);
    reconciler.setIntent(clusterName, brokerId, request).then(
      () => open.delete(one),
      (error: unknown) => {
        open.delete(one);
        if (error instanceof ConflictError && error.code === 'KM_CONFLICT_INTENT') deps.refused();
      },
    );
  }
  function askSomething(): void {
    const cluster = dice.pick(operator.wanted());
    const followers = cluster?.brokers.filter((b) => !b.roles.includes('controller')) ?? [];
    // Most requests are to brokers of which everything can be asked.
    const isFollower = followers.length > 0 && (dice.chance(0.6) || forced.length > 0);
    const broker = dice.pick(isFollower ? followers : (cluster?.brokers ?? []));
    if (cluster === undefined || broker === undefined) return;
    const kinds: readonly (BrokerIntent['kind'] | 'nothing')[] = [
      'restart',
      'restart',
      'stop',
      'pause',
      'replace',
      'nothing',
    ];
    const drawn = dice.pick(kinds) ?? 'nothing';
    const kind = forced.shift() ?? drawn;
    authors += 1;
    const isForAWhile = kind === 'stop' || kind === 'pause' ? dice.chance(0.6) : false;
    ask(
      cluster.name,
      broker.id,
      kind === 'nothing'
        ? undefined
        : {
            kind,
            author: `op-${authors}.`,
            ...(isForAWhile ? { expiresInMs: dice.between(60_000, 200_000) } : {}),
          },
    );
  }
  const standing = () =>
    brokerRecords(truth).filter(({ intent }) => intent !== undefined && intent.kind !== 'restart');
  function takeBack(): void {
    for (const { clusterName, id, intent } of standing()) {
      if (intent?.expiresAtMs === undefined) ask(clusterName, id, undefined);
    }
    clock.setTimer(5_000, takeBack);
  }
  return {
    begin(untilMs) {
      const times = Math.max(dice.between(0, 6), forced.length);
      for (let i = 0; i < times; i += 1) clock.setTimer(dice.between(20_000, untilMs), askSomething);
    },
    end: takeBack,
    isDone: () => standing().length === 0,
    isOpen: (clusterName, brokerId) =>
      [...open].some((one) => one.key === `${clusterName}/${brokerId}` && !one.isDead()),
  };
}
