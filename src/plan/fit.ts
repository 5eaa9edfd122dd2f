/** Whether a broker fits the offers of one agent; if so with what operations, if not why. */
import {
  type DesiredBroker,
  type DesiredListener,
  type DesiredVolume,
  executorResources,
} from '../model/desired.ts';
import type { NodeRuntime } from '../model/launch.ts';
import type { DiskSource, Offer, OfferOperation, Reservation, Resource } from '../model/mesos.ts';
import type { ArtifactCatalog } from '../model/observed.ts';
import { operationId } from '../model/operation-id.ts';
import type { PlacedVolume, Placement } from '../model/records.ts';
import type { BoundPorts } from './bound-ports.ts';
import { type Growing, growId, growOperations } from './growth.ts';
import { choosePort, freeDisk, pickDisk } from './pick.ts';
import { nodeFor, platformOf } from './platform.ts';
import {
  baseOf,
  isFree,
  isReservedFor,
  merged,
  reservationOf,
  reserved,
  sameReservations,
  sameSource,
  takePort,
  takeScalar,
  totalScalar,
} from './resources.ts';

/** All offers in hand of one agent; Mesos lets one ACCEPT use them together. */
export type AgentOffers = {
  readonly agentId: string;
  readonly hostname: string;
  readonly agentUrl?: string;
  readonly offerIds: readonly string[];
  /** Agent attributes with `hostname` among them, so that constraints need no special case. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly domain?: { readonly region: string; readonly zone: string };
  readonly resources: readonly Resource[];
  readonly unavailability?: Offer['unavailability'];
};

export type Want = {
  readonly clusterName: string;
  readonly broker: DesiredBroker;
  /** Where its disk is; absent for a first placement or a relocation. */
  readonly placement?: Placement;
  /** The agent that is being left: no place to go. */
  readonly avoid?: { readonly agentId: string; readonly hostname: string };
  /** The volumes carry data: they must be there, and are never made anew. */
  readonly formatted: boolean;
  /** Nothing is on the volumes, and it is bound to them all the same. */
  readonly keepsVolumes?: true;
  /** A volume that the spec wants larger is grown first. */
  readonly mayGrow?: true;
  /** RESERVE or CREATE failed before, and the task can only say that they did: they ask for feedback. */
  readonly asksWhy?: true;
};

export type FitContext = {
  readonly nowMs: number;
  readonly frameworkName: string;
  readonly role: string;
  readonly principal?: string;
  readonly newUuid: () => string;
  readonly artifacts: Pick<ArtifactCatalog, 'node'>;
  /** Agents on which an operation with an id is refused. */
  readonly giveNoFeedback: ReadonlySet<string>;
  readonly boundPorts?: BoundPorts;
};

export type Fit =
  | {
      readonly fits: true;
      readonly placement: Placement;
      /** The one that runs on this agent. */
      readonly node: NodeRuntime;
      /** RESERVE and CREATE for what is not ours yet, in this order; the LAUNCH comes behind. */
      readonly operations: readonly OfferOperation[];
      readonly taskResources: readonly Resource[];
      readonly executorResources: readonly Resource[];
      /** Absent: it starts with its volumes as they are. Present: these go out by themselves, and it starts on a later offer. */
      readonly growth?: readonly OfferOperation[];
      /** What of the agent's offers is left over. */
      readonly rest: readonly Resource[];
    }
  | { readonly fits: false; readonly reasons: readonly string[] };

/** Listener name under which the controller's port is kept. */
export const controllerListenerName = 'CONTROLLER';

/** For agents whose hostname clients cannot resolve, or which have several addresses. */
export const advertisedHostAttribute = 'advertised_host';

