import type { Checked } from './checks.ts';
import { parseConstraint } from './constraint-text.ts';
import { defaults } from './defaults.ts';
import { didYouMean } from './did-you-mean.ts';
import type { ControllerListener, Defaults, Listener, ListenerChange, Override, Pool } from './document.ts';
import { formatPath, type Path } from './path.ts';
import type { Finding } from './problems.ts';
import { formatIds, parseIdRanges, parsePort } from './units.ts';

/** A scheduler looks at every broker on every pass: more than this in one cluster is a slip. */
const maxBrokers = 1000;

/** What can be judged field by field: ids, names, ports, placement rules. */
export function checkFields(checked: Checked): readonly Finding[] {
  return [
    ...checkListeners(checked),
    ...checkIds(checked),
    ...brokerFieldsOf(checked).flatMap(({ path, fields }) => checkBrokerFields(checked, path, fields)),
  ];
}

/** Every place where fields of brokers stand: the defaults, each pool, each override. */
export function brokerFieldsOf({ document, hasShape }: Checked): readonly {
  readonly path: Path;
  readonly fields: Defaults | Pool | Override;
}[] {
  const places: { path: Path; fields: Defaults | Pool | Override }[] = [];
  const add = (path: Path, fields: unknown): void => {
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields))
      places.push({ path, fields });
  };
  add(['spec', 'defaults'], document.spec?.defaults);
  for (const [index, pool] of listOf(document.spec?.pools).entries()) {
    add(['spec', 'pools', index], pool);
    for (const [id, override] of Object.entries(pool?.overrides ?? {})) {
      add(['spec', 'pools', index, 'overrides', id], override);
    }
  }
  return places.filter(({ path }) => hasShape(...path));
}

export function listOf<T>(value: readonly T[] | undefined): readonly T[] {
  return Array.isArray(value) ? value : [];
}

function checkListeners({ document, isSound }: Checked): readonly Finding[] {
  const findings: Finding[] = [];
  const places = new Map<string, number>();
  for (const [index, listener] of listOf<Listener>(document.spec?.listeners).entries()) {
    const path = ['spec', 'listeners', index] as const;
    if (isSound(...path, 'port')) findings.push(...checkPort([...path, 'port'], listener.port));
    if (!isSound(...path, 'name')) continue;
    const earlier = places.get(listener.name);
    if (listener.name === defaults.controllerListener) {
      findings.push({
        code: 'KM_SPEC_LISTENER',
        path: [...path, 'name'],
        message: 'CONTROLLER is the name of the listener between controllers',
        remedy: 'Choose another name; the ports of controllers are under `spec.controllerListener`.',
      });
    } else if (earlier !== undefined) {
      const message = `the name ${listener.name} is taken by \`spec.listeners[${earlier}]\``;
      findings.push({
        code: 'KM_SPEC_LISTENER',
        path: [...path, 'name'],
        message,
        remedy: 'Choose another name.',
      });
    }
    places.set(listener.name, index);
  }
  if (isSound('spec', 'controllerListener', 'port')) {
    const port = document.spec?.controllerListener?.port;
    findings.push(...checkPort(['spec', 'controllerListener', 'port'], port));
  }
  return findings;
}

function checkPort(path: Path, port: string | number | undefined): readonly Finding[] {
  if (port === undefined || parsePort(port) !== undefined) return [];
  return [
    {
      code: 'KM_SPEC_FORMAT',
      path,
      message: 'this is no port that can be',
      found: String(port),
      allowed: '1 to 65535, or a range with the lower end first',
    },
  ];
}

