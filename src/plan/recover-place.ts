/** Where a broker without a task has its place, by what is reserved for it. */
import type { DesiredBroker } from '../model/desired.ts';
import type { Resource } from '../model/mesos.ts';
import type { AgentEntry } from '../model/mesos-inventory.ts';
import type { BrokerRecord, ClusterRecord, PlacedVolume, Placement } from '../model/records.ts';
import { advertisedHostAttribute, controllerListenerName } from './fit.ts';
import { emptyRecord } from './need.ts';
import { baseOf } from './resources.ts';

/** All that one agent has of one incarnation of one broker. */
export type Reserved = {
  readonly cluster: string;
  readonly broker: number;
  readonly incarnation: string;
  readonly agent: AgentEntry;
  readonly resources: readonly Resource[];
};

export function withPlacement(clusterName: string, id: number, placement: Placement): BrokerRecord {
  return { ...emptyRecord(clusterName, id), placement, formatted: true };
}

export function withoutTask(
  { cluster: clusterName, broker: id, incarnation, agent, resources }: Reserved,
  cluster: ClusterRecord,
  broker: DesiredBroker | undefined,
): BrokerRecord {
  const voter = cluster.voters.find((v) => v.nodeId === id);
  const volumes = volumesOf(clusterName, id, incarnation, resources, broker);
  const rack =
    broker?.rack?.kind === 'attribute' ? agent.attributes[broker.rack.name] : voter?.placement.rack;
  const placement: Placement =
    voter !== undefined && voter.placement.incarnation === incarnation
      ? { ...voter.placement, agentId: agent.agentId, directoryId: voter.directoryId }
      : {
          incarnation,
          agentId: agent.agentId,
          hostname: agent.hostname,
          host: agent.attributes[advertisedHostAttribute] ?? agent.hostname,
          ...(rack === undefined ? {} : { rack }),
          attributes: { ...agent.attributes, hostname: agent.hostname },
          // Bound again at the next launch, from what is reserved for it, lowest first as they once were.
          ports: voter === undefined ? {} : { [controllerListenerName]: voter.port },
          volumes: volumes.length > 0 ? volumes : unmanagedVolumes(broker),
          boundAtMs: 0,
        };
  return withPlacement(clusterName, id, placement);
}

/**
 * In the order of the spec, whose first volume holds the metadata: an agent lists them as it likes. A volume's name is
 * in its persistence id; one that the spec does not have comes last.
 */
function volumesOf(
  cluster: string,
  id: number,
  incarnation: string,
  resources: readonly Resource[],
  broker: DesiredBroker | undefined,
): readonly PlacedVolume[] {
  const [before, after] = [`${cluster}-${id}-`, `-${incarnation}`];
  const wanted = (broker?.storage.volumes ?? []).map((v) => v.name);
  const rank = ({ name }: PlacedVolume): number =>
    wanted.includes(name) ? wanted.indexOf(name) : wanted.length;
  return resources
    .flatMap((resource): readonly PlacedVolume[] => {
      const volume = resource.disk?.volume;
      if (volume === undefined) {
        return [];
      }
      const { persistenceId, containerPath: path } = volume;
      const isOurs = persistenceId.startsWith(before) && persistenceId.endsWith(after);
      return [
        {
          name: isOurs
            ? persistenceId.slice(before.length, -after.length)
            : path.replace(/^(volumes\/|volume-)/, ''),
          kind: 'persistent',
          sizeMiB: resource.scalar ?? 0,
          persistenceId,
          path,
          source: resource.disk?.source ?? { kind: 'root' },
          ...(baseOf(resource).length === 0 ? {} : { base: baseOf(resource) }),
        },
      ];
    })
    .sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

/** A disk that Mesos does not manage is where the spec says; nobody else would know. */
function unmanagedVolumes(broker: DesiredBroker | undefined): readonly PlacedVolume[] {
  const { kind = 'persistent', volumes = [] } = broker?.storage ?? {};
  return kind === 'persistent'
    ? []
    : volumes.map(({ name, sizeMiB, hostPath }) => ({
        name,
        kind,
        sizeMiB,
        path: kind === 'hostPath' ? (hostPath ?? '') : `volumes/${name}`,
        source: { kind: 'root' },
      }));
}