export function fitBroker(want: Want, agent: AgentOffers, context: FitContext): Fit {
  const { broker } = want;
  const incarnation = want.placement?.incarnation ?? context.newUuid();
  const reservation = reservationOf(want.clusterName, broker.id, incarnation, context);
  const isOurs = (resource: Resource): boolean =>
    isReservedFor(resource, reservation.labels) && resource.disk?.volume === undefined;
  const canReserve = (resource: Resource): boolean => isFree(resource, context.role);

  const reasons: string[] = [];
  const used: Resource[] = [];
  const toReserve: Resource[] = [];
  const toCreate: Resource[] = [];
  const growing: Growing[] = [];
  let rest = agent.resources;

  const everywhere = (): boolean => true;
  const fixedFor = (name: string): string => {
    const isFixed = ({ reservations }: Resource): boolean =>
      reservations.length === 1 &&
      reservations[0]?.kind === 'static' &&
      reservations[0].role === context.role;
    const amount = totalScalar(agent.resources.filter(isFixed), name);
    return amount === 0
      ? ''
      : `; ${round(amount)} more are the agent's for role ${context.role} itself, which takes no reservation of ours: let its --resources name a role above, or none`;
  };
  const takeAmount = (
    name: string,
    amount: number,
    source: (resource: Resource) => boolean,
  ): Resource[] | undefined => {
    const ours = takeScalar(rest, name, amount, (r) => isOurs(r) && source(r));
    const fresh = takeScalar(ours.rest, name, ours.short, (r) => canReserve(r) && source(r));
    if (fresh.short > 0) {
      reasons.push(
        `${name} ${round(amount - fresh.short)} of ${round(amount)}${unitOf(name)}${fixedFor(name)}`,
      );
      return undefined;
    }
    rest = fresh.rest;
    toReserve.push(...fresh.taken);
    return [...ours.taken, ...fresh.taken.map((r) => reserved(r, reservation))];
  };

  const cpus = takeAmount('cpus', broker.cpus + executorResources.cpus, everywhere) ?? [];
  const memory = takeAmount('mem', broker.memoryMiB + executorResources.memoryMiB, everywhere) ?? [];

  const volumes: PlacedVolume[] = [];
  for (const { volume, kind, placed } of volumesOf(want)) {
    if (kind === 'hostPath') {
      volumes.push(
        placed ?? {
          name: volume.name,
          kind: 'hostPath',
          sizeMiB: volume.sizeMiB,
          path: volume.hostPath ?? '',
          source: { kind: 'root' },
        },
      );
      continue;
    }
    const persistenceId =
      placed?.persistenceId ?? `${want.clusterName}-${broker.id}-${volume.name}-${incarnation}`;
    const existing = rest.find((r) => r.disk?.volume?.persistenceId === persistenceId);
    if (existing !== undefined) {
      rest = rest.filter((r) => r !== existing);
      used.push(existing);
      const sizeMiB = existing.scalar ?? volume.sizeMiB;
      const wanted = broker.storage.volumes.find((v) => v.name === volume.name)?.sizeMiB ?? 0;
      if (existing.disk?.source.kind !== 'mount' && wanted > sizeMiB) {
        growing.push({ volume: existing, toMiB: wanted });
      }
      volumes.push(
        placed === undefined
          ? placedVolume(
              volume,
              existing.disk?.source ?? { kind: 'root' },
              baseOf(existing),
              sizeMiB,
              persistenceId,
            )
          : { ...placed, sizeMiB },
      );
      continue;
    }
    if (want.formatted && kind === 'persistent') {
      reasons.push(`volume ${volume.name} (${persistenceId}) is not in the offer`);
      continue;
    }
    const disk = pickDisk(rest, volume, (r) => isOurs(r) || canReserve(r));
    if (disk === undefined) {
      const free = rest.filter((r) => isOurs(r) || canReserve(r));
      reasons.push(
        `disk ${round(freeDisk(free, volume))} of ${volume.sizeMiB} MiB (${volume.disk})${fixedFor('disk')}`,
      );
      continue;
    }
    const pieces = takeAmount(
      'disk',
      disk.amountMiB,
      (r) => sameSource(r.disk?.source, disk.source) && sameReservations(baseOf(r), disk.base),
    );
    if (pieces === undefined) {
      continue;
    }
    if (kind === 'sandbox') {
      used.push(...pieces);
      volumes.push({
        name: volume.name,
        kind: 'sandbox',
        sizeMiB: volume.sizeMiB,
        path: `volumes/${volume.name}`,
        source: { kind: 'root' },
      });
      continue;
    }
    const made = placedVolume(volume, disk.source, disk.base, disk.amountMiB, persistenceId);
    for (const piece of merged(pieces)) {
      const created: Resource = {
        ...piece,
        disk: {
          source: disk.source,
          volume: {
            persistenceId,
            ...(context.principal === undefined ? {} : { principal: context.principal }),
            containerPath: made.path,
          },
        },
      };
      toCreate.push(created);
      used.push(created);
    }
    volumes.push(made);
  }

  const ports: Record<string, number> = {};
  const me = `${want.clusterName}/${broker.id}`;
  const others = [...(context.boundPorts?.get(agent.hostname) ?? [])].flatMap(([port, owner]) =>
    owner === me ? [] : [port],
  );
  for (const listener of listenersOf(broker)) {
    const port = choosePort(
      listener,
      want.placement?.ports[listener.name],
      rest,
      // One that is bound already stays, whoever else is bound to it.
      new Set([
        ...(want.placement?.ports[listener.name] === undefined ? others : []),
        ...Object.values(ports),
      ]),
      isOurs,
      canReserve,
    );
    if (typeof port !== 'number') {
      reasons.push(port.reason);
      continue;
    }
    const ours = takePort(rest.filter(isOurs), port);
    const fresh = ours.taken.length > 0 ? { taken: [], rest: [] } : takePort(rest.filter(canReserve), port);
    rest = takePort(rest, port).rest;
    toReserve.push(...fresh.taken);
    used.push(...ours.taken, ...fresh.taken.map((r) => reserved(r, reservation)));
    ports[listener.name] = port;
  }

  const rack = rackOf(broker, agent);
  if (broker.rack !== undefined && rack === undefined) {
    reasons.push(
      broker.rack.kind === 'attribute'
        ? `agent has no attribute ${broker.rack.name}, which names the rack`
        : 'agent has no fault domain, which names the rack',
    );
  }

  const node = nodeFor(agent.attributes, context.artifacts.node);
  if (node === undefined) {
    reasons.push(`no Node for ${platformOf(agent.attributes, context.artifacts.node)} (--agent-node)`);
  }

  if (reasons.length > 0 || node === undefined) {
    return { fits: false, reasons };
  }
  const id = context.giveNoFeedback.has(agent.agentId) ? undefined : growId(incarnation, context.nowMs);
  const growth =
    want.mayGrow === true && growing.length > 0
      ? growOperations(growing, rest, reservation, context.role, id)
      : undefined;
  const executorCpus = takeScalar(cpus, 'cpus', executorResources.cpus, everywhere);
  const executorMemory = takeScalar(memory, 'mem', executorResources.memoryMiB, everywhere);
  const idOf = (kind: 'reserve' | 'create'): { readonly id?: string } =>
    want.asksWhy !== true || context.giveNoFeedback.has(agent.agentId)
      ? {}
      : { id: operationId(kind, incarnation, context.nowMs) };
  const operations: OfferOperation[] = [];
  if (toReserve.length > 0) {
    const resources = merged(toReserve.map((r) => reserved(r, reservation)));
    operations.push({ kind: 'reserve', resources, ...idOf('reserve') });
  }
  if (toCreate.length > 0) {
    operations.push({ kind: 'create', volumes: toCreate, ...idOf('create') });
  }
  return {
    fits: true,
    placement: {
      incarnation,
      agentId: agent.agentId,
      hostname: agent.hostname,
      host: agent.attributes[advertisedHostAttribute] ?? agent.hostname,
      ...(agent.agentUrl === undefined ? {} : { agentUrl: agent.agentUrl }),
      ...(rack === undefined ? {} : { rack }),
      attributes: agent.attributes,
      ports,
      volumes,
      ...(want.placement?.directoryId === undefined ? {} : { directoryId: want.placement.directoryId }),
      boundAtMs: want.placement?.boundAtMs ?? context.nowMs,
    },
    node,
    operations,
    taskResources: merged([...executorCpus.rest, ...executorMemory.rest, ...used]),
    executorResources: merged([...executorCpus.taken, ...executorMemory.taken]),
    ...(growth === undefined ? {} : { growth: growth.operations }),
    rest: growth?.rest ?? rest,
  };
}

