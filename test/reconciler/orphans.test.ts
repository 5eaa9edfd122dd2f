import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { plan } from '../../src/plan/plan.ts';
import { createOrphans } from '../../src/reconciler/orphans.ts';
import { makeBroker, makeInput, makeOffer, makePlacement, reservedFor } from '../plan/builders.ts';

test('what an offer showed stays known when it is declined, until another of that agent shows otherwise', () => {
  const orphans = createOrphans();
  const broker = makeBroker(3);
  const extra = reservedFor('lost', broker, makePlacement('lost', broker));
  const see = (...offers: ReturnType<typeof makeOffer>[]): readonly string[] => {
    orphans.fold(plan(makeInput([], { mesos: { offers } })), offers, new Set());
    return orphans.current().map((h) => `${h.need}: ${h.message}`);
  };
  const held = see(makeOffer('agent-4', { extra }));
  assert.equal(held, [
    'release volume lost-3-data-i3 of broker 3: agent-4 has volume lost-3-data-i3 of ours, and the store has never heard of cluster lost',
  ]);
  assert.equal(see(), held);
  assert.equal(see(makeOffer('agent-5')), held);
  assert.equal(see(makeOffer('agent-4')), []);
});

test.run();
