/** The API's service, which is another one once this scheduler leads; who follows it goes on following. */
import type { SchedulerService } from '../model/api.ts';

export function createServingService(first: SchedulerService): {
  readonly service: SchedulerService;
  readonly serveAs: (next: SchedulerService) => void;
} {
  let current = first;
  const followers = new Map<() => void, () => void>();
  return {
    service: {
      scheduler: () => current.scheduler(),
      clusters: () => current.clusters(),
      cluster: (name) => current.cluster(name),
      spec: (name) => current.spec(name),
      plan: (request) => current.plan(request),
      apply: (request) => current.apply(request),
      setIntent: (request) => current.setIntent(request),
      teardown: (request) => current.teardown(request),
      readLog: (request) => current.readLog(request),
      revisions: (name) => current.revisions(name),
      suspend: (name, request) => current.suspend(name, request),
      resume: (name, request) => current.resume(name, request),
      rollback: (name, request) => current.rollback(name, request),
      reconcile: (request) => current.reconcile(request),
      events: (query) => current.events(query),
      onChange(listener) {
        followers.set(listener, current.onChange(listener));
        return () => {
          followers.get(listener)?.();
          followers.delete(listener);
        };
      },
    },
    serveAs(next) {
      current = next;
      for (const [listener, end] of followers) {
        end();
        followers.set(listener, next.onChange(listener));
        listener();
      }
    },
  };
}
