import { hostname } from 'node:os';
import { type ApiClient, type ApiClientOptions, createApiClient } from '../api/client.ts';
import { isLoopback } from '../api/listen-address.ts';
import { NotLeaderError } from '../model/errors.ts';

/**
 * A client that goes over to the leader when a standby says that it is one, and stays there: what is asked
 * after a write is asked of who did it. A leader on loopback only on this machine, where the address is not that of
 * another program; one elsewhere only over TLS, which proves who it is before it is shown the token. The token has to be the same (`scheduler --token-file`).
 */
export function followLeader(first: ApiClient, how: Pick<ApiClientOptions, 'token' | 'ca'>): ApiClient {
  let current = first;
  const following = async <T>(ask: (client: ApiClient) => Promise<T>): Promise<T> => {
    try {
      return await ask(current);
    } catch (error) {
      const url = error instanceof NotLeaderError ? reachable(error) : undefined;
      if (url === undefined) throw error;
      current = createApiClient({ ...how, url });
      return ask(current);
    }
  };
  return {
    health: () => current.health(),
    scheduler: () => current.scheduler(),
    clusters: () => current.clusters(),
    cluster: (name) => current.cluster(name),
    spec: (name) => current.spec(name),
    plan: (request) => following((client) => client.plan(request)),
    apply: (request) => following((client) => client.apply(request)),
    setIntent: (request) => following((client) => client.setIntent(request)),
    teardown: (request) => following((client) => client.teardown(request)),
    events: (query) => following((client) => client.events(query)),
    revisions: (name) => current.revisions(name),
    suspend: (name, request) => following((client) => client.suspend(name, request)),
    resume: (name, request) => following((client) => client.resume(name, request)),
    rollback: (name, request) => following((client) => client.rollback(name, request)),
    reconcile: (request) => following((client) => client.reconcile(request)),
    readLog: (request) => following((client) => client.readLog(request)),
  };
}

function reachable({ leader }: NotLeaderError): string | undefined {
  if (leader === undefined || !URL.canParse(leader.apiUrl)) return undefined;
  const { hostname: address, protocol } = new URL(leader.apiUrl);
  if (isLoopback(address.replace(/^\[|\]$/g, ''))) {
    return leader.host === hostname() ? leader.apiUrl : undefined;
  }
  return protocol === 'https:' ? leader.apiUrl : undefined;
}
