import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { boundPorts } from '../../src/plan/bound-ports.ts';
import { fitBroker, groupByAgent } from '../../src/plan/fit.ts';
import {
  artifacts,
  countUuids,
  framework,
  makeBroker,
  makeDesired,
  makeMemory,
  makeOffer,
  makePlacement,
  makeRecord,
  nowMs,
} from './builders.ts';

const bound = makeBroker(1);
const desired = makeDesired({ brokers: [bound] });

/** The first port that broker 4 is given on agent-9, when broker 1 is bound to 31000 on this host. */
function portOf(hostname: string): number | undefined {
  const placement = makePlacement('demo', bound, { agentId: hostname, firstPort: 31_000 });
  const memory = makeMemory(desired, [makeRecord(desired, bound, { placement })]);
  const [agent] = groupByAgent([makeOffer('agent-9')]);
  if (agent === undefined) return assert.unreachable() as never;
  const want = { clusterName: 'demo', broker: makeBroker(4, { roles: ['broker'] }), formatted: false };
  const fit = fitBroker(want, agent, {
    nowMs,
    frameworkName: framework.name,
    role: framework.role,
    newUuid: countUuids(),
    artifacts,
    giveNoFeedback: new Set(),
    boundPorts: boundPorts([memory]),
  });
  return fit.fits ? Math.min(...Object.values(fit.placement.ports)) : undefined;
}

test('a port that is bound to another broker is not given away, reserved or not', () => {
  assert.ok((portOf('agent-9') ?? 0) > 31_000);
  assert.is(portOf('agent-8'), 31_000);
});

test.run();
