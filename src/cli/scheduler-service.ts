/** The API's service over the reconciler. */
import { readSandboxTail } from '../mesos/sandbox.ts';
import type {
  ApplyAnswer,
  ApplyRequest,
  LogRequest,
  PlanAnswer,
  SchedulerService,
  SchedulerStatus,
  SpecProblem,
  SpecRequest,
} from '../model/api.ts';
import { SpecError, UnavailableError } from '../model/errors.ts';
import type { Reconciler } from '../reconciler/reconciler.ts';
import { type ParsedSpec, parseSpec } from '../spec/parse.ts';
import { toSpecProblem } from './spec-problems.ts';

export function createSchedulerService(deps: {
  readonly reconciler: Reconciler;
  readonly identity: Pick<SchedulerStatus, 'version' | 'frameworkName' | 'role' | 'master' | 'startedAtMs'>;
  readonly credential?: { readonly principal: string; readonly secret: string };
}): SchedulerService {
  const { reconciler } = deps;
  return {
    scheduler: () => {
      const frameworkId = reconciler.frameworkId();
      return {
        ...deps.identity,
        ...(frameworkId === undefined ? {} : { frameworkId }),
        ...reconciler.counters(),
      };
    },
    clusters: () => reconciler.statuses(),
    cluster: (name) => reconciler.statuses().find((c) => c.name === name),
    spec: async (name) => reconciler.spec(name),
    async plan(request: SpecRequest): Promise<PlanAnswer> {
      const parsed = parse(request);
      return {
        clusters: reconciler.preview(parsed.clusters.map((c) => c.desired)),
        warnings: warningsOf(parsed),
      };
    },
    async apply(request: ApplyRequest): Promise<ApplyAnswer> {
      const parsed = parse(request);
      const clusters = await reconciler.apply(parsed.clusters, request.author, request.expectedRevisions);
      return { clusters, warnings: warningsOf(parsed) };
    },
    readLog: (request) => readLog(request),
  };

  async function readLog({ clusterName, brokerId, file, bytes }: LogRequest) {
    const record = reconciler
      .memory()
      .find((c) => c.spec.desired.name === clusterName)
      ?.brokers.get(brokerId);
    const taskId = record?.task?.taskId ?? record?.last?.taskId;
    const agentUrl = record?.placement?.agentUrl;
    const frameworkId = reconciler.frameworkId();
    if (record === undefined || taskId === undefined || agentUrl === undefined || frameworkId === undefined) {
      throw new UnavailableError(
        'KM_UNAVAILABLE_LOG',
        `broker ${brokerId} of ${clusterName} was never launched, so it has no log`,
        {
          remedy: `see why by \`kafka-mesos describe broker ${brokerId}\``,
        },
      );
    }
    const tail = await readSandboxTail({
      agentUrl: agentUrl.replace(/\/slave\(\d+\)$/, ''),
      frameworkId,
      executorId: taskId,
      file,
      bytes,
      ...(deps.credential === undefined ? {} : { credential: deps.credential }),
    });
    return { ...tail, agent: record.placement?.hostname ?? '' };
  }
}

function parse(request: SpecRequest): ParsedSpec {
  const parsed = parseSpec(request.files);
  const errors = parsed.problems.filter((p) => p.severity === 'error');
  if (errors.length > 0) {
    throw new SpecError(
      'KM_SPEC_INVALID',
      `the spec has ${errors.length} error${errors.length === 1 ? '' : 's'}`,
      { problems: parsed.problems.map(toSpecProblem) },
    );
  }
  return parsed;
}

function warningsOf(parsed: ParsedSpec): readonly SpecProblem[] {
  return parsed.problems.map(toSpecProblem);
}
