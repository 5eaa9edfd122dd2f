import { count } from '../../model/count.ts';
import { parseSpec } from '../../spec/parse.ts';
import { toSpecProblem } from '../../spec/problems.ts';
import { renderProblems } from '../../spec/render-problems.ts';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import { type OutputOptions, print } from '../output.ts';
import { readSpecFiles } from '../spec-files.ts';

export type ValidateOptions = OutputOptions & { readonly file: readonly string[] };

/** Asks nobody: the same checks that the scheduler makes on apply. */
export async function validate(context: Context, options: ValidateOptions): Promise<ExitCode> {
  const { files } = await readSpecFiles(options.file, context.io);
  const { clusters, problems } = parseSpec(files);
  const valid = problems.every((problem) => problem.severity !== 'error');
  const names = clusters.map(({ desired }) => desired.name);
  const forPrograms = options.output === 'json' || options.output === 'yaml';
  if (!forPrograms) {
    context.io.err(renderProblems(problems, { files, colour: context.io.errorStyle.colour }));
  }
  const answer = { valid, clusters: names, problems: problems.map(toSpecProblem) };
  await print(context, options, answer, () =>
    valid ? `${count(files.length, 'file')}: valid (${names.join(', ') || 'no cluster'})\n` : '',
  );
  return valid ? exitCodes.ok : exitCodes.failed;
}
