/** Which files ceased to be followed, though nobody asked for that, and which are again: worth an event once. */
import type { EventsRecord } from '../model/records.ts';
import type { SourceLine } from '../model/source.ts';
import type { ClusterEvent } from '../model/status.ts';

export type ToldSources = NonNullable<EventsRecord['toldSources']>;

type News = Pick<ClusterEvent, 'severity' | 'message'> & { readonly clusterName: string };

/** More of one kind in a look are told together: a wrong branch is one piece of news. */
const toldSingly = 3;
/** More are not remembered, and told again by who takes over. */
const maxTold = 2_000;

/** `told`: the troubles by cluster name, the directory's under the empty one; itself when there is nothing to tell. */
export function foldSources(
  told: ToldSources,
  lines: readonly SourceLine[],
): { readonly told: ToldSources; readonly news: readonly News[] } {
  const before = new Map(Object.entries(told));
  const fresh = lines.filter(({ name, state }) => isTrouble(state) && before.get(name) !== state);
  const over = lines.filter(({ name, state }) => before.has(name) && (state === 'well' || state === 'quiet'));
  const known = new Set(lines.map(({ name }) => name));
  const gone = [...before.keys()].filter((name) => !known.has(name));
  if (fresh.length === 0 && over.length === 0 && gone.length === 0) return { told, news: [] };
  const news: News[] = [];
  for (const group of Map.groupBy(fresh, ({ state }) => state).values()) {
    news.push(...tell('warning', group, ({ message }) => message, 'are not followed'));
  }
  const mended = over.filter(({ state }) => state === 'well');
  news.push(...tell('info', mended, ({ message }) => `in order again: ${message}`, 'are followed again'));
  const ended = new Set([...over.map(({ name }) => name), ...gone]);
  const next = [
    ...[...before].filter(([name]) => !ended.has(name)),
    ...fresh.map(({ name, state }) => [name, state] as const),
  ];
  return { told: Object.fromEntries(next.slice(-maxTold)), news };
}

const isTrouble = (state: SourceLine['state']): boolean =>
  state !== 'well' && state !== 'quiet' && state !== 'away';

function tell(
  severity: News['severity'],
  lines: readonly SourceLine[],
  words: (line: SourceLine) => string,
  together: string,
): readonly News[] {
  const clusters = lines.filter(({ name }) => name !== '');
  const [first] = clusters;
  const isMany = clusters.length > toldSingly;
  const single = isMany ? lines.filter(({ name }) => name === '') : lines;
  return [
    ...single.map((line) => ({ clusterName: line.name, severity, message: words(line) })),
    ...(isMany && first !== undefined
      ? [
          {
            clusterName: '',
            severity,
            message: `${clusters.length} clusters ${together}, among them ${first.name}: ${words(first)}`,
          },
        ]
      : []),
  ];
}
