/** Saved plans: what `plan --out` writes and `apply --plan` reads. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import type { ApplyRequest, PlanAnswer, SchedulerStatus, SpecRequest } from '../model/api.ts';
import { CommandError } from './errors.ts';
import { dateTime } from './format/time.ts';

/** Specs, and what was shown of them: nothing else is read when the plan is applied. */
export type SavedPlan = {
  readonly kind: 'kafka-mesos plan';
  /** Of this file. */
  readonly format: 1;
  readonly madeAtMs: number;
  readonly madeBy: string;
  readonly version: string;
  readonly framework: { readonly name: string; readonly id?: string };
  readonly files: SpecRequest['files'];
  readonly plan: PlanAnswer;
};

const format = 1;
/** The specs and their plan, which is smaller. */
const maxBytes = 16 * 1024 * 1024;

/** Whole or not at all, and for this user only: specs may say what not everybody is to know. */
export async function writePlanFile(path: string, plan: Omit<SavedPlan, 'kind' | 'format'>): Promise<void> {
  const saved: SavedPlan = { kind: 'kafka-mesos plan', format, ...plan };
  const temporary = `${path}.${randomBytes(4).toString('hex')}.part`;
  try {
    await writeFile(temporary, `${JSON.stringify({ ...saved, sha256: digest(saved) }, undefined, 1)}\n`, {
      mode: 0o600,
      flag: 'wx',
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new CommandError('KM_CLI_FILE', `the plan cannot be saved to ${path}: ${reasonOf(error)}`, {
      cause: error,
      remedy: 'nothing was changed; name another file by --out',
    });
  }
}

/** Rejects with `CommandError` `KM_CLI_PLAN_FILE` for a file that is none of ours, edited, or of another version. */
export async function readPlanFile(path: string): Promise<SavedPlan> {
  const refuse = (why: string, cause?: unknown) =>
    new CommandError('KM_CLI_PLAN_FILE', `${path} ${why}`, { cause, remedy: planAgain(path) });
  let text: string;
  try {
    if ((await stat(path)).size > maxBytes) throw refuse('is too large for a saved plan');
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError('KM_CLI_FILE', `cannot read ${path}: ${reasonOf(error)}`, {
      cause: error,
      remedy: planAgain(path),
    });
  }
  let read: Partial<SavedPlan> & { readonly sha256?: string };
  try {
    read = JSON.parse(text);
  } catch (error) {
    throw refuse('is no saved plan', error);
  }
  if (read?.kind !== 'kafka-mesos plan') throw refuse('is no saved plan');
  if (read.format !== format) {
    throw refuse(`is a plan of another version (${read.version ?? 'unknown'}, format ${read.format})`);
  }
  const { sha256, ...saved } = read;
  if (sha256 !== digest(saved)) throw refuse('was edited or cut off since it was written');
  return saved as SavedPlan;
}

/** Rejects a plan that another framework's scheduler made. */
export function requireSameFramework(
  path: string,
  { framework, madeAtMs, madeBy }: SavedPlan,
  now: Pick<SchedulerStatus, 'frameworkId' | 'frameworkName'>,
): void {
  const isSameId =
    framework.id === undefined || now.frameworkId === undefined || framework.id === now.frameworkId;
  if (isSameId && framework.name === now.frameworkName) return;
  const name = (one: { readonly name: string; readonly id?: string | undefined }) =>
    `${one.name}${one.id === undefined ? '' : ` (${one.id})`}`;
  throw new CommandError(
    'KM_CLI_PLAN_FILE',
    `${path} was made by ${madeBy} at ${dateTime(madeAtMs)} for the framework ${name(framework)}, and this scheduler runs ${name({ name: now.frameworkName, id: now.frameworkId })}`,
    {
      remedy: 'choose the scheduler that it was made with by --context or --api, or plan again with this one',
    },
  );
}

/** What to ask so that exactly the saved plan is applied, or nothing. */
export function requestOf(saved: SavedPlan): Omit<ApplyRequest, 'author'> {
  const { clusters } = saved.plan;
  return {
    files: saved.files,
    expectedRevisions: Object.fromEntries(clusters.map(({ name, revision }) => [name, revision])),
    expectedIndexes: Object.fromEntries(
      clusters.flatMap(({ name, index }) => (index === undefined ? [] : [[name, index]])),
    ),
  };
}

function planAgain(path: string): string {
  return `plan again: kafka-mesos plan -f SPEC --out ${path}`;
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words = {
    ENOENT: 'there is no such file or directory',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
    ENOSPC: 'the disk is full',
  };
  return words[code as keyof typeof words] ?? message;
}
