/** The metrics of the catalog over prom-client: what is counted as it happens, and what is so when somebody asks. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import {
  type CounterName,
  catalog,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricName,
  type MetricSpec,
  type Sample,
} from './catalog.ts';

export type Meter = {
  readonly contentType: string;
  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, by?: number): void;
  time<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, tookMs: number): void;
  set<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void;
  /** The page, with these gauges as they are now: those of an earlier page that are not among them are gone. */
  render(samples: readonly Sample[]): Promise<string>;
};

/** Of one metric; the page stays small whatever words Mesos, a client or a spec makes up. */
const maxSeries = 400;

/** Of prom-client's own: what promtool takes for ill-named, and three series for each space of the heap. */
const leftOut = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_heap_space_size_total_bytes',
  'nodejs_heap_space_size_used_bytes',
  'nodejs_heap_space_size_available_bytes',
];

export function createMeter(): Meter {
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const histograms = new Map<string, Histogram>();
  const gauges = new Map<string, Gauge>();
  const sampled = new Set<GaugeName>();
  const bounded = createBound();
  for (const [name, spec] of Object.entries(catalog) as readonly (readonly [MetricName, MetricSpec])[]) {
    const common = { name, help: spec.help, labelNames: Object.keys(spec.labels), registers: [registry] };
    switch (spec.type) {
      case 'counter':
        counters.set(name, new Counter(common));
        break;
      case 'histogram':
        histograms.set(name, new Histogram({ ...common, buckets: [...(spec.buckets ?? [])] }));
        break;
      case 'gauge': {
        const made = new Gauge(common);
        forget(made, spec);
        gauges.set(name, made);
        break;
      }
    }
  }
  collectDefaultMetrics({ register: registry });
  for (const name of leftOut) registry.removeSingleMetric(name);

  return {
    contentType: registry.contentType,
    count: (name, labels, by = 1) => counters.get(name)?.inc(bounded(name, labels), by),
    time: (name, labels, tookMs) => histograms.get(name)?.observe(bounded(name, labels), tookMs / 1000),
    set: (name, labels, value) => gauges.get(name)?.set(bounded(name, labels), value),
    render(samples) {
      for (const name of sampled) {
        const known = gauges.get(name);
        if (known !== undefined) forget(known, catalog[name]);
      }
      for (const { name, labels, value } of samples) {
        sampled.add(name);
        gauges.get(name)?.set(labels, value);
      }
      return registry.metrics();
    },
  };
}

/** Without labels it would be 0 from then on, and what is not known is not 0. */
function forget(known: Gauge, { labels }: MetricSpec): void {
  known.reset();
  if (Object.keys(labels).length === 0) known.remove();
}

/** Labels beyond the bound become `other`. */
function createBound() {
  const known = new Map<string, Set<string>>();
  return (name: string, labels: Readonly<Record<string, string>>): Record<string, string> => {
    const key = JSON.stringify(labels);
    const of = known.get(name) ?? new Set();
    known.set(name, of);
    if (!of.has(key) && of.size >= maxSeries) {
      return Object.fromEntries(Object.keys(labels).map((label) => [label, 'other']));
    }
    of.add(key);
    return { ...labels };
  };
}
