/** What `kafka-mesos wait` waits for, and whether it is so. */
import {
  type BrokerState,
  type BrokerStatus,
  brokerStates,
  type ClusterStatus,
  type Condition,
  type ConditionType,
  conditionTypes,
} from '../model/status.ts';
import { didYouMean } from '../spec/did-you-mean.ts';
import { UsageError } from './errors.ts';

export type Wanted =
  | { readonly kind: 'condition'; readonly type: ConditionType; readonly status: boolean }
  | { readonly kind: 'converged' }
  | { readonly kind: 'state'; readonly state: BrokerState }
  | { readonly kind: 'deleted' };

/** Words for `--for`, as completion offers them. */
export function wantedWords(of: 'cluster' | 'broker'): readonly string[] {
  return of === 'broker'
    ? [...brokerStates.map((state) => `state=${state}`), 'deleted']
    : [
        'converged',
        ...conditionTypes.flatMap((type) => [`condition=${type}`, `condition=${type}=false`]),
        'deleted',
      ];
}

/** Rejects with `UsageError` for what cannot be waited for. */
export function parseWanted(text: string, of: 'cluster' | 'broker'): Wanted {
  const [kind = '', value, status = 'true', ...more] = text.split('=');
  const wrong = (message: string, near: string | undefined) =>
    new UsageError(
      `${message} (--for)`,
      near === undefined ? `there is ${wantedWords(of).join(', ')}` : `did you mean --for=${near}?`,
    );
  if (value === undefined && kind === 'deleted') return { kind };
  if (value === undefined && kind === 'converged' && of === 'cluster') return { kind };
  if (kind === 'condition' && value !== undefined && of === 'cluster' && more.length === 0) {
    const type = conditionTypes.find((one) => one.toLowerCase() === value.toLowerCase());
    const isSo = { true: true, false: false }[status.toLowerCase()];
    if (type !== undefined && isSo !== undefined) return { kind, type, status: isSo };
    const near = didYouMean(value, conditionTypes);
    throw wrong(
      type === undefined ? `there is no condition ${value}` : `a condition is true or false, not ${status}`,
      near && `condition=${near}`,
    );
  }
  if (kind === 'state' && value !== undefined && of === 'broker' && text.split('=').length === 2) {
    const state = brokerStates.find((one) => one === value);
    if (state !== undefined) return { kind, state };
    const near = didYouMean(value, brokerStates);
    throw wrong(`a broker is never ${value}`, near && `state=${near}`);
  }
  throw wrong(
    `a ${of} cannot be waited for to be ${JSON.stringify(text)}`,
    didYouMean(text, wantedWords(of)),
  );
}

/** `cluster` is undefined when it is not there. */
export function isMet(wanted: Wanted, cluster: ClusterStatus | undefined, brokerId?: number): boolean {
  const broker = cluster?.brokers.find((one) => one.id === brokerId);
  switch (wanted.kind) {
    case 'deleted':
      return brokerId === undefined ? cluster === undefined : broker === undefined;
    case 'converged':
      return cluster?.phase === 'converged';
    case 'condition':
      return conditionOf(wanted, cluster)?.status === wanted.status;
    case 'state':
      return broker?.state === wanted.state;
  }
}

/** What was waited for, as words that go on with `demo` or `broker 2 of demo`. */
export function describeWanted(wanted: Wanted): string {
  switch (wanted.kind) {
    case 'condition':
      return wanted.status ? wanted.type : `not ${wanted.type}`;
    case 'state':
      return wanted.state;
    default:
      return wanted.kind;
  }
}

/** How it stands to that: `converging; Ready is false: BrokersDown: broker 2 is failed`. */
export function describeStand(
  wanted: Wanted,
  cluster: ClusterStatus | undefined,
  broker: BrokerStatus | undefined,
): string {
  if (cluster === undefined) return 'not there';
  if (broker !== undefined) {
    return broker.waiting === undefined ? broker.state : `${broker.state}: ${broker.waiting.why}`;
  }
  const condition = conditionOf(wanted, cluster) ?? cluster.conditions.find((one) => one.type === 'Ready');
  const why =
    condition === undefined
      ? ''
      : `; ${condition.type} is ${condition.status}: ${condition.reason}: ${condition.message}`;
  return `${cluster.phase}${why}`;
}

function conditionOf(wanted: Wanted, cluster: ClusterStatus | undefined): Condition | undefined {
  return wanted.kind === 'condition'
    ? cluster?.conditions.find((one) => one.type === wanted.type)
    : undefined;
}
