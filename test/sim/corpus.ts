/** The seeds that `npm test` runs, whatever else is drawn afresh. Together they meet every fault and scenario. */
export const corpus: readonly number[] = [
  ...Array.from({ length: 50 }, (_, i) => i + 1),
  // A task that was marked gone is asked about.
  75,
  97,
];
