import { decodeSchedulerEvent, encodeSchedulerEvent } from '../../src/mesos/codec.ts';
import { createRecordDecoder, encodeRecord } from '../../src/mesos/record-io.ts';
import type { SchedulerEvent, Offer as WireOffer } from '../../src/mesos/types.ts';
import { plan } from '../../src/plan/plan.ts';
import { makeBroker, makeCluster, makeDesired, makeInput, makeOffer, makeSpec } from '../plan/builders.ts';
import { type Result, result } from './result.ts';

const rounds = 5;
const brokerCount = 1_000;
const agentCount = 2_000;
const offerCount = 10_000;

/** One pass that starts the 1,000 brokers of a formed cluster on offers of 2,000 agents. */
export async function* measurePlan(): AsyncIterable<Result> {
  const brokers = Array.from({ length: brokerCount }, (_, id) =>
    makeBroker(id, { roles: id < 3 ? ['broker', 'controller'] : ['broker'] }),
  );
  const offers = Array.from({ length: agentCount }, (_, index) =>
    makeOffer(`agent-${String(index).padStart(4, '0')}`),
  );
  const passMs = (brokerLimit: number, agentLimit: number): number => {
    const desired = makeDesired({ brokers: brokers.slice(0, brokerLimit) });
    const input = makeInput(
      [{ spec: makeSpec(desired), cluster: makeCluster(desired), brokers: new Map() }],
      { mesos: { offers: offers.slice(0, agentLimit) } },
    );
    const startedMs = performance.now();
    const made = plan(input);
    const ms = performance.now() - startedMs;
    const launches = made.steps.filter(({ action }) => action.kind === 'broker').length;
    if (launches < brokerLimit - 3) throw new Error(`it planned ${launches} launches`);
    return ms;
  };
  const ours: number[] = [];
  const tenth: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    tenth.push(passMs(brokerCount / 10, agentCount / 10));
    ours.push(passMs(brokerCount, agentCount));
  }
  yield result({
    bench: 'plan',
    ours,
    reference: tenth,
    meaning: `plan() of a pass that places ${brokerCount} brokers on offers of ${agentCount} agents against a tenth of both: 10 is linear, 100 quadratic`,
  });
}

/** What the wire costs: an OFFERS event of 10,000 offers as the master sends it, in chunks of a socket. */
export async function* measureDecode(): AsyncIterable<Result> {
  const event: SchedulerEvent = {
    type: 'OFFERS',
    offers: { offers: Array.from({ length: offerCount }, (_, index) => wireOffer(index)) },
  };
  const record = encodeRecord(encodeSchedulerEvent(event));
  const json = JSON.stringify(event);
  const ours: number[] = [];
  const reference: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    let startedMs = performance.now();
    const decoder = createRecordDecoder();
    let seen = 0;
    for (let at = 0; at < record.length; at += 65_536) {
      for (const bytes of decoder.push(record.subarray(at, at + 65_536))) {
        const decoded = decodeSchedulerEvent(bytes);
        if (decoded.type === 'OFFERS') seen += decoded.offers.offers?.length ?? 0;
      }
    }
    ours.push(performance.now() - startedMs);
    if (seen !== offerCount) throw new Error(`${seen} offers came through`);
    startedMs = performance.now();
    JSON.parse(json);
    reference.push(performance.now() - startedMs);
  }
  yield result({
    bench: 'decode',
    ours,
    reference,
    meaning: `${offerCount} offers in one event, RecordIO and protobuf (${record.length} bytes, checked) against JSON.parse of the same (${json.length} bytes, unchecked)`,
  });
}

function wireOffer(index: number): WireOffer {
  const scalar = (name: string, value: number) => ({ name, type: 'SCALAR' as const, scalar: { value } });
  return {
    id: { value: `O${index}` },
    framework_id: { value: 'F' },
    agent_id: { value: `S${index}` },
    hostname: `agent-${index}.example.org`,
    attributes: [{ name: 'rack', type: 'TEXT', text: { value: `r${index % 3}` } }],
    allocation_info: { role: 'kafka' },
    resources: [
      scalar('cpus', 4),
      scalar('mem', 16_384),
      scalar('disk', 100_000),
      { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31_000, end: 32_000 }] } },
    ],
  };
}
