import { userInfo } from 'node:os';
import { type ClientOptions, connect } from '../connect.ts';
import type { Context } from '../context.ts';
import { CommandError, UsageError } from '../errors.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { hasChanges, renderPlan } from '../format/plan.ts';
import { type OutputOptions, print } from '../output.ts';
import { writePlanFile } from '../plan-file.ts';
import { readSpecFiles } from '../spec-files.ts';
import { askAboutSpec } from '../spec-problems.ts';

export type PlanOptions = ClientOptions &
  OutputOptions & {
    readonly file: readonly string[];
    readonly cluster?: string;
    readonly detailedExitcode?: boolean;
    /** Where to save it for `apply --plan`. */
    readonly out?: string;
  };

export async function plan(context: Context, options: PlanOptions): Promise<ExitCode> {
  const { out } = options;
  if (out !== undefined && options.cluster !== undefined) {
    throw new UsageError('--out saves the plan of all clusters in the files', 'leave --cluster out');
  }
  const request = await readSpecFiles(options.file, context.io);
  const client = await connect(context, options);
  const answer = await askAboutSpec(context, request, () => client.plan(request));
  const clusters = answer.clusters.filter(
    ({ name }) => options.cluster === undefined || name === options.cluster,
  );
  if (clusters.length === 0 && options.cluster !== undefined) {
    throw new CommandError('KM_CLI_NO_CLUSTER', `no cluster named ${options.cluster} is in these files`, {
      remedy: `there is ${answer.clusters.map(({ name }) => name).join(', ') || 'none'}`,
    });
  }
  const shown = { ...answer, clusters };
  await print(context, options, shown, (wide) =>
    renderPlan(shown, { style: context.io.style, width: context.io.width, housekeeping: wide }),
  );
  if (out !== undefined) {
    if (answer.clusters.some(({ index }) => index === undefined)) {
      throw new CommandError(
        'KM_CLI_NO_INDEX',
        'this scheduler is older, and could not hold a saved plan to it',
        {
          remedy: 'update the scheduler, or apply the files themselves: kafka-mesos apply -f FILE',
        },
      );
    }
    const { frameworkName, frameworkId } = await client.scheduler();
    await writePlanFile(out, {
      madeAtMs: context.nowMs(),
      madeBy: userInfo().username,
      version: context.version,
      framework: { name: frameworkName, ...(frameworkId === undefined ? {} : { id: frameworkId }) },
      files: request.files,
      plan: answer,
    });
    context.io.err(`Saved. Apply exactly this by: kafka-mesos apply --plan ${out}\n`);
  }
  return options.detailedExitcode === true && hasChanges(shown) ? exitCodes.changes : exitCodes.ok;
}
