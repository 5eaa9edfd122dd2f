/** The seeds that `npm test` runs, whatever else is drawn afresh. */
export const corpus: readonly number[] = Array.from({ length: 60 }, (_, i) => i + 1);
