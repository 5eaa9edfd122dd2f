import type { SchedulerStatus } from '../../model/api.ts';
import { renderDirectory } from './source.ts';
import { hang, printable, type Style } from './text.ts';
import { since } from './time.ts';

export type SchedulerFormat = { readonly style: Style; readonly width: number; readonly nowMs: number };

/** Who leads and whether Mesos is reachable, a line each: what every other answer rests on. */
export function renderScheduler(scheduler: SchedulerStatus, format: SchedulerFormat): string {
  const { style, width } = format;
  const mesos = mesosText(scheduler, format.nowMs);
  const lines = [
    ...hang('Scheduler  ', leaderText(scheduler, format.nowMs), width),
    ...hang('Mesos      ', mesos.text, width).map(mesos.isWell ? (line) => line : style.yellow),
    ...(scheduler.specs === undefined ? [] : [renderDirectory(scheduler.specs, format)]),
  ];
  return `${lines.join('\n')}\n`;
}

function leaderText({ leadership, startedAtMs }: SchedulerStatus, nowMs: number): string {
  const { state, leader, sinceMs, standbys = 0 } = leadership;
  if (state === 'leading') {
    const others = standbys === 0 ? '' : `; ${standby(standbys)}`;
    return `${printable(leader?.id ?? 'this one')} leads since ${since(sinceMs ?? startedAtMs, nowMs)}${others}`;
  }
  const who =
    leader === undefined
      ? 'nobody leads just now'
      : `${printable(leader.id)} leads, its API is ${printable(leader.apiUrl)} there`;
  return `this one stands by since ${since(startedAtMs, nowMs)}; ${who}`;
}

const standby = (count: number): string => `${count} other${count === 1 ? ' stands' : 's stand'} by`;

/** Below the live view: what is wrong with the directory of specs, and who leads. */
export function footerWords(scheduler: SchedulerStatus): string | undefined {
  const { specs } = scheduler;
  const isTrouble = specs !== undefined && specs.state !== 'read' && specs.state !== 'reading';
  const where = specs?.state === 'broken' ? 'Specs' : `Specs in ${specs?.directory}`;
  const trouble = isTrouble ? `${printable(`${where}: ${specs.message}`)}.` : undefined;
  return [trouble, leaderWords(scheduler)].filter((words) => words !== undefined).join(' ') || undefined;
}

/** Who leads, in few words, where there is more than one that could. */
export function leaderWords({ leadership }: Pick<SchedulerStatus, 'leadership'>): string | undefined {
  const { state, leader, standbys = 0 } = leadership;
  if (state === 'leading') {
    return standbys === 0 || leader === undefined
      ? undefined
      : `Scheduler ${printable(leader.id)} leads; ${standby(standbys)}.`;
  }
  return leader === undefined
    ? 'This scheduler stands by, and nobody leads just now.'
    : `This scheduler stands by; ${printable(leader.id)} leads.`;
}

function mesosText(
  { mesos, master, connected, leadership }: SchedulerStatus,
  nowMs: number,
): { readonly text: string; readonly isWell: boolean } {
  const where = printable(master);
  if (leadership.state === 'standby') {
    return { text: `${where}, which only the leader is connected to`, isWell: true };
  }
  // A scheduler of an earlier release says no more than this.
  if (mesos === undefined)
    return { text: `${where}, ${connected ? '' : 'not '}connected`, isWell: connected };
  if (mesos.state === 'subscribed') {
    const leading = mesos.master === master ? where : `${where} (master ${printable(mesos.master)})`;
    return { text: `${leading}, connected since ${since(mesos.sinceMs, nowMs)}`, isWell: true };
  }
  const why = mesos.why === undefined ? '' : `: ${mesos.why}`;
  return { text: `${where}, NOT connected since ${since(mesos.sinceMs, nowMs)}${why}`, isWell: false };
}
