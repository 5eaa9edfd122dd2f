/** A plan as text, for golden files: all that it decides, times relative to the pass. */

import type { BrokerLaunch } from '../../src/model/launch.ts';
import type { MesosCall, OfferOperation, Resource } from '../../src/model/mesos.ts';
import type { Action, Plan } from '../../src/model/plan.ts';
import { describeHeld } from '../../src/plan/describe-held.ts';

export function renderPlan(plan: Plan, nowMs: number): string {
  const lines: string[] = [];
  lines.push('steps');
  for (const step of plan.steps) {
    lines.push(`  ${step.mark} ${step.what}`);
    lines.push(...step.why.map((why) => `      because ${why}`));
    lines.push(...renderAction(step.action, nowMs).map((line) => `      > ${line}`));
  }
  lines.push('held');
  for (const held of plan.held) {
    const words = describeHeld(held);
    lines.push(
      `  ${held.stalled ? '!' : '.'} ${held.clusterName}: ${held.need}: ${words.message}${words.untilMs === undefined ? '' : ` (until ${offset(words.untilMs, nowMs)})`}`,
    );
    lines.push(`      ${words.reason}${words.remedy === undefined ? '' : `; remedy: ${words.remedy}`}`);
    lines.push(...words.details.map((detail) => `      - ${detail}`));
  }
  lines.push('declined');
  for (const d of plan.declined) {
    lines.push(`  ${d.offerId} of ${d.hostname} for ${d.refuseSeconds} s: ${d.why}`);
  }
  lines.push(`wake ${plan.wakeAtMs === undefined ? 'only on an event' : offset(plan.wakeAtMs, nowMs)}`);
  return `${lines.join('\n')}\n`;
}

function renderAction(action: Action, nowMs: number): readonly string[] {
  switch (action.kind) {
    case 'mesos':
      return renderCall(action.call);
    case 'bind-cluster':
    case 'record-cluster':
      return [
        `store cluster ${action.record.name} ${action.record.clusterId}${action.record.formedAtMs === undefined ? '' : ', formed'}: voters ${action.record.voters.map((v) => `${v.nodeId}@${v.host}:${v.port} ${v.directoryId}`).join(', ')}`,
      ];
    case 'broker': {
      const { record } = action;
      const facts = [
        `launches ${record.launches}`,
        record.formatted ? 'formatted' : 'not formatted',
        ...(record.placement === undefined
          ? []
          : [
              `on ${record.placement.agentId}`,
              `ports ${Object.entries(record.placement.ports)
                .map(([n, p]) => `${n} ${p}`)
                .join(', ')}`,
            ]),
        ...(record.growth === undefined
          ? []
          : [
              `growth of revision ${record.growth.revision}: ${record.growth.attempts} tries${record.growth.isReserved === true ? ', reserved' : ''}${record.growth.isOver === true ? `, over (${record.growth.refused ?? 'silence'})` : ''}`,
            ]),
        ...(record.task?.kill === undefined
          ? []
          : [`kill (${record.task.kill.cause}) ${offset(record.task.kill.atMs, nowMs)}`]),
        ...(record.leftBehind ?? []).map(
          (l) => `left ${l.incarnation} on ${l.hostname} (${l.cause}${l.formatted ? ', formatted' : ''})`,
        ),
        ...(record.superseded.length === 0
          ? []
          : [`superseded ${record.superseded.map((s) => s.taskId).join(', ')}`]),
      ];
      return [
        `store broker ${record.id}: ${facts.join('; ')}`,
        ...(action.call === undefined ? [] : renderCall(action.call)),
      ];
    }
    case 'remove-broker':
      return [`remove the record of broker ${action.record.id}`];
    case 'remove-cluster':
      return [`remove the records of ${action.clusterName}${action.keepSpec ? ', not its spec' : ''}`];
    case 'unregister-broker':
      return [`unregister broker ${action.brokerId}`];
    case 'alter-broker-config':
      return [`set broker ${action.record.id}: ${Object.keys(action.changes).join(', ')}`];
    case 'alter-min-isr':
      return [`set cluster ${action.record.name}: min.insync.replicas ${action.value ?? 'removed'}`];
    case 'create-topic':
      return [
        `create topic ${action.topic.name} ${action.topic.partitions}x${action.topic.replicationFactor} ${JSON.stringify(action.topic.config)}`,
      ];
    case 'create-partitions':
      return [`create partitions of ${action.topic} up to ${action.totalCount}`];
    case 'alter-topic-config':
      return [
        `set topic ${action.topic}: ${Object.entries(action.changes)
          .map(([key, value]) => `${key}=${value}`)
          .join(', ')}`,
      ];
    default:
      return [JSON.stringify(action)];
  }
}

function renderCall(call: MesosCall): readonly string[] {
  switch (call.kind) {
    case 'accept':
      return [
        `ACCEPT ${call.offerIds.join(', ')}`,
        ...call.operations.flatMap((o) => renderOperation(o).map((line) => `  ${line}`)),
      ];
    case 'decline':
      return [`DECLINE ${call.offerIds.join(', ')} for ${call.refuseSeconds} s`];
    case 'kill':
      return [
        `KILL ${call.taskId} on ${call.agentId}${call.graceMs === undefined ? '' : `, grace ${call.graceMs} ms`}`,
      ];
    case 'reconcile-tasks':
      return [
        call.tasks.length === 0
          ? 'RECONCILE all'
          : `RECONCILE ${call.tasks.map((t) => `${t.taskId} on ${t.agentId}`).join(', ')}`,
      ];
    default:
      return [call.kind.toUpperCase()];
  }
}

function renderOperation(operation: OfferOperation): readonly string[] {
  switch (operation.kind) {
    case 'launch': {
      const { task } = operation;
      const launch = JSON.parse(task.data) as BrokerLaunch;
      return [
        `LAUNCH ${task.taskId}: storage ${launch.storage.mode} ${launch.storage.volumes.map((v) => v.name).join(', ')}${launch.rack === undefined ? '' : `, rack ${launch.rack}`}; ${resources([...task.resources, ...task.executor.resources])}`,
      ];
    }
    case 'create':
      return [`CREATE ${resources(operation.volumes)}${askedBy(operation)}`];
    case 'destroy':
      return [`DESTROY ${resources(operation.volumes)}`];
    case 'grow':
      return [
        `GROW_VOLUME ${resources([operation.volume])} by ${resources([operation.addition])}${askedBy(operation)}`,
      ];
    case 'reserve':
      return [`RESERVE ${resources(operation.resources)}${askedBy(operation)}`];
    case 'unreserve':
      return [`UNRESERVE ${resources(operation.resources)}`];
  }
}

const askedBy = ({ id }: { readonly id?: string }): string => (id === undefined ? '' : `, id ${id}`);

function resources(list: readonly Resource[]): string {
  return list
    .map((r) => {
      const amount = r.ranges?.map((p) => (p.begin === p.end ? p.begin : `${p.begin}-${p.end}`)).join('+');
      const volume = r.disk?.volume === undefined ? '' : ` (${r.disk.volume.persistenceId})`;
      return `${r.name} ${amount ?? r.scalar}${volume}`;
    })
    .join(', ');
}

function offset(atMs: number, nowMs: number): string {
  const ms = atMs - nowMs;
  return `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1000}s`;
}
