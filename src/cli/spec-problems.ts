import type { SpecChecker } from '../api/route.ts';
import type { SpecProblem, SpecRequest } from '../model/api.ts';
import { count } from '../model/count.ts';
import { SpecError } from '../model/errors.ts';
import { type ParsedSpec, parseSpec } from '../spec/parse.ts';
import { toSpecProblem } from '../spec/problems.ts';
import { renderProblems } from '../spec/render-problems.ts';
import { clusterSchema } from '../spec/schema.ts';
import type { Context } from './context.ts';
import { readSpec } from './read-spec.ts';

/** Shows mistakes and warnings on stderr, each with its line of the file. */
export function showProblems(
  context: Context,
  problems: readonly SpecProblem[],
  { files }: SpecRequest,
): void {
  const placed = problems.map(({ file, line, column, ...rest }) => ({
    ...rest,
    place: { file, line, column },
  }));
  context.io.err(renderProblems(placed, { files, colour: context.io.errorStyle.colour }));
}

/** Asks the scheduler about spec files; when it finds mistakes in them they are shown before the error is thrown. */
export async function askAboutSpec<Answer extends { readonly warnings: readonly SpecProblem[] }>(
  context: Context,
  request: SpecRequest,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  try {
    const answer = await ask();
    showProblems(context, answer.warnings, request);
    return answer;
  } catch (error) {
    if (error instanceof SpecError) showProblems(context, error.problems, request);
    throw error;
  }
}

/** What the API says of spec files without asking the scheduler. */
export const specChecker: SpecChecker = {
  async validate({ files }) {
    const { clusters, problems } = await readSpec(files);
    return {
      valid: problems.every(({ severity }) => severity !== 'error'),
      clusters: clusters.map(({ desired }) => desired.name),
      problems: problems.map(toSpecProblem),
    };
  },
  schema: () => clusterSchema,
};

/** Makes the first reading as quick as the next. */
export function warmUpParser(): void {
  parseSpec([{ path: '', text: 'kind: KafkaCluster' }]);
}

/** Throws for what has errors a `SpecError` that carries every problem. */
export function validOf(parsed: ParsedSpec): ParsedSpec {
  const errors = parsed.problems.filter((p) => p.severity === 'error');
  if (errors.length > 0) {
    throw new SpecError('KM_SPEC_INVALID', `the spec has ${count(errors.length, 'error')}`, {
      problems: parsed.problems.map(toSpecProblem),
    });
  }
  return parsed;
}

export function warningsOf(parsed: ParsedSpec): readonly SpecProblem[] {
  return parsed.problems.map(toSpecProblem);
}
