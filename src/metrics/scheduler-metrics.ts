/** The metrics of a scheduler process: where they are counted, and the page that is served. */
import type { SchedulerStatus } from '../model/api.ts';
import type { MesosEvent, MesosPort } from '../model/mesos.ts';
import type { LoopObserver } from '../model/observer.ts';
import type { Store } from '../model/store.ts';
import type { Logger } from '../sys/logger.ts';
import type { Sample } from './catalog.ts';
import { createMeter } from './meter.ts';
import { type LeaderView, leaderSamples, schedulerSamples } from './status-samples.ts';
import { countMesosEvent, createLoopObserver } from './watch-loop.ts';
import { watchMesos, watchStore } from './watch-ports.ts';

export type SchedulerMetrics = {
  readonly contentType: string;
  /** The page. Never rejects; what cannot be asked in time is left out of it. */
  render(): Promise<string>;
  readonly observer: LoopObserver;
  watchStore(store: Store): Store;
  watchMesos(port: MesosPort): MesosPort;
  mesosEvent(event: MesosEvent): void;
  apiRequest(request: ApiRequest): void;
  artifactServed(served: { readonly status: number; readonly bytes: number }): void;
  /** From now on this scheduler leads. */
  lead(view: () => LeaderView): void;
};

export type ApiRequest = {
  /** The pattern, not the path: `/v1/clusters/:name`. Undefined: no route is there. */
  readonly route: string | undefined;
  readonly method: string;
  readonly status: number;
  readonly durationMs: number;
};

/** A store that does not answer must not keep Prometheus waiting, which gives up after ten seconds. */
const patienceMs = 2_000;

export function createSchedulerMetrics(deps: {
  readonly version: string;
  readonly logger: Logger;
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
  readonly scheduler: () => SchedulerStatus | Promise<SchedulerStatus>;
}): SchedulerMetrics {
  const { logger, monotonicMs } = deps;
  const meter = createMeter();
  let view: (() => LeaderView) | undefined;
  meter.set('kafka_mesos_build_info', { version: deps.version, node: process.versions.node }, 1);

  /** Whoever is counted never fails by it. */
  function quietly<Args extends readonly unknown[]>(count: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      try {
        count(...args);
      } catch (error) {
        logger.warn('something was not counted', { error: String(error) });
      }
    };
  }
  function ofLeader(): readonly Sample[] {
    try {
      return view === undefined ? [] : leaderSamples(view());
    } catch (error) {
      logger.warn('the clusters could not be measured', { error: String(error) });
      return [];
    }
  }
  const observer = createLoopObserver(meter, deps);
  const quiet = {
    ...meter,
    count: quietly(meter.count),
    time: quietly(meter.time),
  } as typeof meter;

  return {
    contentType: meter.contentType,
    async render() {
      const beganMs = monotonicMs();
      const status = await inTime(Promise.resolve().then(deps.scheduler));
      const page = await meter.render([
        ...(status === undefined ? [] : schedulerSamples(status)),
        ...ofLeader(),
      ]);
      meter.set('kafka_mesos_scrape_duration_seconds', {}, (monotonicMs() - beganMs) / 1000);
      return page;
    },
    observer: {
      passBegins: quietly(observer.passBegins),
      passEnds: quietly(observer.passEnds),
      taskEnded: quietly(observer.taskEnded),
    },
    watchStore: (store) => watchStore(store, quiet, monotonicMs),
    watchMesos: (port) => watchMesos(port, quiet, monotonicMs),
    mesosEvent: quietly((event) => countMesosEvent(meter, event)),
    apiRequest: quietly(({ route = 'none', method, status, durationMs }) => {
      meter.count('kafka_mesos_api_requests_total', { route, method, code: codeClass(status) });
      meter.time('kafka_mesos_api_request_duration_seconds', { route }, durationMs);
    }),
    artifactServed: quietly(({ status, bytes }) => {
      meter.count('kafka_mesos_artifact_requests_total', { code: codeClass(status) });
      meter.count('kafka_mesos_artifact_bytes_total', {}, bytes);
    }),
    lead(next) {
      view = next;
    },
  };
}

const codeClass = (status: number): string => `${Math.floor(status / 100)}xx`;

function inTime<T>(asked: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patienceMs, undefined);
    asked.then(resolve, () => resolve(undefined)).finally(() => clearTimeout(timer));
  });
}
