import type { Leader, Leadership } from '../model/leadership.ts';

/** Of the only process that there can be: the lock of a file store's directory keeps others out. */
export function createSoleLeadership(self: Leader): Leadership {
  let resigned = false;
  let tell: (why: string) => void = () => {};
  const lost = new Promise<string>((resolve) => {
    tell = resolve;
  });
  return {
    elected: async () => {},
    leader: async () => self,
    standbys: async () => 0,
    mayAct: () => !resigned,
    lost,
    async resign() {
      resigned = true;
      tell('it was given up');
    },
  };
}
