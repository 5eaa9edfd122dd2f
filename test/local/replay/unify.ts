/**
 * Compares what was recorded with what the model says, under the normalisations named here.
 *
 * N1 ids: a recorded offer id, framework id, uuid or container id stands for one id of the model, one to one, for
 *    the whole run. So a resent update must have the uuid it had before. (Agent, task and executor
 *    ids are equal as they stand.)
 * N2 times: status timestamps and `*_time` fields must lie within `timeToleranceMs`.
 *    `registered_time` of agents and all times of frameworks and of the master are only compared for presence, since the
 *    agents of the recordings registered before their first line.
 * N3 sets: resources, offers of one event or answer, tasks and frameworks of an answer have no order.
 * N4 resource lists inside "Total resources …" and "… does not contain …" messages have no order either.
 * N5 an empty list equals an absent one; so do, in the protobuf runs, the enum defaults IPv4 and VALUE.
 * N10 where the recorder cut an object (`"(trimmed)": true` in it, or in a part of it), only what it left is compared.
 * N11 `executor_pid` may lack in what was recorded: the agent looked when the process had ended.
 */
export type Bindings = Map<string, string>;

export type Tolerance = {
  readonly timeToleranceMs: number;
  /** The whole is cut: only what was recorded is compared. */
  readonly isCut?: boolean;
};

/** The first difference as text, or undefined; on success `bindings` has learned the new ids. */
export function unify(
  recorded: unknown,
  actual: unknown,
  bindings: Bindings,
  tolerance: Tolerance,
): string | undefined {
  const trial: Trial = { bindings: new Map(bindings), tolerance };
  const difference = compare(recorded, actual, [], trial);
  if (difference === undefined) for (const [key, value] of trial.bindings) bindings.set(key, value);
  return difference;
}

type Trial = { readonly bindings: Bindings; readonly tolerance: Tolerance };

const defaults: Readonly<Record<string, unknown>> = { protocol: 'IPv4', type: 'VALUE' };

const sets = new Set([
  'resources',
  'total_resources',
  'allocated_resources',
  'offered_resources',
  'offers',
  'inverse_offers',
  'tasks',
  'unreachable_tasks',
  'completed_tasks',
  'frameworks',
  'agents',
  'recovered_agents',
]);

function compare(recorded: unknown, actual: unknown, path: string[], trial: Trial): string | undefined {
  const key = path.at(-1) ?? '';
  if (isEmpty(recorded) && isEmpty(actual)) return undefined;
  if (Array.isArray(recorded) && Array.isArray(actual)) {
    if (recorded.length !== actual.length) return differ(recorded, actual, path);
    return sets.has(key)
      ? compareSets(recorded, actual, path, trial)
      : compareLists(recorded, actual, path, trial);
  }
  if (isObject(recorded) && isObject(actual)) {
    const names =
      trial.tolerance.isCut === true || isCut(recorded)
        ? Object.keys(recorded).filter((name) => name !== cutMark)
        : new Set([...Object.keys(recorded), ...Object.keys(actual)]);
    for (const name of names) {
      const difference = compare(recorded[name], actual[name], [...path, name], trial);
      if (difference !== undefined) return difference;
    }
    return undefined;
  }
  if (key === 'executor_pid' && recorded === undefined) return undefined;
  // A protobuf run shows no field that was not on the wire; Mesos' JSON shows some defaults.
  if (recorded === undefined && actual === defaults[key]) return undefined;
  if (isTime(path)) return compareTimes(recorded, actual, path, trial);
  if (isId(path) && typeof recorded === 'string' && typeof actual === 'string') {
    return bind(recorded, actual, path, trial);
  }
  if (key === 'message' && typeof recorded === 'string' && typeof actual === 'string') {
    const translated = translate(recorded, trial.bindings);
    return sortedMessage(translated) === sortedMessage(actual) ? undefined : differ(translated, actual, path);
  }
  return recorded === actual ? undefined : differ(recorded, actual, path);
}

const cutMark = '(trimmed)';

