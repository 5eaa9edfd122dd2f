/** Held reasons in words: what is waited for, until when, and what would let it go on. */
import { count } from '../model/count.ts';
import { unreachable } from '../model/errors.ts';
import type { Held, HeldReason, OfferRejection } from '../model/plan.ts';
import type { HeldSummary, SeenOffer, Waiting } from '../model/status.ts';
import { diskRemedies } from './disks.ts';

type Words = {
  readonly message: string;
  readonly untilMs?: number;
  readonly remedy?: string;
  readonly details?: readonly string[];
};

/** `maxDetails`: how many agents' offers are told of. */
export function describeHeld(held: Held, maxDetails = 50): HeldSummary {
  const { message, untilMs, remedy, details } = describeReason(held, maxDetails);
  const offers = offersOf(held.reason, maxDetails);
  const silent = held.reason.kind === 'no-matching-offer' ? held.reason.silent : undefined;
  return {
    ...(held.brokerId === undefined ? {} : { brokerId: held.brokerId }),
    need: held.need,
    reason: held.reason.kind,
    message,
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(remedy === undefined ? {} : { remedy }),
    stalled: held.stalled,
    ...(held.sinceMs === undefined ? {} : { sinceMs: held.sinceMs }),
    details: details ?? [],
    ...(offers.length === 0 ? {} : { offers }),
    ...(silent === undefined ? {} : { silentAgents: silent }),
  };
}

export function waitingOf(summary: HeldSummary): Waiting {
  return {
    why: summary.message,
    ...(summary.untilMs === undefined ? {} : { untilMs: summary.untilMs }),
    ...(summary.remedy === undefined ? {} : { remedy: summary.remedy }),
    stalled: summary.stalled,
  };
}

function offersOf(reason: HeldReason, most: number): readonly SeenOffer[] {
  const rejections =
    reason.kind === 'no-matching-offer' || reason.kind === 'waiting-for-agent'
      ? (reason.rejections ?? [])
      : [];
  return rejections.slice(0, most).map(({ hostname, reasons, atMs }) => ({
    agent: hostname,
    ...(atMs === undefined ? {} : { atMs }),
    reasons,
  }));
}

