/**
 * Which of the numbered scenarios of an HA framework a run went through, as the checkers saw it at the
 * ports: a scenario counts when its effect was observed, never because some code was run.
 */
export const items = {
  1: 'crash after ACCEPT: the next leader asks for the task that the one before launched',
  2: 'a launch that was taken and not acted on is asked about, and launched anew under another id',
  3: 'a repeated update is acknowledged again, and one of a task that no record has too',
  4: 'tasks are reconciled by name and all at once; a running task that no record has is killed',
  5: 'a question that Mesos is silent about is asked again, and answered when the agent is back',
  6: 'reconciliation is answered with the latest state, GONE, UNREACHABLE, GONE_BY_OPERATOR and UNKNOWN',
  7: 'a broker on an unreachable agent waits, and is relocated only after its time',
  8: 'a task comes back from an unreachable agent: kept, or killed when it was replaced',
  9: 'only FAILURE tells of an agent, and its tasks are asked about by name',
  10: 'TASK_LOST of an agent that was removed is taken as unreachable',
  11: 'a broker starts again on its volume after a reboot, under the same and under another agent id',
  12: 'DROPPED, ERROR and GONE_BY_OPERATOR end a task',
  13: 'a disconnection voids offers in hand',
  14: 'a rescind that crosses an ACCEPT, and one that overtakes its offer',
  15: 'a scheduler that lost its leadership ends: fenced, failed over, or not sure of its session',
  16: 'a store without the framework id is refused; a framework that was removed ends the scheduler, and another one takes its place by consent only',
  17: 'DECLINE, REVIVE and SUPPRESS',
  18: 'resources are reserved under labels, and nothing is left reserved twice',
  19: 'RESERVE went well and CREATE did not: resumed, not begun anew',
  20: 'the life of a volume: made, left, destroyed, unreserved, and forgotten when no offer has it any more',
  21: 'a MOUNT disk goes whole; a volume grows: its disk reserved first, tried again, and left as it is when Mesos does not do it',
  22: 'operation feedback is acknowledged, asked for, and not needed: it may be lost, or say that nothing was done',
  23: 'inverse offers are answered',
  24: 'a drained agent’s broker counts no failure and comes back',
  25: 'a KILL is repeated until the task has ended, while STAGING or STARTING too',
  26: 'an executor’s end alone changes nothing',
  27: 'the clock jumps while a broker waits for its agent',
  28: 'a broker that dies as soon as it runs backs off further each time',
  29: 'several launches from one batch of offers; what waits is told why',
  37: 'a broker leaves the spec: unregistered when it hosts nothing, its place given up, its record removed',
  38: 'a broker starts empty elsewhere, after its time or because an operator asked for it',
  40: 'a cluster is removed: stopped with its data kept, destroyed, formed anew under its name',
  asked:
    'an operator asks something of a broker: done once, kept over a crash, taken back, let go when its time is over',
  order: 'an update, or a call of an earlier subscription, is overtaken by a later one',
  beside: 'two clusters under one scheduler, each with a Kafka of its own',
} as const;

export type Item = keyof typeof items;

const allItems = Object.keys(items) as unknown as readonly Item[];

export type Coverage = {
  /** Parts of an item that all have to be seen: `saw(6, 'GONE')`. */
  saw(item: Item, part?: string): void;
  readonly seen: ReadonlyMap<string, number>;
};

export function createCoverage(): Coverage {
  const seen = new Map<string, number>();
  return {
    seen,
    saw(item, part = '') {
      const key = keyOf(item, part);
      seen.set(key, (seen.get(key) ?? 0) + 1);
    },
  };
}

/** The parts of the items that have several. */
export const parts: Readonly<Partial<Record<Item, readonly string[]>>> = {
  3: ['repeated', 'unknown task'],
  4: ['by name', 'all', 'stranger killed'],
  6: ['latest', 'GONE', 'UNREACHABLE', 'GONE_BY_OPERATOR', 'UNKNOWN'],
  7: ['waits', 'not while it serves', 'relocated'],
  8: ['kept', 'killed'],
  11: ['same id', 'another id'],
  12: ['DROPPED', 'ERROR', 'GONE_BY_OPERATOR'],
  14: ['crosses', 'overtakes'],
  15: ['fenced', 'failed over', 'session'],
  16: ['framework id lost', 'framework removed', 'registered anew'],
  17: ['decline', 'revive', 'suppress'],
  20: ['made', 'left', 'destroyed', 'unreserved', 'forgotten'],
  21: ['whole', 'reserved', 'grown', 'tried again', 'given up'],
  22: ['acknowledged', 'asked', 'not done', 'not heard'],
  25: ['repeated', 'while starting'],
  29: ['several', 'told why'],
  37: ['unregistered', 'record removed'],
  38: ['after its time', 'asked for'],
  40: ['data kept', 'destroyed', 'formed anew'],
  order: ['update', 'call'],
  asked: ['stop', 'pause', 'restart', 'replace', 'taken back', 'expired', 'over a crash', 'refused'],
};

export function keyOf(item: Item, part: string): string {
  return part === '' ? String(item) : `${item} ${part}`;
}

/** One row an item or part of one: how often it was seen. */
export function coverageRows(seen: ReadonlyMap<string, number>): readonly {
  readonly key: string;
  readonly count: number;
  readonly what: string;
}[] {
  return allItems.flatMap((item) =>
    (parts[item] ?? ['']).map((part) => ({
      key: keyOf(item, part),
      count: seen.get(keyOf(item, part)) ?? 0,
      what: items[item],
    })),
  );
}

export function mergeCounts<K>(into: Map<K, number>, from: ReadonlyMap<K, number>): void {
  for (const [key, count] of from) into.set(key, (into.get(key) ?? 0) + count);
}