function isCut(recorded: Record<string, unknown>): boolean {
  return [recorded, ...Object.values(recorded)].some((one) => isObject(one) && one[cutMark] === true);
}

function compareLists(recorded: unknown[], actual: unknown[], path: string[], trial: Trial) {
  for (const [index, one] of recorded.entries()) {
    const difference = compare(one, actual[index], [...path, String(index)], trial);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function compareSets(recorded: unknown[], actual: unknown[], path: string[], trial: Trial) {
  const left = [...actual];
  for (const one of recorded) {
    const index = left.findIndex((other) => {
      const inner: Trial = { ...trial, bindings: new Map(trial.bindings) };
      return compare(one, other, [...path, '*'], inner) === undefined;
    });
    if (index < 0) return differ(recorded, actual, path);
    compare(one, left[index], [...path, '*'], trial);
    left.splice(index, 1);
  }
  return undefined;
}

function isId(path: readonly string[]): boolean {
  const [parent, key] = [path.at(-2), path.at(-1)];
  if (key === 'uuid' || key === 'status_update_uuid') return true;
  return (
    key === 'value' &&
    (parent === 'uuid' ||
      parent === 'framework_id' ||
      parent === 'container_id' ||
      parent === 'offer_id' ||
      parent === 'inverse_offer_id' ||
      (parent === 'id' && (path.includes('offers') || path.includes('inverse_offers'))))
  );
}

function isTime(path: readonly string[]): boolean {
  const [parent = '', key = ''] = [path.at(-2), path.at(-1)];
  return (
    /^(timestamp|start_time|elected_time)$/.test(key) ||
    (key === 'nanoseconds' && /(_time|^timestamp)$/.test(parent))
  );
}

function compareTimes(recorded: unknown, actual: unknown, path: string[], trial: Trial) {
  const key = path.at(-1);
  if (typeof recorded !== 'number' || typeof actual !== 'number') return differ(recorded, actual, path);
  if (key === 'start_time' || key === 'elected_time') return undefined;
  if (path.includes('frameworks') || path.includes('completed_frameworks')) return undefined;
  if (path.includes('registered_time')) return undefined;
  const perMs = path.at(-1) === 'timestamp' ? 0.001 : 1_000_000;
  const offMs = Math.abs(recorded - actual) / perMs;
  return offMs <= trial.tolerance.timeToleranceMs ? undefined : differ(recorded, actual, path);
}

function bind(recorded: string, actual: string, path: string[], trial: Trial): string | undefined {
  const there = `>${recorded}`;
  const back = `<${actual}`;
  const [known, inverse] = [trial.bindings.get(there), trial.bindings.get(back)];
  if (known === actual && inverse === recorded) return undefined;
  if (known !== undefined || inverse !== undefined) return differ(recorded, actual, path);
  trial.bindings.set(there, actual);
  trial.bindings.set(back, recorded);
  return undefined;
}

/** Recorded ids in a text or request become the model's. */
export function translate(text: string, bindings: Bindings): string {
  const whole = bindings.get(`>${text}`);
  if (whole !== undefined) return whole;
  return text.replace(/[0-9a-f-]{36}(?:-(?:O\d+|\d{4}))?/g, (id) => bindings.get(`>${id}`) ?? id);
}

function sortedMessage(message: string): string {
  const missing = /^(.*) does not contain (.*)$/.exec(message);
  if (missing !== null) return missing.slice(1).map(sortedList).join(' | ');
  if (!message.startsWith('Total resources')) return message;
  const [, needed = '', offered = ''] =
    /^Total resources (.*) required by task and its executor is more than available (.*)$/.exec(message) ??
    [];
  return [needed, offered].map(sortedList).join(' | ');
}

function sortedList(list: string): string {
  return list.split('; ').toSorted().join('; ');
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function differ(recorded: unknown, actual: unknown, path: readonly string[]): string {
  return `${path.join('.')}: recorded ${shown(recorded)}, model ${shown(actual)}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 1500 ? `${text.slice(0, 1500)}…` : text;
}
