import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { publicDynamic } from '../../src/plan/settings.ts';

test('of a secret that was set dynamically a label tells no more than that it was', () => {
  const set = { value: '8', applied: true };
  const secret = { value: 'hunter2', applied: true };
  assert.equal(publicDynamic({ 'num.io.threads': set, 'ssl.keystore.password': secret }), {
    'num.io.threads': set,
    'ssl.keystore.password': { value: null, applied: false },
  });
});

test.run();