function checkIds({ document, isSound }: Checked): readonly Finding[] {
  const findings: Finding[] = [];
  const owners = new Map<number, string>();
  const names = new Map<string, number>();
  let count = 0;
  for (const [index, pool] of listOf<Pool>(document.spec?.pools).entries()) {
    const path = ['spec', 'pools', index] as const;
    if (isSound(...path, 'name')) {
      const earlier = names.get(pool.name);
      if (earlier !== undefined) {
        const message = `the name ${pool.name} is taken by \`spec.pools[${earlier}]\``;
        findings.push({
          code: 'KM_SPEC_POOL',
          path: [...path, 'name'],
          message,
          remedy: 'Choose another name.',
        });
      }
      names.set(pool.name, index);
    }
    if (!isSound(...path, 'ids')) continue;
    const ranges = parseIdRanges(pool.ids);
    count += (ranges ?? []).reduce((sum, { first, last }) => sum + last - first + 1, 0);
    if (ranges === undefined || count > maxBrokers) {
      findings.push({
        code: 'KM_SPEC_IDS',
        path: [...path, 'ids'],
        message:
          ranges === undefined
            ? 'these are no ids that can be'
            : `the cluster has more than ${maxBrokers} nodes`,
        found: String(pool.ids),
        allowed: ranges === undefined ? '0 to 2147483647, in a range the lower end first' : undefined,
      });
      // What follows would judge, and list, ids that nobody meant.
      return findings;
    }
    const twice = new Map<string, number[]>();
    for (const { first, last } of ranges) {
      for (let id = first; id <= last; id += 1) {
        const owner = owners.get(id);
        if (owner === undefined) owners.set(id, formatPath(path));
        else twice.set(owner, [...(twice.get(owner) ?? []), id]);
      }
    }
    for (const [owner, ids] of twice) {
      findings.push({
        code: 'KM_SPEC_DUPLICATE_ID',
        path: [...path, 'ids'],
        message: `${ids.length === 1 ? 'id' : 'ids'} ${formatIds(ids)} ${ids.length === 1 ? 'is' : 'are'} in \`${owner}.ids\` already`,
        remedy: 'An id names one node of the cluster: give each pool ids of its own.',
      });
    }
    if (isSound(...path, 'overrides')) findings.push(...checkOverrideIds(path, pool, ranges));
  }
  return findings;
}

function checkOverrideIds(
  path: Path,
  pool: Pool,
  ranges: readonly { readonly first: number; readonly last: number }[],
): readonly Finding[] {
  return Object.keys(pool.overrides ?? {}).flatMap((key) => {
    const id = Number(key);
    if (String(id) === key && ranges.some(({ first, last }) => first <= id && id <= last)) return [];
    return [
      {
        code: 'KM_SPEC_OVERRIDE',
        path: [...path, 'overrides', key],
        on: 'key' as const,
        message: `the pool has no broker ${key}`,
        allowed: String(pool.ids),
      },
    ];
  });
}

function checkBrokerFields(
  { document, isSound }: Checked,
  path: Path,
  fields: Defaults | Pool | Override,
): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [index, text] of listOf<string>(fields.constraints).entries()) {
    const place = [...path, 'constraints', index];
    const constraint = isSound(...place) ? parseConstraint(text) : 'any';
    if (constraint !== 'any' && 'wrong' in constraint) {
      findings.push({
        code: 'KM_SPEC_CONSTRAINT',
        path: place,
        message: `this is no placement rule: ${constraint.wrong}`,
        allowed: 'hostname unique, rack groupBy 3, zone like eu-.*, zone unlike test-.*, zone cluster eu-1',
      });
    }
  }
  if (isSound(...path, 'controllerListener', 'port')) {
    const listener: ControllerListener | undefined = fields.controllerListener;
    findings.push(...checkPort([...path, 'controllerListener', 'port'], listener?.port));
  }
  findings.push(...checkListenerChanges({ document, isSound }, [...path, 'listeners'], fields.listeners));
  for (const [index, option] of listOf<string>(fields.jvmOptions).entries()) {
    const place = [...path, 'jvmOptions', index];
    if (isSound(...place)) findings.push(...checkJvmOption(place, option));
  }
  return findings;
}

function checkListenerChanges(
  { document, isSound }: Pick<Checked, 'document' | 'isSound'>,
  path: Path,
  changes: Readonly<Record<string, ListenerChange>> | undefined,
): readonly Finding[] {
  const findings: Finding[] = [];
  const canJudgeNames = isSound('spec', 'listeners') && isSound(...path);
  const listeners = canJudgeNames ? (document.spec.listeners ?? [{ name: defaults.listener }]) : [];
  const known = listeners.map(({ name }) => name);
  for (const [name, change] of Object.entries(changes ?? {})) {
    if (isSound(...path, name, 'port')) findings.push(...checkPort([...path, name, 'port'], change?.port));
    if (!canJudgeNames || known.includes(name)) continue;
    const meant = didYouMean(name, known);
    findings.push({
      code: 'KM_SPEC_LISTENER',
      path: [...path, name],
      on: 'key',
      message: `\`spec.listeners\` has no ${name}`,
      allowed: known.join(', '),
      remedy: meant === undefined ? undefined : `Did you mean \`${meant}\`?`,
    });
  }
  return findings;
}

function checkJvmOption(path: Path, option: string): readonly Finding[] {
  if (!/^-(Xmx|Xms|XX:MaxHeapSize|XX:InitialHeapSize)/.test(option)) return [];
  const message = 'the size of the heap is set by kafka-mesos itself';
  return [{ code: 'KM_SPEC_OWNED_OPTION', path, message, remedy: 'Remove it and use `heap`.' }];
}