/**
 * The volumes to mount, the metadata volume first. A disk that carries data stays as it is, whatever the
 * spec says by now: a volume more, or another order, would be another disk to Kafka.
 */
function volumesOf(want: Want): readonly {
  readonly volume: DesiredVolume;
  readonly kind: PlacedVolume['kind'];
  readonly placed: PlacedVolume | undefined;
}[] {
  const { placement, broker } = want;
  if (placement !== undefined && (want.formatted || want.keepsVolumes === true)) {
    return placement.volumes.map((placed) => ({
      volume: { name: placed.name, sizeMiB: placed.sizeMiB, disk: placed.source.kind },
      kind: placed.kind,
      placed,
    }));
  }
  return broker.storage.volumes.map((volume) => {
    const placed = placement?.volumes.find((v) => v.name === volume.name && v.kind === broker.storage.kind);
    return { volume, kind: broker.storage.kind, placed };
  });
}

/** One entry per agent, by hostname: in which order offers came decides nothing. */
export function groupByAgent(offers: readonly Offer[]): readonly AgentOffers[] {
  const byAgent = new Map<string, AgentOffers>();
  for (const offer of [...offers].sort((a, b) => compare(a.id, b.id))) {
    const known = byAgent.get(offer.agentId);
    byAgent.set(offer.agentId, {
      agentId: offer.agentId,
      hostname: offer.hostname,
      ...(offer.agentUrl === undefined ? {} : { agentUrl: offer.agentUrl }),
      offerIds: [...(known?.offerIds ?? []), offer.id],
      attributes: { ...offer.attributes, hostname: offer.hostname },
      ...(offer.domain === undefined ? {} : { domain: offer.domain }),
      resources: merged([...(known?.resources ?? []), ...offer.resources]),
      ...(offer.unavailability === undefined ? {} : { unavailability: offer.unavailability }),
    });
  }
  return [...byAgent.values()].sort(
    (a, b) => compare(a.hostname, b.hostname) || compare(a.agentId, b.agentId),
  );
}

export function listenersOf(broker: DesiredBroker): readonly DesiredListener[] {
  return broker.controllerListener === undefined
    ? broker.listeners
    : [...broker.listeners, { ...broker.controllerListener, name: controllerListenerName }];
}

function rackOf(broker: DesiredBroker, agent: AgentOffers): string | undefined {
  switch (broker.rack?.kind) {
    case undefined:
      return undefined;
    case 'attribute':
      return agent.attributes[broker.rack.name];
    case 'faultDomain':
      return broker.rack.level === 'zone' ? agent.domain?.zone : agent.domain?.region;
  }
}

function placedVolume(
  volume: DesiredVolume,
  source: DiskSource,
  base: readonly Reservation[],
  sizeMiB: number,
  persistenceId: string,
): PlacedVolume {
  return {
    name: volume.name,
    kind: 'persistent',
    sizeMiB,
    persistenceId,
    // One name, no folders: agents leave a container path with a slash in it out, and only log that they did.
    path: `volume-${volume.name}`,
    source,
    ...(base.length === 0 ? {} : { base }),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const round = (value: number): number => Math.round(value * 1000) / 1000;
const unitOf = (name: string): string => (name === 'mem' || name === 'disk' ? ' MiB' : '');
