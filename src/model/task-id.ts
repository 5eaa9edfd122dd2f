/** Task ids: `<cluster>.<broker>.<launches>.<time of the launch in ms, base 36>`. Never used twice. */

export type TaskIdParts = {
  readonly cluster: string;
  readonly broker: number;
  /** Which launch of its broker it is, from 1. */
  readonly launches: number;
  readonly launchedAtMs: number;
};

export function taskIdOf({ cluster, broker, launches, launchedAtMs }: TaskIdParts): string {
  return `${cluster}.${broker}.${launches}.${launchedAtMs.toString(36)}`;
}

/**
 * No task ever had it: asked for by this id, and the agent of a place that was left, the master says whether that agent was
 * marked gone (`Master::reconcile` judges by the agent where it knows no task).
 */
export const placeTaskId = (incarnation: string): string => `place-${incarnation}`;

/** Undefined for an id that is none of ours. */
export function parseTaskId(taskId: string): TaskIdParts | undefined {
  const match = /^(.+)\.(\d{1,9})\.(\d{1,9})\.([0-9a-z]{1,11})$/.exec(taskId);
  const [, cluster, broker, launches, time] = match ?? [];
  return cluster === undefined || broker === undefined || launches === undefined || time === undefined
    ? undefined
    : {
        cluster,
        broker: Number(broker),
        launches: Number(launches),
        launchedAtMs: Number.parseInt(time, 36),
      };
}
