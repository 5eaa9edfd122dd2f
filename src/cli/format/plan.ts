import type { ClusterPlan, PlanAnswer } from '../../model/api.ts';
import type { HeldSummary, StepSummary } from '../../model/status.ts';
import { hang, idRanges, printable, type Style } from './text.ts';
import { clockTime } from './time.ts';

export type PlanFormat = {
  readonly style: Style;
  /** Columns; `Infinity` for a pipe. */
  readonly width: number;
  /** Housekeeping steps (`·`) too. */
  readonly housekeeping?: boolean;
};

/** The plan as people read it: per cluster its steps, what is held and why, then the counts of all. */
export function renderPlan(plan: PlanAnswer, format: PlanFormat): string {
  const blocks = plan.clusters.map((cluster) => renderCluster(cluster, format).join('\n'));
  return `${[...blocks, renderFooter(plan.clusters, format.style)].join('\n\n')}\n`;
}

/** Whether applying would do or try something. Housekeeping alone is no change to what was declared. */
export function hasChanges(plan: PlanAnswer): boolean {
  return plan.clusters.some(
    (cluster) => cluster.held.length > 0 || cluster.steps.some((step) => step.mark !== '·'),
  );
}

function renderCluster(cluster: ClusterPlan, format: PlanFormat): readonly string[] {
  const { style, width } = format;
  const revision = cluster.revision === 0 ? 'new' : `revision ${cluster.revision}`;
  const steps = cluster.steps.filter((step) => step.mark !== '·' || format.housekeeping === true);
  const lines = [`${style.bold(`Cluster ${printable(cluster.name)}`)} ${style.dim(`(${revision})`)}`, ''];
  if (cluster.source !== undefined) lines.push(...renderSource(cluster.source, width), '');
  if (steps.length === 0 && cluster.held.length === 0) {
    lines.push('  Nothing to do: the cluster is as declared.');
    return lines;
  }
  lines.push(...steps.flatMap((step) => renderStep(step, style, width)));
  if (cluster.held.length > 0) {
    if (steps.length > 0) lines.push('');
    lines.push('  Held:');
    lines.push(...cluster.held.flatMap((held) => renderHeld(held, style, width)));
  }
  const { count, cpus, memoryMiB } = cluster.executors;
  if (count > 0) {
    lines.push('');
    const each = count === 1 ? 'The executor' : `Each of the ${count} executors`;
    lines.push(
      ...hang('  ', `${each} takes ${cpus} cpus and ${memoryMiB} MiB beside its broker.`, width).map(
        style.dim,
      ),
    );
  }
  return lines;
}

/** Who reads the plan of a file that owns the cluster learns here that applying another one is refused. */
function renderSource(
  { path, state, message }: NonNullable<ClusterPlan['source']>,
  width: number,
): readonly string[] {
  // Taken over, or gone: then it is a command's to change.
  const isRefused = state !== 'taken-over' && state !== 'missing';
  return [
    ...hang('  ', `${path} of the directory of specs ${isRefused ? 'owns' : 'owned'} it: ${message}`, width),
    ...(isRefused ? hang('  → ', 'change it there, or apply with --take-over', width) : []),
  ];
}

function renderStep(step: StepSummary, style: Style, width: number): readonly string[] {
  const paint = { '+': style.green, '~': style.yellow, '-': style.red }[step.mark] ?? style.dim;
  const [first = '', ...rest] = hang(`  ${step.mark} `, step.what, width);
  return [
    paint(first.slice(0, 4)) + first.slice(4),
    ...rest,
    ...step.why.flatMap((why) => hang('      ', why, width)).map(style.dim),
  ];
}

/** What a person has to look at, and below it what time and events will do; what is held alike is told once. */
export function renderOpen(
  open: readonly HeldSummary[],
  style: Style,
  width: number,
): readonly (readonly string[])[] {
  return [
    { title: 'Held, a person has to act:', of: open.filter((one) => one.stalled) },
    { title: 'Waiting:', of: open.filter((one) => !one.stalled) },
  ]
    .filter(({ of }) => of.length > 0)
    .map(({ title, of }) => {
      const groups = [
        ...Map.groupBy(of, ({ reason, message, remedy, untilMs, details }) =>
          JSON.stringify([
            reason,
            message,
            remedy?.replace(/\b\d+ --cluster/, '--cluster'),
            untilMs,
            details,
          ]),
        ).values(),
      ];
      return [
        title,
        ...groups.slice(0, mostGroups).flatMap((group) => renderHeldGroup(group, style, width)),
        ...(groups.length > mostGroups ? [`  and ${groups.length - mostGroups} more, as -o json tells`] : []),
      ];
    });
}

const mostGroups = 50;

function renderHeldGroup(group: readonly HeldSummary[], style: Style, width: number): readonly string[] {
  const [first, ...others] = group;
  if (first === undefined) return [];
  const ids = others.flatMap(({ brokerId }) => (brokerId === undefined ? [] : [brokerId]));
  const also = ids.length === 0 || ids.length < others.length ? '' : `, so brokers ${idRanges(ids)}`;
  const need = others.length === 0 ? first.need : `${first.need} (and ${others.length} more${also})`;
  return renderHeld({ ...first, need }, style, width);
}

/** One need that is held, with its reason, its time and what would let it go on. */
export function renderHeld(held: HeldSummary, style: Style, width: number): readonly string[] {
  const paint = held.stalled ? style.red : style.yellow;
  const until = held.untilMs === undefined ? '' : ` (until ${clockTime(held.untilMs)})`;
  const [first = '', ...rest] = hang('  ! ', `${held.need}: ${held.message}${until}`, width);
  return [
    paint(first.slice(0, 4)) + first.slice(4),
    ...rest,
    ...held.details.flatMap((detail) => hang('      ', detail, width)).map(style.dim),
    ...(held.remedy === undefined ? [] : hang('      → ', held.remedy, width)),
  ];
}

function renderFooter(clusters: readonly ClusterPlan[], style: Style): string {
  const steps = clusters.flatMap((cluster) => cluster.steps);
  const held = clusters.reduce((sum, cluster) => sum + cluster.held.length, 0);
  const count = (mark: string, broker: boolean) =>
    steps.filter((step) => step.mark === mark && (step.brokerId !== undefined) === broker).length;
  // A broker may be changed without a restart too.
  const restarts = steps.filter((s) => s.mark === '~' && s.what.startsWith('restart ')).length;
  const always = [`${count('+', true)} to start`, `${restarts} to restart`, `${count('-', true)} to stop`];
  const others = [
    [count('+', false), 'to create'],
    [steps.filter((s) => s.mark === '~').length - restarts, 'to change'],
    [count('-', false), 'to delete'],
  ] as const;
  const parts = [...always, ...others.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`)];
  if (steps.every((step) => step.mark === '·') && held === 0) return style.bold('Plan: no changes.');
  return style.bold(`Plan: ${parts.join(', ')}; ${held} held.`);
}
