/** Applies specs until one scheduler has taken them, as a person or a pipeline would, and moves replicas off brokers that leave. */
import type { Desired } from '../../src/model/desired.ts';
import type { VirtualClock } from './clock.ts';
import type { KafkaModel } from './kafka-model.ts';
import type { Dice } from './randomness.ts';
import type { Schedulers } from './schedulers.ts';
import type { EditName, Workload } from './workload.ts';

export type Operator = {
  /** The first specs, and the edits of a while, at times of their own. */
  begin(untilMs: number): void;
  /** What is wanted in the end. */
  end(): void;
  wanted(): readonly Desired[];
  /** The specs wanted now are stored, and whoever applied them was told so. */
  isDone(): boolean;
};

export function createOperator(deps: {
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly schedulers: Schedulers;
  readonly workload: Workload;
  readonly kafkaOf: (clusterName: string) => KafkaModel | undefined;
  readonly edited: (what: EditName) => void;
  readonly note: (line: string) => void;
}): Operator {
  const { clock, dice, schedulers, workload, note } = deps;
  const wanted = new Map(workload.first.map((desired) => [desired.name, desired]));
  const revisions = new Map<string, number>();
  const undone = new Set<string>();
  let isAtTheEnd = false;

  function attempt(name: string, mine: number): void {
    const desired = wanted.get(name);
    if (mine !== revisions.get(name) || !undone.has(name) || desired === undefined) return;
    const reconciler = schedulers.leader()?.reconciler();
    let answered = false;
    const again = (): void => {
      if (!answered) clock.setTimer(dice.between(500, 3_000), () => attempt(name, mine));
      answered = true;
    };
    // Whoever was asked may be gone by now.
    clock.setTimer(10_000, again);
    reconciler?.apply([{ desired, digest: JSON.stringify(desired) }], 'sim').then(() => {
      if (mine === revisions.get(name)) undone.delete(name);
      answered = true;
    }, again);
  }
  function apply(desired: Desired): void {
    const { name } = desired;
    const revision = (revisions.get(name) ?? 0) + 1;
    wanted.set(name, desired);
    revisions.set(name, revision);
    undone.add(name);
    attempt(name, revision);
  }
  /** As with Kafka's own tool. Whoever removes brokers looks after their replicas until there are none. */
  function evacuate(): void {
    for (const desired of [...wanted.values()]) {
      const { name, brokers, deletion } = desired;
      const kafka = deps.kafkaOf(name);
      if (kafka === undefined || deletion !== undefined || kafka.view.quorumLeader() < 0) continue;
      const stays = new Set(brokers.map((b) => b.id));
      for (const { id } of kafka.view.registrations()) {
        if (!stays.has(id) && kafka.hostedBy(id).length > 0) {
          note(`replicas moved off broker ${id}`);
          kafka.evacuate(id, (other) => stays.has(other));
          // Nobody else has them: the remedy of `hosts-replicas` is to give the broker back.
          if (isAtTheEnd && kafka.strandedOn(id, (other) => stays.has(other))) {
            note(`broker ${id} of ${name} is given back`);
            apply(workload.last(desired, new Set([id])));
          }
        }
      }
    }
    clock.setTimer(dice.between(5_000, 60_000), evacuate);
  }
  return {
    wanted: () => [...wanted.values()],
    isDone: () => undone.size === 0,
    begin(untilMs) {
      for (const desired of workload.first) apply(desired);
      clock.setTimer(10_000, evacuate);
      const edits = Math.max(dice.between(1, 6), workload.editsDirected);
      for (let i = 0; i < edits; i += 1) {
        clock.setTimer(dice.between(12_000, untilMs), () => {
          const { what, desired } = workload.edit([...wanted.values()]);
          note(`edit: ${desired.name}: ${what}`);
          deps.edited(what);
          apply(desired);
        });
      }
    },
    end() {
      isAtTheEnd = true;
      for (const desired of [...wanted.values()]) {
        const kafka = deps.kafkaOf(desired.name);
        const hosts = kafka?.view.registrations().filter(({ id }) => kafka.hostedBy(id).length > 0) ?? [];
        apply(workload.last(desired, new Set(hosts.map(({ id }) => id))));
      }
    },
  };
}
