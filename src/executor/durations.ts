/** Milliseconds in one of each unit that Mesos writes (stout `Duration`). */
const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  secs: 1_000,
  mins: 60_000,
  hrs: 3_600_000,
  days: 86_400_000,
  weeks: 604_800_000,
};

/**
 * Reads a duration as Mesos puts it into an executor's environment (`15mins`, `2secs`, `1.5hrs`).
 *
 * @returns milliseconds, or undefined for anything else.
 */
export function parseMesosDuration(text: string | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ns|us|ms|secs|mins|hrs|days|weeks)$/.exec(text?.trim() ?? '');
  const unit = unitMs[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}
