import { hostname } from 'node:os';
import { type ApiClient, createApiClient } from '../api/client.ts';
import { isLoopback } from '../api/listen-address.ts';
import { NotLeaderError } from '../model/errors.ts';

/**
 * A client that goes over to the leader when a standby says that it is one, and stays there: what is asked
 * after a write is asked of who did it. Only on this machine, because an API is on loopback: elsewhere the
 * address would be that of another program. The token has to be the same (`scheduler --token-file`).
 */
export function followLeader(first: ApiClient, token: string): ApiClient {
  let current = first;
  const following = async <T>(ask: (client: ApiClient) => Promise<T>): Promise<T> => {
    try {
      return await ask(current);
    } catch (error) {
      const url = error instanceof NotLeaderError ? reachable(error) : undefined;
      if (url === undefined) throw error;
      current = createApiClient({ url, token });
      return ask(current);
    }
  };
  return {
    health: () => current.health(),
    scheduler: () => current.scheduler(),
    clusters: () => current.clusters(),
    cluster: (name) => current.cluster(name),
    spec: (name) => current.spec(name),
    revisions: (name) => following((client) => client.revisions(name)),
    plan: (request) => following((client) => client.plan(request)),
    apply: (request) => following((client) => client.apply(request)),
    setIntent: (request) => following((client) => client.setIntent(request)),
    teardown: (request) => following((client) => client.teardown(request)),
    readLog: (request) => following((client) => client.readLog(request)),
  };
}

function reachable({ leader }: NotLeaderError): string | undefined {
  if (leader === undefined || leader.host !== hostname() || !URL.canParse(leader.apiUrl)) return undefined;
  const { hostname: address } = new URL(leader.apiUrl);
  return isLoopback(address.replace(/^\[|\]$/g, '')) ? leader.apiUrl : undefined;
}
