/** `1 partition`, `3 partitions`: an amount in a sentence. */
export const count = (amount: number, one: string, many = `${one}s`): string =>
  `${amount} ${amount === 1 ? one : many}`;
