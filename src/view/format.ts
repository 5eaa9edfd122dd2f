/** Numbers and times in words, short enough for a table. */

/** `12s`, `2m10s`, `3h05m`, `4d02h`. Never negative. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.round(durationMs / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${two(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

/** An age, in one unit: it is read at a glance and should not tick more than needed. */
export function formatAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Time of day, `12:40:07`, at the given offset from UTC. */
export function formatTime(atMs: number, utcOffsetMinutes: number): string {
  const seconds = Math.floor(atMs / 1000) + utcOffsetMinutes * 60;
  const inDay = ((seconds % 86_400) + 86_400) % 86_400;
  return [Math.floor(inDay / 3600), Math.floor(inDay / 60) % 60, inDay % 60].map(two).join(':');
}

/** Time of day, with its date before it once half a day or more lies between. */
export function formatDayTime(atMs: number, nowMs: number, utcOffsetMinutes: number): string {
  const time = formatTime(atMs, utcOffsetMinutes);
  if (Math.abs(nowMs - atMs) < 43_200_000) return time;
  const date = new Date(atMs + utcOffsetMinutes * 60_000);
  return Number.isNaN(date.getTime()) ? time : `${date.toISOString().slice(0, 10)} ${time}`;
}

/** `until 12:40:07 (2m10s)`, and `until now` once it has passed. */
export function formatUntil(untilMs: number, nowMs: number, utcOffsetMinutes: number): string {
  if (untilMs <= nowMs) return 'until now';
  return `until ${formatTime(untilMs, utcOffsetMinutes)} (${formatDuration(untilMs - nowMs)})`;
}

/** Three digits at most: `812 B`, `1.5 MiB`, `130 MiB`. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

const two = (value: number): string => String(value).padStart(2, '0');
