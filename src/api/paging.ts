import type { Call } from './route.ts';

type PageQuery<Cursor> = { readonly limit?: number; readonly after?: Cursor };

/**
 * What of a list is answered. The cursor is something of the items themselves (a name, an id), so that it stays good
 * when items come and go between two pages. The next page, where there may be one, is named by `Link` (RFC 8288).
 */
export function pageOf<Item, Cursor extends string | number>(
  { query, request, reply }: Pick<Call<unknown, PageQuery<Cursor>>, 'query' | 'request' | 'reply'>,
  items: readonly Item[],
  cursorOf: (item: Item) => Cursor,
  order: 'ascending' | 'descending' = 'ascending',
): readonly Item[] {
  const { limit = defaultLimitOf(request.routeOptions.url), after } = query;
  if (limit === undefined && after === undefined) return items;
  const sign = order === 'ascending' ? 1 : -1;
  const compare = (a: Cursor, b: Cursor) => (a < b ? -sign : a > b ? sign : 0);
  const left = items
    .filter((item) => after === undefined || compare(cursorOf(item), after) > 0)
    .toSorted((a, b) => compare(cursorOf(a), cursorOf(b)));
  const page = left.slice(0, limit);
  const last = page.at(-1);
  if (last !== undefined && page.length < left.length) {
    const next = new URLSearchParams({ limit: String(limit), after: String(cursorOf(last)) });
    const path = request.url.split('?', 1)[0] ?? '';
    reply.header('link', `<${path}?${next}>; rel="next"`);
  }
  return page;
}

/** Clusters are few, and asked for whole by clients of before there were pages. */
function defaultLimitOf(route: string | undefined): number | undefined {
  return route === '/v1/clusters' ? undefined : 100;
}
