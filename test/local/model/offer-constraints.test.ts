/** Offer constraints beyond what scenario 23 shows. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { meetsConstraints, validateConstraints } from '../../../src/local/model/offer-constraints.ts';
import type { AttributeConstraint, OfferConstraints } from '../../../src/mesos/types.ts';

const agent = {
  hostname: 'agent-1',
  attributes: [
    { name: 'rack', type: 'TEXT' as const, text: { value: 'r1' } },
    { name: 'gen', type: 'SCALAR' as const, scalar: { value: 7 } },
  ],
  domain: { fault_domain: { region: { name: 'eu' }, zone: { name: 'eu-1' } } },
};

type Predicate = AttributeConstraint['predicate'];
const attribute = (attribute_name: string, predicate: Predicate) => ({
  selector: { attribute_name },
  predicate,
});
const constraints = (...groups: AttributeConstraint[][]): OfferConstraints => ({
  role_constraints: { kafka: { groups: groups.map((group) => ({ attribute_constraints: group })) } },
});
const meets = (...groups: AttributeConstraint[][]): boolean =>
  meetsConstraints(constraints(...groups), 'kafka', agent);

test('a group wants all, of the groups one is enough, another role is free', () => {
  const yes = attribute('rack', { text_equals: { value: 'r1' } });
  const no = attribute('rack', { text_equals: { value: 'r2' } });
  assert.equal([meets([yes, no]), meets([no], [yes]), meets([no])], [false, true, false]);
  assert.is(meetsConstraints(constraints([no]), 'other', agent), true);
  assert.is(meetsConstraints(undefined, 'kafka', agent), true);
});

test('what is missing meets every negation, what is no text meets every text', () => {
  const predicates: [Predicate, boolean, boolean][] = [
    [{ exists: {} }, false, true],
    [{ not_exists: {} }, true, false],
    [{ text_equals: { value: 'x' } }, false, true],
    [{ text_not_equals: { value: 'x' } }, true, true],
    [{ text_matches: { regex: 'x' } }, false, true],
    [{ text_not_matches: { regex: 'x' } }, true, true],
  ];
  for (const [predicate, missing, noText] of predicates) {
    const results = [meets([attribute('nope', predicate)]), meets([attribute('gen', predicate)])];
    assert.equal(results, [missing, noText], JSON.stringify(predicate));
  }
});

test('hostname, region and zone; a pattern is for the whole text', () => {
  const of = (pseudoattribute_type: 'HOSTNAME' | 'REGION' | 'ZONE', regex: string) =>
    meets([{ selector: { pseudoattribute_type }, predicate: { text_matches: { regex } } }]);
  assert.equal(
    [of('HOSTNAME', 'agent'), of('HOSTNAME', 'agent-[0-9]'), of('REGION', 'eu|us'), of('ZONE', 'eu')],
    [false, true, true, false],
  );
});

test('patterns that RE2 does not know are refused, as is a selector without anything', () => {
  for (const regex of ['(?=r)', '(?<!r)', '(r)\\1', '[']) {
    const invalid = validateConstraints(constraints([attribute('rack', { text_matches: { regex } })]), [
      'kafka',
    ]);
    assert.match(invalid ?? '', `Failed to construct regex from pattern '${regex}'`);
  }
  const bare = constraints([{ selector: {}, predicate: { exists: {} } }]);
  assert.match(validateConstraints(bare, ['kafka']) ?? '', 'Exactly one of');
});

test.run();
