/** What a restart of a running broker would change, and whether a start under way may be given up for it. */
import type { Desired, DesiredBroker } from '../model/desired.ts';
import type { BrokerRecord, BrokerSettings, TaskRecord } from '../model/records.ts';
import { diffNeedingRestart, diffOfStart } from './dynamic-config.ts';
import { growthDrift } from './growth.ts';
import { askedRestart } from './intents.ts';
import { heldForDistribution, isVoter, kafkaArtifact, type Need, type NeedContext } from './need.ts';
import { settingsOf } from './settings.ts';

/** A start takes less, but for a recovery of its log, which says so and is never cut short. */
const startTakesMs = 180_000;

/** What a restart would change, and what forbids even to think of one. */
export function driftOf(
  broker: DesiredBroker,
  record: BrokerRecord,
  task: TaskRecord,
  context: NeedContext,
): Pick<Extract<Need, { kind: 'running' }>, 'drift' | 'barred'> {
  const { desired, memory } = context;
  const { startedWith } = task;
  const artifact = kafkaArtifact(desired, context.artifacts);
  const sha512 = wantedSha512(desired, startedWith, artifact?.sha512);
  const wanted = settingsOf(desired, broker, sha512);
  const drift = [
    ...askedRestart(record, context.nowMs),
    ...growthDrift(broker, record, memory.spec.revision),
    // What could be changed while it runs has to be in its start where that may hang on it.
    ...(hangs(task, context.nowMs)
      ? diffOfStart(startedWith, wanted)
      : diffNeedingRestart(startedWith, wanted, record.dynamicConfig)),
  ];
  if (drift.length === 0) {
    return { drift };
  }
  const offline = task.report?.disks?.find(({ error }) => error !== undefined);
  if (offline !== undefined) {
    const detail = `${offline.path} is offline: ${offline.error}`;
    return { drift, barred: { reason: { kind: 'disk-offline', detail }, stalled: true } };
  }
  // A node that stopped here could not be started again, or would leave the quorum short of a voter for good.
  if (startedWith.roles.includes('broker') && !broker.roles.includes('broker')) {
    return {
      drift,
      barred: {
        reason: {
          kind: 'not-yet-supported',
          detail: 'it may host replicas, and moving them off a broker is not acted on yet',
        },
        stalled: true,
      },
    };
  }
  const votes = isVoter(memory, broker.id);
  if (votes && broker.storage.kind === 'sandbox') {
    return {
      drift,
      barred: {
        reason: {
          kind: 'not-yet-supported',
          detail: 'its vote is in its sandbox, which goes with its task; a voter wants persistent storage',
        },
        stalled: true,
      },
    };
  }
  if (votes !== broker.roles.includes('controller')) {
    return {
      drift,
      barred: {
        reason: {
          kind: 'not-yet-supported',
          detail: votes
            ? 'a voter cannot leave the controller quorum; give it back its controller role'
            : 'a controller cannot join a quorum that is formed already',
        },
        stalled: true,
      },
    };
  }
  if (artifact === undefined) {
    const { reason, stalled } = heldForDistribution(broker, `restart broker ${broker.id}`, context).held;
    return { drift, barred: { reason, stalled } };
  }
  return { drift };
}

function hangs({ state, stateSinceMs }: TaskRecord, nowMs: number): boolean {
  return (state === 'TASK_STAGING' || state === 'TASK_STARTING') && nowMs - stateSinceMs >= startTakesMs;
}

/** Another archive of the same version, got from another source, is no reason to restart anything. */
export function wantedSha512(desired: Desired, started: BrokerSettings, sha512: string | undefined): string {
  const same = desired.kafka.distribution === undefined && started.kafkaVersion === desired.kafka.version;
  return same ? started.kafkaSha512 : (sha512 ?? '');
}

/**
 * A start that a changed spec has overtaken need not come to its end, which it may never reach by
 * itself. Not when it serves by now: its RUNNING is on its way. Log recovery is never cut short.
 */
export function mayAbandonStart(broker: DesiredBroker, task: TaskRecord, context: NeedContext): boolean {
  const { desired, kafka } = context;
  if (desired.rollout.paused || task.report?.phase === 'recovering') {
    return false;
  }
  return !(kafka.known && kafka.value.brokers.some((b) => b.id === broker.id && !b.fenced));
}
