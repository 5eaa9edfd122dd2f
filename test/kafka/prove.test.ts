import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { topicEnds } from '../../src/kafka/prove.ts';
import { createVirtualClock } from '../mesos/virtual-clock.ts';

const moved = Object.assign(new Error('This server is not the leader'), { retriable: true });
const ends = [{ partition: 0, offset: '7', high: '7', low: '0' }];

/** Clients that answer in turn, and how many of them were opened and are open. */
function clients(...answers: (typeof ends | Error)[]) {
  let opened = 0;
  let open = 0;
  return {
    opened: () => opened,
    open: () => open,
    next: () => {
      const answer = answers[opened];
      opened += 1;
      return {
        connect: async () => {
          open += 1;
        },
        disconnect: async () => {
          open -= 1;
        },
        fetchTopicOffsets: async () => {
          if (answer === undefined || answer instanceof Error) throw answer ?? new Error('not asked for');
          return answer;
        },
      };
    },
  };
}

test('where a leader has moved, another client is asked, until it is too late', async () => {
  const clock = createVirtualClock();
  const asked = clients(moved, moved, ends);
  const found = topicEnds(asked.next, 'events', clock, () => false);
  for (let round = 0; round < 3; round += 1) {
    await new Promise(setImmediate);
    clock.advance(500);
  }
  assert.equal(await found, ends);
  assert.equal([asked.opened(), asked.open()], [3, 0]);

  const late = clients(moved);
  await topicEnds(late.next, 'events', clock, () => true).then(
    () => assert.unreachable(),
    (error) => assert.is(error, moved),
  );
  assert.equal([late.opened(), late.open()], [1, 0]);
});

test('what no other client mends is told at once', async () => {
  const unknown = new Error('no such topic');
  const asked = clients(unknown);
  await topicEnds(asked.next, 'events', createVirtualClock(), () => false).then(
    () => assert.unreachable(),
    (error) => assert.is(error, unknown),
  );
  assert.equal([asked.opened(), asked.open()], [1, 0]);
});

test.run();
