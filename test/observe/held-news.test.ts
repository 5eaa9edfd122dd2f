import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { foldHeld, type HeldNeed } from '../../src/observe/held-news.ts';

const need = (brokerId: number, changes: Partial<HeldNeed> = {}): HeldNeed => ({
  need: `start broker ${brokerId}`,
  reason: 'gave-up',
  brokerId,
  trouble: 'stalled',
  message: () => 'gave up',
  ...changes,
});
const words = (news: readonly { readonly message: string }[]): readonly string[] =>
  news.map((n) => n.message);

test('a need that waits for a person is told once, again for another reason, and when it goes on', () => {
  const first = foldHeld({}, [need(1), need(2, { trouble: undefined })]);
  assert.equal(first.news, [
    { brokerId: 1, severity: 'error', message: 'held: start broker 1', why: 'gave up' },
  ]);
  const again = foldHeld(first.told, [need(1)]);
  assert.equal(again, { told: first.told, news: [] });
  const other = foldHeld(first.told, [need(1, { reason: 'disk-full' })]);
  assert.equal(words(other.news), ['held: start broker 1']);
  // It waits still, if for no person: that is not the end of it.
  assert.equal(foldHeld(other.told, [need(1, { trouble: undefined })]).news, []);
  const free = foldHeld(other.told, []);
  assert.equal(free, {
    told: {},
    news: [{ brokerId: 1, severity: 'info', message: 'goes on: start broker 1' }],
  });
});

test('a long wait is a warning; a thousand of one reason are one piece of news', () => {
  const many = Array.from({ length: 1_000 }, (_, id) =>
    need(id, { reason: 'no-matching-offer', trouble: 'long', message: () => 'no offer fits' }),
  );
  const { told, news } = foldHeld({}, many);
  assert.equal(news, [
    { severity: 'warning', message: 'waits for long: start broker 0 and 999 more', why: 'no offer fits' },
  ]);
  assert.equal(words(foldHeld(told, many.slice(0, 1)).news), ['goes on: start broker 1 and 998 more']);
});

test('no more is remembered than a record takes', () => {
  const many = Array.from({ length: 5_000 }, (_, id) => need(id));
  assert.is(Object.keys(foldHeld({}, many).told).length, 2_000);
});

test.run();
