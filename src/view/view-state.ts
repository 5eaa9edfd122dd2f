/** What of the clusters is looked at just now, and what keys make of that. Pure. */
import type { ClusterStatus } from '../model/status.ts';
import { needsLook } from './urgency.ts';

export type ViewState = {
  /** The cluster that has the screen to itself; absent: all of them. */
  readonly clusterName?: string;
  /** The broker that is explained. */
  readonly brokerId?: number;
  /** What the keys do. */
  readonly showsKeys?: true;
};

export type ViewKey =
  | 'next-cluster'
  | 'previous-cluster'
  | 'down'
  | 'up'
  | 'page-down'
  | 'page-up'
  /** To the next broker that needs a look. */
  | 'next-trouble'
  | 'back'
  | 'keys';

export const keyLines: readonly string[] = [
  'tab, right   the next cluster; after the last all of them',
  'left         the cluster before',
  'down, up     the next broker, and why it does or does not run',
  'page down    ten brokers on; page up: ten back',
  'n            the next broker that needs a look',
  'esc          back',
  'q, Ctrl-C    leave this view; the scheduler goes on',
  '?            hide this',
];

const pageRows = 10;

export function turnKey(state: ViewState, key: ViewKey, clusters: readonly ClusterStatus[]): ViewState {
  const { showsKeys: _shown, ...hidden } = state;
  switch (key) {
    case 'keys':
      return state.showsKeys === true ? hidden : { ...state, showsKeys: true };
    case 'back':
      if (state.showsKeys === true) return hidden;
      return state.brokerId === undefined || state.clusterName === undefined
        ? {}
        : { clusterName: state.clusterName };
    case 'next-cluster':
      return chooseCluster(state, 1, clusters);
    case 'previous-cluster':
      return chooseCluster(state, -1, clusters);
    case 'down':
      return moveBroker(state, 1, clusters);
    case 'up':
      return moveBroker(state, -1, clusters);
    case 'page-down':
      return moveBroker(state, pageRows, clusters);
    case 'page-up':
      return moveBroker(state, -pageRows, clusters);
    case 'next-trouble':
      return nextTrouble(state, clusters);
  }
}

/** The one that has the screen; undefined while all have it. */
export function chosenCluster(
  state: ViewState,
  clusters: readonly ClusterStatus[],
): ClusterStatus | undefined {
  return clusters.length === 1 ? clusters[0] : clusters.find(({ name }) => name === state.clusterName);
}

function chooseCluster(state: ViewState, by: 1 | -1, clusters: readonly ClusterStatus[]): ViewState {
  if (clusters.length < 2) return state;
  const at = clusters.findIndex(({ name }) => name === state.clusterName);
  // One place more than there are clusters: that of all of them, which `findIndex` calls -1.
  const places = clusters.length + 1;
  const next = clusters[((at + 1 + by + places) % places) - 1];
  return next === undefined ? {} : { clusterName: next.name };
}

function moveBroker(state: ViewState, by: number, clusters: readonly ClusterStatus[]): ViewState {
  const cluster = chosenCluster(state, clusters);
  if (cluster === undefined) return chooseCluster(state, by > 0 ? 1 : -1, clusters);
  const { brokers } = cluster;
  const at = brokers.findIndex(({ id }) => id === state.brokerId);
  const first = by > 0 ? 0 : brokers.length - 1;
  const next = at === -1 ? first : Math.min(brokers.length - 1, Math.max(0, at + by));
  return withBroker(cluster, next);
}

function nextTrouble(state: ViewState, clusters: readonly ClusterStatus[]): ViewState {
  const chosen = chosenCluster(state, clusters);
  const from = chosen === undefined ? 0 : clusters.indexOf(chosen);
  const after = chosen?.brokers.findIndex(({ id }) => id === state.brokerId) ?? -1;
  for (let turn = 0; turn <= clusters.length; turn += 1) {
    const cluster = clusters[(from + turn) % clusters.length];
    const at =
      cluster?.brokers.findIndex((broker, index) => (turn > 0 || index > after) && needsLook(broker)) ?? -1;
    if (cluster !== undefined && at !== -1) return withBroker(cluster, at);
  }
  return state;
}

function withBroker({ name, brokers }: ClusterStatus, at: number): ViewState {
  const broker = brokers[at];
  return broker === undefined ? { clusterName: name } : { clusterName: name, brokerId: broker.id };
}
