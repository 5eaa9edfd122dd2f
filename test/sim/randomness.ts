/** One seed, many named streams: a new one takes nothing from the others. */
import { createSeededRandom, type Random } from '../../src/sys/random.ts';

export type Dice = Random & {
  /** Whole, from `low` up to and without `high`. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T | undefined;
};

export function createDice(seed: number, name: string): Dice {
  let mixed = 0x811c9dc5 ^ (seed >>> 0);
  for (let i = 0; i < name.length; i += 1) {
    mixed = Math.imul(mixed ^ name.charCodeAt(i), 0x01000193);
  }
  // Neighbouring seeds must not give neighbouring streams.
  const random = createSeededRandom(createSeededRandom(mixed >>> 0).next() * 2 ** 32);
  return {
    ...random,
    between: (low, high) => low + Math.floor(random.next() * (high - low)),
    chance: (probability) => random.next() < probability,
    pick: (list) => list[Math.floor(random.next() * list.length)],
  };
}
