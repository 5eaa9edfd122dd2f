import { createTwoSchedulers, type Scheduler, sessionTimeoutMs } from '../e2e/two-schedulers.ts';
import { type Result, result } from './result.ts';

const rounds = 3;

/** How long nobody leads when the leader dies, over the time ZooKeeper waits before it believes that. */
export async function* measureTakeover(): AsyncIterable<Result> {
  const world = await createTwoSchedulers({ stubBrokers: 0 });
  const ours: number[] = [];
  try {
    let [leader, standby]: [Scheduler, Scheduler] = [world.one, world.two];
    leader.start();
    await world.leads(leader);
    standby.start();
    await world.standsBy(standby);
    for (let round = 0; round < rounds; round += 1) {
      const startedMs = performance.now();
      leader.process().kill('SIGKILL');
      // Leading is more than elected: store read, API switched over.
      await world.leads(standby);
      ours.push(performance.now() - startedMs);
      [leader, standby] = [standby, leader];
      standby.start();
      await world.standsBy(standby);
    }
  } finally {
    await world.close();
  }
  yield result({
    bench: 'takeover',
    aim: Number(((sessionTimeoutMs + 1_250) / sessionTimeoutMs).toFixed(3)),
    ours,
    reference: ours.map(() => sessionTimeoutMs),
    meaning:
      'from the SIGKILL of the leading scheduler to the other one leading, against the session timeout; the aim is that timeout, a tick and a second',
  });
}
