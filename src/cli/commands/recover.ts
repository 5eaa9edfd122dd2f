import { userInfo } from 'node:os';
import { parseSpec } from '../../spec/parse.ts';
import { createLogger } from '../../sys/logger.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { renderPlan } from '../format/plan.ts';
import { hang } from '../format/text.ts';
import { prepareRecovery, type Recovery, writeRecovery } from '../recover-store.ts';
import type { SchedulerOptions } from '../scheduler-options.ts';
import { logExposed, readSecret } from '../secret-files.ts';
import { readSpecFiles } from '../spec-files.ts';
import { askAboutSpec, validOf, warningsOf } from '../spec-problems.ts';
import { openStoreBacking } from '../store-backing.ts';

/** Reads and shows; writes only with `confirm`. Exit code 1 when something does not add up. */
export async function recoverStore(
  context: Context,
  options: SchedulerOptions,
  flags: { readonly file: readonly string[]; readonly frameworkId?: string; readonly confirm?: boolean },
): Promise<ExitCode> {
  const request = await readSpecFiles(flags.file, context.io);
  const { clusters } = await askAboutSpec(context, request, async () => {
    const parsed = validOf(parseSpec(request.files));
    return { clusters: parsed.clusters, warnings: warningsOf(parsed) };
  });
  const logger = createLogger({ level: options.logLevel });
  const secret =
    options.secretPath === undefined
      ? options.secret
      : await readSecret(options.secretPath, '--secret-file', logExposed(logger));
  const recovery = await prepareRecovery({
    master: options.master,
    frameworkName: options.frameworkName,
    role: options.role,
    ...(flags.frameworkId === undefined ? {} : { frameworkId: flags.frameworkId }),
    ...(secret === undefined ? {} : { credentials: { principal: options.principal, secret } }),
    clusters,
    author: userInfo().username,
    logger,
  });
  context.io.out(render(recovery, context));
  if (recovery.recovered.problems.length > 0) return exitCodes.failed;
  if (flags.confirm !== true) {
    context.io.out('Nothing was written. Add --confirm to write this into the store.\n');
    return exitCodes.ok;
  }
  const backing = await openStoreBacking(options.store, { logger, self: 'recovery' });
  try {
    await writeRecovery(backing.store, recovery);
  } finally {
    await backing.close();
  }
  context.io.out('Written. Start the scheduler: it does nothing but what the plan above says.\n');
  return exitCodes.ok;
}

function render({ recovered, plan }: Recovery, { io }: Context): string {
  const lines: string[] = [];
  const section = (title: string, items: readonly string[]): void => {
    if (items.length > 0)
      lines.push(io.style.bold(title), ...items.flatMap((i) => hang('  - ', i, io.width)), '');
  };
  lines.push(`Framework ${recovered.framework?.frameworkId ?? 'not found'}`, '');
  for (const { spec, cluster, brokers } of recovered.clusters) {
    section(
      `Cluster ${spec.desired.name}${cluster === undefined ? '' : ` (id ${cluster.clusterId})`}`,
      brokers.map(
        ({ id, task, placement }) =>
          `broker ${id} on ${placement?.hostname ?? 'no agent'}: ${task === undefined ? 'does not run' : `task ${task.taskId}`}`,
      ),
    );
  }
  section('Assumed', recovered.notes);
  section('Problems', recovered.problems);
  return `${lines.join('\n')}\n${recovered.problems.length > 0 ? '' : `What the scheduler would do then:\n\n${renderPlan(plan, { style: io.style, width: io.width })}`}`;
}
