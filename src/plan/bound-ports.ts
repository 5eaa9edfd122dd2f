/** A port is a broker's from when its record is stored: its reservation may still be to come, or lost on its way. */
import type { ClusterMemory } from '../model/records.ts';

/** By hostname: ports that are bound to brokers, and whose (`cluster/id`). */
export type BoundPorts = ReadonlyMap<string, ReadonlyMap<number, string>>;

export function boundPorts(clusters: readonly ClusterMemory[]): BoundPorts {
  const byHost = new Map<string, Map<number, string>>();
  for (const { spec, cluster, brokers } of clusters) {
    const places = [
      ...(cluster?.voters ?? []).map((v) => ({ id: v.nodeId, placement: v.placement })),
      ...brokers.values(),
    ];
    for (const { id, placement } of places) {
      for (const port of Object.values(placement?.ports ?? {})) {
        const hostname = placement?.hostname ?? '';
        const known = byHost.get(hostname) ?? new Map<number, string>();
        byHost.set(hostname, known.set(port, `${spec.desired.name}/${id}`));
      }
    }
  }
  return byHost;
}
