/**
 * Arithmetic over offered resources. Scalars count in thousandths, as Mesos rounds them, so that
 * 0.1 + 0.2 is 0.3.
 */
import type { DiskSource, PortRange, Reservation, Resource } from '../model/mesos.ts';
import { identityLabels } from '../model/task-labels.ts';

/** Resources that can be taken piece by piece; taking never changes the list given. */
export type Pool = { readonly resources: readonly Resource[] };

export type Taken = { readonly taken: readonly Resource[]; readonly rest: readonly Resource[] };

const toMilli = (value: number): number => Math.round(value * 1000);
const fromMilli = (value: number): number => value / 1000;

export function totalScalar(resources: readonly Resource[], name: string): number {
  return fromMilli(
    resources
      .filter((r) => r.name === name && r.scalar !== undefined)
      .reduce((sum, r) => sum + toMilli(r.scalar ?? 0), 0),
  );
}

/** Takes up to `amount`, in the order of the list; `short` is what could not be had. */
export function takeScalar(
  resources: readonly Resource[],
  name: string,
  amount: number,
  accept: (resource: Resource) => boolean,
): Taken & { readonly short: number } {
  let missing = toMilli(amount);
  const taken: Resource[] = [];
  const rest: Resource[] = [];
  for (const resource of resources) {
    const available = toMilli(resource.scalar ?? 0);
    if (missing <= 0 || resource.name !== name || available <= 0 || !accept(resource)) {
      rest.push(resource);
      continue;
    }
    const part = Math.min(available, missing);
    missing -= part;
    taken.push({ ...resource, scalar: fromMilli(part) });
    if (available > part) {
      rest.push({ ...resource, scalar: fromMilli(available - part) });
    }
  }
  return { taken, rest, short: fromMilli(Math.max(0, missing)) };
}

/** The lowest port of the list that `want` accepts, or undefined; `avoid` are taken already. */
export function lowestPort(
  resources: readonly Resource[],
  want: PortRange,
  avoid: ReadonlySet<number>,
): number | undefined {
  let best: number | undefined;
  for (const range of resources.flatMap((r) => (r.name === 'ports' ? (r.ranges ?? []) : []))) {
    let port = Math.max(range.begin, want.begin);
    while (port <= Math.min(range.end, want.end) && avoid.has(port)) {
      port += 1;
    }
    if (port <= Math.min(range.end, want.end) && (best === undefined || port < best)) {
      best = port;
    }
  }
  return best;
}

/** Takes one port out of the first resource that holds it. */
export function takePort(resources: readonly Resource[], port: number): Taken {
  const taken: Resource[] = [];
  const rest: Resource[] = [];
  for (const resource of resources) {
    const hit =
      taken.length === 0 && resource.name === 'ports'
        ? resource.ranges?.find((r) => r.begin <= port && port <= r.end)
        : undefined;
    if (hit === undefined) {
      rest.push(resource);
      continue;
    }
    taken.push({ ...resource, ranges: [{ begin: port, end: port }] });
    const remaining = (resource.ranges ?? []).flatMap((r) =>
      r === hit
        ? [
            { begin: r.begin, end: port - 1 },
            { begin: port + 1, end: r.end },
          ].filter((half) => half.begin <= half.end)
        : [r],
    );
    if (remaining.length > 0) {
      rest.push({ ...resource, ranges: remaining });
    }
  }
  return { taken, rest };
}

/** The same resource with one more reservation on top (Mesos: push onto `reservations`). */
export function reserved(resource: Resource, reservation: Reservation): Resource {
  return { ...resource, reservations: [...resource.reservations, reservation] };
}

export function sameSource(one: DiskSource | undefined, other: DiskSource | undefined): boolean {
  return JSON.stringify(one ?? { kind: 'root' }) === JSON.stringify(other ?? { kind: 'root' });
}

/**
 * Free for a reservation of ours: unreserved, or statically reserved for a role above ours. What is reserved for our
 * very role takes no further reservation ("is not a refinement", `Resources::validate` of resources.cpp).
 */
export function isFree(resource: Resource, role: string): boolean {
  return (
    resource.disk?.volume === undefined &&
    resource.reservations.every((r) => r.kind === 'static' && role.startsWith(`${r.role}/`))
  );
}

/** How it is reserved below a reservation of ours, made or to come. */
export function baseOf({ reservations }: Resource): readonly Reservation[] {
  return reservations.filter((r) => r.kind === 'static');
}

export function sameReservations(one: readonly Reservation[], other: readonly Reservation[]): boolean {
  return shapeOf(one) === shapeOf(other);
}

/** Labels are a set to Mesos. */
const shapeOf = (reservations: readonly Reservation[]): string =>
  JSON.stringify(
    reservations.map((r) => [r.kind, r.role, r.principal ?? null, Object.entries(r.labels).sort()]),
  );

/** How everything is reserved that an incarnation of a broker has on its agent. */
export function reservationOf(
  clusterName: string,
  brokerId: number,
  incarnation: string,
  {
    frameworkName,
    role,
    principal,
  }: { readonly frameworkName: string; readonly role: string; readonly principal?: string },
): Reservation {
  return {
    kind: 'dynamic',
    role,
    ...(principal === undefined ? {} : { principal }),
    labels: identityLabels({ framework: frameworkName, cluster: clusterName, broker: brokerId, incarnation }),
  };
}

/** Dynamically reserved with all the given labels. */
export function isReservedFor(resource: Resource, labels: Readonly<Record<string, string>>): boolean {
  const innermost = resource.reservations.at(-1);
  return (
    innermost?.kind === 'dynamic' &&
    Object.entries(labels).every(([key, value]) => innermost.labels[key] === value)
  );
}

/** One list in which pieces that differ in the amount only are added up, as Mesos does in its answers. */
export function merged(resources: readonly Resource[]): readonly Resource[] {
  const byShape = new Map<string, Resource>();
  for (const resource of resources) {
    const shape = JSON.stringify([
      resource.name,
      resource.reservations,
      resource.disk ?? null,
      resource.disk?.volume === undefined ? null : byShape.size,
    ]);
    const known = byShape.get(shape);
    if (known === undefined) {
      byShape.set(shape, resource);
    } else if (resource.scalar !== undefined) {
      byShape.set(shape, {
        ...known,
        scalar: fromMilli(toMilli(known.scalar ?? 0) + toMilli(resource.scalar)),
      });
    } else {
      byShape.set(shape, {
        ...known,
        ranges: [...(known.ranges ?? []), ...(resource.ranges ?? [])].sort((a, b) => a.begin - b.begin),
      });
    }
  }
  return [...byShape.values()];
}