function describeReason({ reason, brokerId, clusterName, need, stalled }: Held, maxDetails: number): Words {
  /** The command about this broker, to be copied as it stands. */
  const command = (verb: string): string =>
    `\`kafka-mesos ${verb} ${brokerId ?? 'ID'}${clusterName === '' ? '' : ` --cluster ${clusterName}`}\``;
  switch (reason.kind) {
    case 'no-matching-offer': {
      if (reason.rejections.length === 0) {
        return {
          message: `waits for an offer with ${reason.wanted}`,
          remedy:
            'Mesos offers nothing now; if that stays so, see whether agents are connected and have so much free, and whether a quota, a weight or a reservation keeps it from the role',
        };
      }
      const first = reason.rejections[0];
      const others = reason.rejections.length - 1;
      return {
        message: `no offer fits: ${first?.hostname}: ${first?.reasons.join('; ')}${others > 0 ? `; and ${others} more` : ''}`,
        remedy: `free or add an agent with ${reason.wanted} that meets the constraints, or want less in the spec`,
        details: rejectionLines(reason.rejections, maxDetails),
      };
    }
    case 'waiting-for-agent': {
      const { rejections = [] } = reason;
      const lately =
        rejections[0] === undefined
          ? ''
          : `; what it offered would not do: ${rejections[0].reasons.join('; ')}`;
      return {
        message: `waits for ${reason.hostname}, where its data is${reason.drained === true ? ' and which is drained' : ''}${lately}`,
        untilMs: reason.untilMs,
        details: rejectionLines(rejections, maxDetails),
        remedy: `${reason.drained === true ? `reactivate ${reason.hostname}` : `bring ${reason.hostname} back`}; ${afterwards(reason)}`,
      };
    }
    case 'agent-unreachable':
      return {
        message: `${reason.hostname} is unreachable and the broker may still serve there; ${
          reason.untilMs === undefined && reason.isToStop !== true
            ? 'Mesos is asked again how it is'
            : 'it is waited for'
        }`,
        ...(reason.untilMs === undefined ? {} : { untilMs: reason.untilMs }),
        remedy: `bring ${reason.hostname} back; ${reason.isToStop === true ? 'it is stopped then' : afterwards(reason)}${
          reason.isDeleted === undefined
            ? ''
            : `; should it be lost for good, ${markGone}${reason.isDeleted === 'destroy' ? `, or ${abandon}` : ''}`
        }`,
      };
    case 'backing-off':
      return {
        message: `backs off after ${count(reason.failures, 'failure')} in a row: ${reason.last}`,
        untilMs: reason.untilMs,
        remedy:
          reason.isHalfDone === true
            ? 'it goes on by itself; if that stays so, see whether role and principal may reserve resources and create volumes'
            : `${causeRemedy(reason.last) ?? `see its log by ${command('logs')}`}; a changed spec or ${command('broker start')} is tried at once`,
      };
    case 'disk-full':
    case 'disk-failed':
      return {
        message: reason.detail,
        untilMs: reason.untilMs,
        remedy: `${diskRemedies[reason.kind]}; a changed spec or ${command('broker start')} is tried at once`,
      };
    case 'disk-offline':
      return { message: `is not restarted while ${reason.detail}`, remedy: diskRemedies['disk-failed'] };
    case 'refused-by-mesos':
      return {
        message: `Mesos refuses the task: ${reason.detail}`,
        remedy:
          'mend what it names (the spec, or the permissions of role and principal), then apply a changed spec: it is tried at once',
      };
    case 'gave-up':
      return {
        message: `gave up after ${count(reason.failures, 'failure')} in a row: ${reason.last}`,
        remedy: `${causeRemedy(reason.last) ?? `see its log by ${command('logs')}`}; then change the spec, raise failover.maxTries, or try again by ${command('broker start')}`,
      };
    case 'waiting-for-voters':
      return {
        message: `waits until all first controllers can be placed; missing: ${list(reason.missing)}`,
        remedy: `they are launched together or not at all: \`kafka-mesos describe broker ${reason.missing[0] ?? 'ID'} --cluster ${clusterName}\` says what is missing`,
      };
    case 'task-in-progress':
      return { message: reason.doing };
    case 'waiting-for-isr':
      return {
        message: `stopping it now would hurt ${reason.partitions.join(', ')}${reason.more > 0 ? ` and ${reason.more} more` : ''}`,
        remedy: reason.partitions.some((p) => p.endsWith('it has this replica only'))
          ? 'raise the replication factor, or consent to the outage by rollout.allowSingleReplicaOutage: true'
          : 'it goes on by itself once these replicas are in sync; a broker that is kept stopped has to be started for it',
      };
    case 'waiting-for-roll':
      return {
        message: `one at a time: broker ${reason.brokerId} ${reason.detail}`,
        ...(reason.untilMs === undefined ? {} : { untilMs: reason.untilMs }),
        ...(reason.endless === undefined
          ? {}
          : {
              remedy: `the maintenance of ${reason.endless.agentId} has no duration: take it out of the master's maintenance schedule when it is done, or give it one`,
            }),
      };
    case 'rollout-paused':
      return { message: 'the rollout is paused', remedy: 'set rollout.paused: false' };
    case 'paused-by-operator':
      return {
        message: `${reason.author} asked to leave it alone${reason.detail === undefined ? '' : ` (${reason.detail})`}`,
        ...(reason.untilMs === undefined ? {} : { untilMs: reason.untilMs }),
        remedy: `take it back by ${command('broker resume')}`,
      };
    case 'quorum-at-risk':
      return {
        message: `the controller quorum cannot spare it: ${reason.detail}`,
        remedy:
          'it goes on by itself once the other controllers have caught up; one that is kept stopped has to be started for it',
      };
    case 'relocation-unsafe':
      return {
        message: `must not be relocated: ${reason.detail}${reason.partitions.length === 0 ? '' : ` (${reason.partitions.join(', ')}${reason.more > 0 ? ` and ${reason.more} more` : ''})`}`,
        remedy:
          reason.partitions.length === 0
            ? 'bring its agent back'
            : `bring its agent back, or give these partitions up by name: ${command('broker replace').slice(0, -1)} --accept-loss ${reason.partitions[0]} …\``,
      };
    case 'hosts-replicas':
      return {
        message: `still hosts ${reason.partitions.join(', ')}${reason.more > 0 ? ` and ${reason.more} more` : ''}`,
        remedy:
          'move these replicas to other brokers by kafka-reassign-partitions.sh, or give the broker back to the spec',
      };
    case 'left-behind':
      return {
        message: `${reason.hostname}: ${reason.detail}`,
        ...(reason.untilMs === undefined ? {} : { untilMs: reason.untilMs }),
        remedy: `it goes when ${reason.hostname} offers it, and only a destroyed cluster waits for that; should ${reason.hostname} be lost for good, ${markGone}${reason.isDeleted === true ? `, or ${abandon}` : ''}`,
      };
    case 'volume-not-grown':
      return {
        message: `${growthPrefixes[reason.cause] ?? ''}${reason.detail}`,
        ...growthRemedies[reason.cause](reason),
      };
    case 'orphaned':
      return {
        message: `${reason.hostname} has ${reason.what} of ours, and ${reason.detail}`,
        remedy:
          'if the store was lost, restore it; if the data is of no use, send DESTROY_VOLUMES and UNRESERVE_RESOURCES for it to the master (POST /api/v1)',
      };
    case 'store-unavailable':
      return {
        message: `the store fails: ${reason.detail}; it is tried again`,
        remedy: reason.remedy ?? 'see the scheduler’s log',
      };
    case 'serves-already': {
      const { taskId, agentId } = reason;
      const who =
        taskId === undefined
          ? 'an instance of it that no record has'
          : `its former instance ${taskId} on ${agentId}`;
      return {
        message: `waiting for Kafka to miss ${who}, which Mesos does not show and its controller does`,
        remedy:
          'end that process on its machine; if the store is a backup, stop the scheduler and restore the newest, or make a new one by `kafka-mesos scheduler --recover`',
      };
    }
    case 'store-outdated':
      return {
        message: `the store is older than the cluster: ${reason.detail}`,
        remedy:
          'stop the scheduler, then restore the newest store, or make a new one by `kafka-mesos scheduler --recover`',
      };
    case 'kafka-unknown':
      return {
        message: `Kafka ${reason.isBeingAsked === true ? 'is being asked again' : 'cannot be asked'}: ${reason.detail}`,
        ...(stalled
          ? {
              remedy: `see whether its brokers run, and whether the scheduler reaches the addresses that they advertise${
                reason.mayConsent === true
                  ? `; where only this would bring it back, consent to it: ${command(`broker ${need.startsWith('stop') ? 'stop' : 'restart'}`).slice(0, -1)} --without-kafka\``
                  : ''
              }`,
            }
          : {}),
      };
    case 'kafka-slow':
      return {
        message: `Kafka takes ${seconds(reason.tookMs)} to describe its ${count(reason.partitions, 'partition')}; an answer must be no older than ${seconds(reason.limitMs)} to ${reason.purpose} on`,
        remedy:
          'run the scheduler nearer to the brokers, relieve them, or keep fewer partitions; it goes on by itself once an answer is quick enough',
      };
    case 'refused-by-kafka':
      return {
        message: `Kafka refuses it: ${reason.detail}`,
        untilMs: reason.untilMs,
        remedy: remedyOf(reason.detail),
      };
    case 'mesos-unknown':
      return {
        message: reason.detail,
        remedy:
          'brokers go on, and the scheduler connects again when it answers; if that stays so, see whether a master leads where `kafka-mesos status` says that it is asked',
      };
    case 'distribution-missing':
      return {
        message: reason.detail,
        remedy: 'get it by `kafka-mesos dist get`, or name spec.kafka.distribution',
      };
    case 'too-few-brokers':
      return {
        message: `wants ${count(reason.wanted, 'broker')} and ${reason.available} serve`,
        remedy: 'it goes on once so many serve: start those that are stopped, or add brokers to the spec',
      };
    case 'impossible-change':
      return { message: reason.detail, remedy: 'change the spec' };
    case 'not-yet-supported':
      return {
        message: reason.detail,
        remedy: 'take this change back in the spec',
      };
    default:
      return unreachable(reason);
  }
}

/** A master that does not know the agent any more refuses it (registry_max_agent_age). */
const markGone =
  'mark its agent gone (MARK_AGENT_GONE) before the master forgets it, two weeks after it was last seen';
const abandon = 'end the whole framework by `kafka-mesos teardown --abandon`';

const afterwards = ({ isVoter }: { readonly isVoter?: true }): string =>
  isVoter === true
    ? 'it votes in the controller quorum, whose memory its disk is: no other agent will ever do'
    : 'after the stickiness period it may be relocated if no data is lost by it';

/** Of ends whose cause is known by the agent's words; the log says nothing of them, since nothing ran. */
function causeRemedy(last: string): string | undefined {
  // `os::chown` of the agent, seen in 04-task-failures of the recordings of Mesos 1.11.
  const user = /No such user '([^']*)'/.exec(last)?.[1];
  // The disk isolator of an agent with --enforce_container_disk_quota, seen on Mesos 1.12.
  if (/^Disk usage .* exceeds quota/.test(last)) {
    return 'let the spec give its volume more (`storage.size`), or let topics keep less (retention.ms, retention.bytes)';
  }
  return user === undefined
    ? undefined
    : `make the user ${user} on that agent, or let the task run as another: \`user\` of the broker in the spec, or --user of the scheduler`;
}

const growthPrefixes: Readonly<Record<string, string>> = {
  'not-reserved': 'Mesos refuses to reserve the disk: ',
  refused: 'it starts without: ',
};

const growthRemedies: Readonly<
  Record<
    Extract<HeldReason, { kind: 'volume-not-grown' }>['cause'],
    (reason: Extract<HeldReason, { kind: 'volume-not-grown' }>) => { readonly remedy?: string }
  >
> = {
  'no-offer': ({ hostname }) => ({
    remedy: `it goes on when ${hostname} offers so much disk; if that stays so, see what else takes it there. The broker serves on meanwhile`,
  }),
  'no-room': ({ hostname }) => ({
    remedy: `free disk on ${hostname}, or give the volume its former size; the broker serves on meanwhile`,
  }),
  'not-reserved': () => ({
    remedy:
      'see whether role and principal may reserve resources, or give the volume its former size; it is asked again now and then, and the broker serves on meanwhile',
  }),
  refused: ({ brokerId }) => ({
    remedy: `see whether the principal may resize volumes and the agent has RESIZE_VOLUME, then \`kafka-mesos broker restart ${brokerId}\`, or give the volume its former size`,
  }),
};

/**
 * Kafka takes at most double, and at least half, of the threads that run (`DynamicThreadPool`, 4.3.1). To go there in
 * steps of our own would need the number that runs, which the spec does not say where it is Kafka's default. A
 * restart is no way out for everybody: a value set while the broker ran goes before the one in its file.
 */
function remedyOf(refusal: string): string {
  return /(double|half) the current value/.test(refusal)
    ? 'let the spec go there in steps, each at most double or at least half of what runs'
    : 'change the spec; it is tried again then, and after a while';
}

const rejectionLines = (rejections: readonly OfferRejection[], maxDetails: number): readonly string[] => [
  ...rejections.slice(0, maxDetails).map((r) => `${r.hostname}: ${r.reasons.join('; ')}`),
  ...(rejections.length > maxDetails ? [`and ${count(rejections.length - maxDetails, 'agent')} more`] : []),
];
const seconds = (ms: number): string => `${Math.ceil(ms / 100) / 10} s`;
const list = (ids: readonly number[]): string => (ids.length === 0 ? 'none' : ids.join(', '));
