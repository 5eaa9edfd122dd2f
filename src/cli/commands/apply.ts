import { userInfo } from 'node:os';
import type { ApiClient } from '../../api/client.ts';
import type { ApplyAnswer } from '../../model/api.ts';
import type { ClusterStatus } from '../../model/status.ts';
import { type ClientOptions, connect } from '../connect.ts';
import type { Context } from '../context.ts';
import { type Convergence, convergence, worstOf } from '../convergence.ts';
import { UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { follow } from '../follow.ts';
import { renderPlan } from '../format/plan.ts';
import { dateTime, duration } from '../format/time.ts';
import { type OutputOptions, print } from '../output.ts';
import { readPlanFile, requestOf, requireSameFramework, type SavedPlan } from '../plan-file.ts';
import { reportHeld } from '../report-held.ts';
import { readSpecFiles } from '../spec-files.ts';
import { askAboutSpec } from '../spec-problems.ts';
import { plan } from './plan.ts';

export type ApplyOptions = ClientOptions &
  OutputOptions & {
    readonly file: readonly string[];
    readonly dryRun?: boolean;
    readonly takeOver?: boolean;
    /** A file that `plan --out` wrote, in the place of spec files. */
    readonly plan?: string;
    readonly wait?: boolean;
    /** Of `--wait`. */
    readonly timeout: number;
  };

export async function apply(context: Context, options: ApplyOptions): Promise<ExitCode> {
  if (options.plan !== undefined && (options.file.length > 0 || options.dryRun === true)) {
    throw new UsageError(
      '--plan has its spec files in it and was looked at',
      'leave --file and --dry-run out, or plan again',
    );
  }
  if (options.dryRun === true) {
    const { plan: _none, ...rest } = options;
    return plan(context, rest);
  }
  const saved = options.plan === undefined ? undefined : await readPlanFile(options.plan);
  const request = saved === undefined ? await readSpecFiles(options.file, context.io) : requestOf(saved);
  const client = await connect(context, options);
  if (saved !== undefined && options.plan !== undefined) {
    requireSameFramework(options.plan, saved, await client.scheduler());
    showSaved(context, saved, options);
  }
  const author = userInfo().username;
  const answer = await askAboutSpec(context, request, () =>
    client.apply({ ...request, author, ...(options.takeOver === true ? { takeOver: true } : {}) }),
  );
  await print(context, options, answer, () => answer.clusters.map(renderStored).join(''));
  if (options.wait === true) return wait(context, client, answer, options);
  if (options.output === undefined) {
    context.io.err('The scheduler goes on from here. Watch it with: kafka-mesos status --watch\n');
  }
  return exitCodes.ok;
}

/** On stderr when stdout is for programs. */
function showSaved(
  { io }: Context,
  { plan: shown, madeBy, madeAtMs }: SavedPlan,
  { output }: OutputOptions,
): void {
  const isForPrograms = output === 'json' || output === 'yaml';
  const style = isForPrograms ? io.errorStyle : io.style;
  const text = renderPlan(shown, { style, width: io.width, housekeeping: output === 'wide' });
  (isForPrograms ? io.err : io.out)(`Planned by ${madeBy} at ${dateTime(madeAtMs)}:\n\n${text}\n`);
}

function renderStored({ name, revision, changed, isRemoved }: ApplyAnswer['clusters'][number]): string {
  if (revision === 0 && isRemoved === true) return `cluster ${name}: is not there, so nothing is removed\n`;
  return `cluster ${name}: revision ${revision} ${changed ? 'stored' : 'unchanged'}\n`;
}

/**
 * How long a cluster has to be held before `--wait` believes it: just after an apply offers are still
 * coming in, and what nobody could place a moment ago finds its place.
 */
const heldForMs = 10_000;

async function wait(
  context: Context,
  client: ApiClient,
  { clusters }: ApplyAnswer,
  { timeout: timeoutMs, output }: ApplyOptions,
): Promise<ExitCode> {
  const judge = (statuses: readonly ClusterStatus[]): Convergence =>
    worstOf(
      clusters.map(({ name, revision, isRemoved }) =>
        convergence(
          statuses.find((one) => one.name === name),
          revision,
          isRemoved,
        ),
      ),
    );
  let heldSinceMs: number | undefined;
  const end = await follow(context, client, {
    clusterNames: clusters.map(({ name }) => name),
    timeoutMs,
    say: context.io.err,
    plain: output === 'json' || output === 'yaml',
    until: (statuses) => {
      const found = judge(statuses);
      if (found !== 'held') heldSinceMs = undefined;
      else heldSinceMs ??= context.nowMs();
      return (
        found === 'converged' || (heldSinceMs !== undefined && context.nowMs() - heldSinceMs >= heldForMs)
      );
    },
  });
  if (end.reason === 'interrupted') {
    context.io.err('Left. The scheduler goes on; watch it with: kafka-mesos status --watch\n');
    return exitCodes.detached;
  }
  const names = clusters.map(({ name }) => name).join(', ');
  switch (judge(end.last)) {
    case 'converged':
      context.io.err(`Converged: ${names}.\n`);
      return exitCodes.ok;
    case 'held':
      reportHeld(context, end.last, `Held: a person has to act.`);
      return exitCodes.held;
    case 'converging':
      reportHeld(context, end.last, `Not converged after ${duration(timeoutMs)}; the scheduler goes on.`);
      return exitCodes.stillConverging;
  }
}
