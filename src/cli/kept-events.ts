import type { ApiClient } from '../api/client.ts';
import type { EventPage } from '../model/api.ts';

/** As many as one answer of the API has at most. */
const pageSize = 1000;

/** All that are kept, oldest first: of one cluster, or of all and of the framework itself. */
export async function keptEvents(client: ApiClient, clusterName?: string): Promise<EventPage['events']> {
  const found: EventPage['events'][number][] = [];
  for (let afterSeq = 0; ; ) {
    const page = await client.events({
      afterSeq,
      limit: pageSize,
      ...(clusterName === undefined ? {} : { clusterName }),
    });
    found.push(...page.events);
    if (page.events.length < pageSize || page.lastSeq === undefined) return found;
    afterSeq = page.lastSeq;
  }
}
