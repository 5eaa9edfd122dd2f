/**
 * The seeds that `npm test` runs, whatever else is drawn afresh. Together they meet every fault and scenario at least
 * twice, as far as there were any among many seeds, and the planted bugs are noticed within them.
 */
export const corpus: readonly number[] = [
  1, 2, 3, 7, 8, 17, 18, 181, 202, 207, 223, 239, 286, 292, 417, 522, 552, 560,
  // Each found something once: a voter that waits to stop, releases at silent agents, a disk marked gone, an old offer.
  105,
  141, 177, 258, 431, 30_005, 30_031,
];
