/** The steps that start what was matched: one ACCEPT an agent, with what goes before a LAUNCH. */
import type { ArtifactCatalog, Moment, ObservedMesos } from '../model/observed.ts';
import { takenForOver } from '../model/old-home.ts';
import type { Step } from '../model/plan.ts';
import type { BrokerRecord, ClusterRecord, SpecRecord } from '../model/records.ts';
import type { AgentOffers, Fit, FitContext } from './fit.ts';
import { growStep } from './growth.ts';
import { askedBy } from './intents.ts';
import { type AcceptCall, buildLaunch } from './launch.ts';
import { kafkaArtifact, type Need } from './need.ts';
import { isOrMayBeFormatted, leavePlace } from './owned.ts';
import type { Board } from './placement.ts';

export type LaunchNeed = Extract<Need, { kind: 'launch' }>;

export type PlacementContext = FitContext &
  Moment &
  Pick<ObservedMesos, 'conversions'> & { readonly artifacts: ArtifactCatalog };

export type Bound = {
  readonly need: LaunchNeed;
  readonly agent: AgentOffers;
  readonly fit: Extract<Fit, { fits: true }>;
};

/**
 * An ACCEPT uses an agent's offers up, so what starts on one agent goes out in one: all records of these
 * brokers are stored before it. Only brokers of one cluster, whose steps stand and fall together.
 */
export function launchSteps(
  spec: SpecRecord,
  bound: readonly Bound[],
  cluster: ClusterRecord,
  board: Board,
  context: PlacementContext,
): readonly Step[] {
  return [...Map.groupBy(bound, (b) => b.agent.agentId)].flatMap(([agentId, group]) => {
    board.agents.splice(
      board.agents.findIndex((a) => a.agentId === agentId),
      1,
    );
    const launches = group.map((b) => startStep(spec, b, cluster, context));
    const operations = launches.flatMap((l) => l.call.operations);
    return launches.map(({ step, record, call }, index): Step => {
      const isLast = index === launches.length - 1;
      return {
        ...step,
        action: { kind: 'broker', record, ...(isLast ? { call: { ...call, operations } } : {}) },
      };
    });
  });
}

type StartStep = {
  readonly step: Omit<Step, 'action'>;
  readonly record: BrokerRecord;
  readonly call: AcceptCall;
};

/** A start, or what its volume needs before it. */
function startStep(
  spec: SpecRecord,
  bound: Bound,
  cluster: ClusterRecord,
  context: PlacementContext,
): StartStep {
  const { need, agent, fit } = bound;
  if (fit.growth === undefined) {
    return launchStep(spec, bound, cluster, context);
  }
  const { action, ...step } = growStep(
    spec.desired.name,
    need.broker,
    { ...need.record, placement: fit.placement },
    agent.hostname,
    spec.revision,
    context.nowMs,
  );
  return {
    step,
    record: action.record,
    call: { kind: 'accept', offerIds: agent.offerIds, operations: fit.growth, refuseSeconds: 1 },
  };
}

function launchStep(
  { desired, revision }: SpecRecord,
  { need, agent, fit }: Bound,
  cluster: ClusterRecord,
  context: PlacementContext,
): StartStep {
  const kafka = kafkaArtifact(desired, context.artifacts) ?? { uri: '', sha512: '' };
  // After a relocation nothing of the old disk may be expected on the new one.
  const base = need.relocate ? leavePlace(need.record, 'relocated', context.nowMs) : need.record;
  const { record, call } = buildLaunch({
    ...context,
    desired,
    revision,
    broker: need.broker,
    // What it supersedes was never seen to end.
    record: need.relocate || base.task === undefined ? base : takenForOver(base),
    cluster,
    agent,
    fit,
    kafka,
    ...(need.finds === undefined ? {} : { finds: need.finds }),
  });
  const rack = fit.placement.rack === undefined ? '' : `, rack ${fit.placement.rack}`;
  return {
    step: {
      mark: '+',
      what: `start broker ${need.broker.id} on ${agent.hostname}${rack}`,
      why: [need.relocate ? relocateReason(need.record) : startReason(need)],
      clusterName: desired.name,
      brokerId: need.broker.id,
    },
    record,
    call,
  };
}

function relocateReason({ placement, intent }: BrokerRecord): string {
  if (intent?.kind === 'replace') {
    return `replacement ${askedBy(intent)}`;
  }
  return placement?.volumes[0]?.kind === 'sandbox'
    ? 'its sandbox went with its task: it starts empty'
    : `relocated: its disk on ${placement?.hostname ?? 'no agent'} did not come back in time`;
}

function startReason(need: LaunchNeed): string {
  if (need.finds === true) {
    return 'its newest data may be here: it starts only if its replicas are found';
  }
  if (need.isBackFrom !== undefined) {
    return `back on its old disk, which has its data; it never served on ${need.isBackFrom}`;
  }
  if (need.record.launches === 0) {
    return 'the spec has it and it does not run yet';
  }
  const here = isOrMayBeFormatted(need.record) ? 'its data is here' : 'its place is here';
  return need.record.last === undefined
    ? here
    : `${here}; ${need.record.last.ordered ? 'it was stopped' : 'it ended'} (${need.record.last.message ?? need.record.last.state})`;
}
