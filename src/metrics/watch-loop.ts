/** What the loop did, counted. */
import type { MesosEvent } from '../model/mesos.ts';
import type { LoopObserver, ObservedPass } from '../model/observer.ts';
import type { Action, Step } from '../model/plan.ts';
import type { BrokerRecord } from '../model/records.ts';
import type { Meter } from './meter.ts';

export function createLoopObserver(
  meter: Meter,
  { monotonicMs, wallMs }: { readonly monotonicMs: () => number; readonly wallMs: () => number },
): LoopObserver {
  let beganMs = monotonicMs();
  return {
    passBegins() {
      beganMs = monotonicMs();
    },
    passEnds(pass) {
      meter.time('kafka_mesos_pass_duration_seconds', {}, monotonicMs() - beganMs);
      if (pass === undefined) {
        meter.count('kafka_mesos_passes_total', { result: 'no-store' });
        return;
      }
      meter.count('kafka_mesos_passes_total', { result: pass.interrupted ? 'interrupted' : 'complete' });
      if (!pass.interrupted) {
        meter.set('kafka_mesos_last_successful_pass_timestamp_seconds', {}, wallMs() / 1000);
      }
      countPass(meter, pass);
    },
    taskEnded(cluster, { state, reason, ordered }) {
      if (!ordered) {
        meter.count('kafka_mesos_task_failures_total', { cluster, state, reason: reason ?? 'none' });
      }
    },
  };
}

function countPass(meter: Meter, { plan, executed, isRestless, offersInHand }: ObservedPass): void {
  if (isRestless) meter.count('kafka_mesos_restless_passes_total', {});
  meter.set('kafka_mesos_offers_in_hand', {}, offersInHand);
  const declined = new Map(plan.declined.map((offer) => [offer.offerId, offer.reason]));
  for (const step of executed) {
    const call = callOf(step.action);
    meter.count('kafka_mesos_steps_total', { kind: call?.kind ?? step.action.kind });
    if (call?.kind === 'accept') {
      meter.count('kafka_mesos_offers_accepted_total', {}, call.offerIds.length);
    }
    if (call?.kind === 'decline') {
      for (const id of call.offerIds) {
        const reason = declined.get(id);
        if (reason !== undefined) meter.count('kafka_mesos_offers_declined_total', { reason });
      }
    }
    if (call?.kind === 'kill') {
      meter.count('kafka_mesos_kills_total', { cause: killCause(step) });
    }
    if (step.action.kind === 'broker' && call?.kind === 'accept') {
      const kind = startKind(step.action.record);
      const cluster = step.action.record.clusterName;
      if (kind !== undefined) meter.count('kafka_mesos_starts_total', { cluster, kind });
    }
  }
}

function callOf(action: Action) {
  return action.kind === 'mesos' || action.kind === 'broker' ? action.call : undefined;
}

/** A task that no record has as its broker's was superseded. */
function killCause({ action }: Step): string {
  return (action.kind === 'broker' ? action.record.task?.kill?.cause : undefined) ?? 'superseded';
}

/** Undefined: nothing is launched, a volume is made ready for it. A place that was bound for this launch is a new one. */
function startKind({ task, launches, placement }: BrokerRecord): string | undefined {
  if (task === undefined || task.seen) return undefined;
  if (launches === 1) return 'first';
  return placement?.boundAtMs === task.launchedAtMs ? 'relocation' : 'restart';
}

export function countMesosEvent(meter: Meter, event: MesosEvent): void {
  if (event.kind === 'offers') meter.count('kafka_mesos_offers_received_total', {}, event.offers.length);
  if (event.kind === 'rescind') meter.count('kafka_mesos_offers_rescinded_total', {});
  if (event.kind === 'subscribed') meter.count('kafka_mesos_master_subscriptions_total', {});
}
